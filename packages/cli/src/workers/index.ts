/**
 * Threads that write struct pages for real, for programs that embed them.
 *
 * @since 0.1.0
 */
export * as Past from "./Past.ts"
export * as WriterMemmap from "./WriterMemmap.ts"
export * as Writers from "./Writers.ts"
