/**
 * Which lines of `/proc/iomem` are about memory (OBS-3 … OBS-6).
 *
 * @since 0.1.0
 */

const names = /^(?:System RAM(?: \(kmem\))?|Reserved|Persistent Memory.*|(?:namespace|dax)[0-9]+\.[0-9]+)$/

/**
 * Whether a resource of this name is System RAM, reserved, persistent memory, a namespace, a dax instance or kmem's.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isMemory = (name: string): boolean => names.test(name)

const line = /^ *[0-9a-f]{8,16}-[0-9a-f]{8,16} : (.*)$/

/**
 * The text without the lines of other resources, if every line is one of `/proc/iomem`; else the text itself.
 *
 * @category combinators
 * @since 0.1.0
 */
export const inScope = (text: string): string => {
  const lines = text.split("\n").map((part) => ({ part, name: part === "" ? "" : line.exec(part)?.[1] }))
  return lines.some(({ name }) => name !== undefined && isMemory(name))
    ? lines.filter(({ name }) => name === undefined || name === "" || isMemory(name)).map(({ part }) => part).join("\n")
    : text
}
