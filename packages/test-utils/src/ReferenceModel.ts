/**
 * The memory subsystem once more, written from the specification alone: page by page, section by section, without a thought
 * for cost. What the engine does on a small machine must be what this model does.
 *
 * It imports nothing of the engine but geometry and releases; the RAM, nodes and boot zones of the machine are given to it.
 *
 * @since 0.1.0
 */

/** @since 0.1.0 */
export * from "./reference/Boot.ts"
/** @since 0.1.0 */
export * from "./reference/Pagemaps.ts"
/** @since 0.1.0 */
export * from "./reference/State.ts"
/** @since 0.1.0 */
export * from "./reference/SystemRam.ts"
