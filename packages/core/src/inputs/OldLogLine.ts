/**
 * Lines of kernels before 3.6 in the words of later ones: ranges were written `start - end (type)` or as pfns, their ends not
 * included.
 *
 * @since 0.1.0
 */

const mem = (start: number, end: number): string => `[mem 0x${start.toString(16)}-0x${(end - 1).toString(16)}]`

const bytes = (start: string | undefined, end: string | undefined): string =>
  mem(Number.parseInt(start ?? "", 16), Number.parseInt(end ?? "", 16))

/** Every architecture those kernels ran on with such lines has pages of 4 KiB: they are a PC's. */
const pages = (start: string | undefined, end: string | undefined): string =>
  mem(Number.parseInt(start ?? "", 16) * 4096, Number.parseInt(end ?? "", 16) * 4096)

type Match = ReadonlyArray<string | undefined>

const forms: ReadonlyArray<readonly [RegExp, (match: Match) => string]> = [
  [
    /(?:^|\s)(BIOS-e820|user|modified|extended): ([0-9a-f]{16}) - ([0-9a-f]{16}) \(?([^)]+)\)?$/,
    ([, table, start, end, type]) => `${table}: ${bytes(start, end)} ${type}`
  ],
  [
    /\be820 update range: ([0-9a-f]{16}) - ([0-9a-f]{16}) \(([^)]+)\) ==> \(([^)]+)\)$/,
    ([, start, end, from, to]) => `e820: update ${bytes(start, end)} ${from} ==> ${to}`
  ],
  [
    /\be820 remove range: ([0-9a-f]{16}) - ([0-9a-f]{16}) \(([^)]+)\)$/,
    ([, start, end, type]) => `e820: remove ${bytes(start, end)} ${type}`
  ],
  [
    /(?:^|\s)(DMA|DMA32|Normal|HighMem|Movable) +0x([0-9a-f]{8,13}) -> 0x([0-9a-f]{8,13})$/,
    ([, zone, start, end]) => `  ${zone} ${pages(start, end)}`
  ],
  [
    /(?:^|\s)([0-9]{1,6}): 0x([0-9a-f]{8,13}) -> 0x([0-9a-f]{8,13})$/,
    ([, node, start, end]) => `  node ${node}: ${pages(start, end)}`
  ],
  [
    /\bSRAT: Node ([0-9]{1,6}) PXM ([0-9]{1,6}) ([0-9a-f]{1,16})-([0-9a-f]{1,16})$/,
    ([, node, domain, start, end]) => `SRAT: Node ${node} PXM ${domain} ${bytes(start, end)}`
  ],
  [
    /\bInitmem setup node ([0-9]{1,6}) ([0-9a-f]{16})-([0-9a-f]{16})$/,
    ([, node, start, end]) => `Initmem setup node ${node} ${bytes(start, end)}`
  ]
]

/** What each of the old forms has, and hardly any other line. */
const worth = /[0-9a-f]{16} ?- ?[0-9a-f]{16}| -> 0x|PXM [0-9]+ [0-9a-f]+-/

/**
 * The line, or what a later kernel would have printed instead.
 *
 * @category parsing
 * @since 0.1.0
 */
export const modern = (line: string): string => {
  if (!worth.test(line)) return line
  for (const [form, write] of forms) {
    const match = form.exec(line)
    if (match !== null) return write(match)
  }
  return line
}
