/**
 * The shapes of a picture of timelines: bars of spans, markers of instants and outlines of how busy lanes were, each
 * with its tooltip.
 *
 * @since 0.1.0
 */
import type { Entry } from "@vmemmap/core/time/Timeline"
import * as Tracks from "@vmemmap/core/time/Tracks"
import * as Label from "./Label.ts"
import * as SvgText from "./SvgText.ts"
import * as TimeAxis from "./TimeAxis.ts"
import type { Piece } from "./TimelinePieces.ts"
import type * as TimelinePlan from "./TimelinePlan.ts"

const { number } = SvgText

/**
 * Blue, orange, green, vermilion, sky blue and purple of Okabe and Ito, which all eyes tell apart, then grey for all
 * further names.
 *
 * @category constants
 * @since 0.1.0
 */
export const hues = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#999"]

/**
 * Paths around the middle of a marker; the last is for all further names and for several instants at once.
 *
 * @category constants
 * @since 0.1.0
 */
export const markers = [
  "m0-5 5 5-5 5-5-5z",
  "m0-5 5 9h-10z",
  "m-4-4h8v8h-8z",
  "m0 5 5-9h-10z",
  "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
  "m-1.5-5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z"
]

/**
 * How high a bar is, in pixels.
 *
 * @category constants
 * @since 0.1.0
 */
export const barHeight = 12

/**
 * Where times are drawn, and in which colour and with which marker names are: numbers of `hues` and `markers`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Scale {
  readonly left: number
  readonly right: number
  readonly x: (nanos: number) => number
  readonly hueOf: (name: string) => number
  readonly markerOf: (name: string) => number
}

const tooltip = (lines: ReadonlyArray<string>): string => `<title>${lines.map(Label.xml).join("\n")}</title>`

const mostDetails = 8

const entryTooltip = ({ details, end, group, kind, lane, name, start }: Entry): string => {
  const took = kind === "span" ? ` to ${TimeAxis.exact(end)}, ${TimeAxis.duration(end - start)}` : ""
  const known = Object.entries(details).slice(0, mostDetails).map(([key, value]) => `${key}: ${value}`)
  return tooltip([Label.named(name), `${group} / ${lane}`, `${TimeAxis.exact(start)}${took}`, ...known])
}

const mostNames = 4

/**
 * A name with how often it was and how long it took.
 *
 * @category printing
 * @since 0.1.0
 */
export const tallyText = ({ count, name, nanos }: Tracks.Tally): string =>
  `${Label.named(name)}${count === 1 ? "" : ` ×${count}`}${nanos === 0 ? "" : `, ${TimeAxis.duration(nanos)}`}`

/**
 * The first names, and how many more there are.
 *
 * @category printing
 * @since 0.1.0
 */
export const tallyLines = (tallies: ReadonlyArray<Tracks.Tally>): ReadonlyArray<string> => [
  ...tallies.slice(0, mostNames).map(tallyText),
  ...(tallies.length > mostNames ? [`… ${Label.plural(tallies.length - mostNames, "more name")}`] : [])
]

/**
 * A bar: of one span, with its name where there is room, or of several, as pale as nothing was going on.
 *
 * @category printing
 * @since 0.1.0
 */
export const piece = (piece: Piece, y: number, { hueOf, x }: Scale): string => {
  const [only] = piece.entries
  const left = x(piece.start)
  const width = Math.max(1, x(piece.end) - left)
  const rect = (hue: number, more: string, title: string): string =>
    `<rect x="${number(left)}" y="${y}" width="${number(width > 3 ? width - 0.5 : width)}" height="${barHeight}"${
      width > 6 ? " rx=\"2\"" : ""
    } class="h${hue}"${more}>${title}</rect>`
  if (only !== undefined && piece.entries.length === 1) {
    const hue = hueOf(only.name)
    const inside = width < 40 ? "" : SvgText.fit(only.name, width - 8, 10)
    return rect(hue, "", entryTooltip(only)) + SvgText.text(left + 4, y + 9.5, inside, `class="in in${hue}"`, inside)
  }
  const names = Tracks.tally(piece.entries)
  const share = piece.end === piece.start ? 1 : piece.busy / (piece.end - piece.start)
  const opacity = Math.max(0.35, share)
  return rect(
    hueOf(names[0]?.name ?? ""),
    opacity > 0.95 ? "" : ` fill-opacity="${number(opacity)}"`,
    tooltip([
      `${piece.entries.length} spans, busy ${TimeAxis.percent(share)}`,
      ...tallyLines(names),
      `${TimeAxis.exact(piece.start)} to ${TimeAxis.exact(piece.end)}`
    ])
  )
}

const clusterLabel = (tallies: ReadonlyArray<Tracks.Tally>, count: number): string =>
  tallies.length === 1 && tallies[0] !== undefined ? tallyText(tallies[0]) : `${count} instants`

const halfMarker = 5

/**
 * Markers, with their names where these fit before the next one, or left of the last.
 *
 * @category printing
 * @since 0.1.0
 */
export const clusters = (
  clusters: TimelinePlan.Row["clusters"],
  y: number,
  { left, markerOf, right, x }: Scale
): ReadonlyArray<string> => {
  let free = left
  return clusters.map((entries, i) => {
    const at = x(entries[0]?.start ?? 0)
    const next = clusters[i + 1]?.[0]
    const tallies = Tracks.tally(entries)
    const [only] = entries
    const marker = tallies.length === 1 ? markerOf(tallies[0]?.name ?? "") : markers.length - 1
    const title = only !== undefined && entries.length === 1
      ? entryTooltip(only)
      : tooltip([`${entries.length} instants from ${TimeAxis.exact(only?.start ?? 0)} on`, ...tallyLines(tallies)])
    const end = next === undefined ? right : x(next.start) - halfMarker - 4
    const label = clusterLabel(tallies, entries.length)
    const after = SvgText.fit(label, end - at - halfMarker - 4, 10)
    const room = at - halfMarker - 4 - free
    const before = after === "" && next === undefined ? SvgText.fit(label, room, 10) : ""
    free = at + halfMarker + 4 + SvgText.width(after, 10)
    return `<path class="mark" d="M${number(at)} ${y + 6}${markers[marker] ?? ""}">${title}</path>` +
      SvgText.text(at + halfMarker + 3, y + 9.5, after, "class=\"muted small\"", label) +
      SvgText.text(at - halfMarker - 3, y + 9.5, before, "class=\"muted small\" text-anchor=\"end\"", label)
  })
}

/**
 * The outline of a profile.
 *
 * @category printing
 * @since 0.1.0
 */
export const profile = (
  shares: ReadonlyArray<number>,
  y: number,
  title: string,
  { left, right }: Scale
): string => {
  const bottom = y + barHeight
  const column = (right - left) / shares.length
  let path = `M${number(left)} ${bottom}`
  let last = 0
  shares.forEach((share, i) => {
    const height = Math.round(share * barHeight * 4) / 4
    if (height === last) return
    path += `H${number(left + i * column)}V${number(bottom - height)}`
    last = height
  })
  return `<path class="rest" d="${path}H${number(right)}V${bottom}z">${tooltip([title])}</path>`
}
