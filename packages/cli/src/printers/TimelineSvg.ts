/**
 * Timelines as one SVG document that needs nothing else: a row for each lane, spans as bars in the colour of their
 * name, instants as markers.
 *
 * It is drawn for light and dark surroundings, says in words what it shows, and is of bounded size: spans too short
 * to be told apart are one pale bar, and lanes beyond a limit one row that shows how busy they were.
 *
 * @since 0.1.0
 */
import type * as Tracks from "@vmemmap/core/time/Tracks"
import * as Label from "./Label.ts"
import * as SvgText from "./SvgText.ts"
import * as TimeAxis from "./TimeAxis.ts"
import * as TimelinePlan from "./TimelinePlan.ts"
import * as TimelineShapes from "./TimelineShapes.ts"

/**
 * What to draw and how much of it. On a `common` axis equal times of several timelines stand under each other.
 * `lanes` (24) are shown of each group and `groups` (32) of each timeline; `shapes` (6000) bounds bars and markers,
 * but for one or two a row; `width` (1200) is in pixels.
 *
 * @category models
 * @since 0.1.0
 */
export interface Look {
  readonly title: string
  readonly axis?: "common" | "own" | undefined
  readonly width?: number | undefined
  readonly lanes?: number | undefined
  readonly groups?: number | undefined
  readonly shapes?: number | undefined
}

const { number } = SvgText

const style = [
  ".tl text{font:11px sans-serif;fill:#24292f}",
  ".tl .title{font-size:18px;font-weight:600}",
  ".tl .name{font-size:14px;font-weight:600}",
  ".tl .group{font-weight:600}",
  ".tl .muted{fill:#57606a}",
  ".tl .bg{fill:#fff}",
  ".tl .band{fill:#f3f5f7}",
  ".tl .grid{stroke:#d0d7de}",
  ".tl .mark{fill:#24292f;stroke:#fff}",
  ".tl .rest{fill:#8c959f}",
  ...TimelineShapes.hues.map((hue, i) => `.tl .h${i}{fill:${hue}}`),
  "@media (prefers-color-scheme:dark){",
  ".tl text{fill:#e6edf3}",
  ".tl .muted{fill:#9da7b1}",
  ".tl .bg{fill:#0f1318}",
  ".tl .band{fill:#181e25}",
  ".tl .grid{stroke:#343c46}",
  ".tl .mark{fill:#e6edf3;stroke:#0f1318}",
  "}",
  ".tl .small{font-size:10px}",
  ".tl .in{font-size:10px;fill:#111;pointer-events:none}",
  ".tl .in0{fill:#fff}"
].join("\n")

const margin = 24
const pitch = TimelineShapes.barHeight + 2
const rowGap = 4
const busyWidth = 46

/** A page higher than this has its times at both ends. */
const tall = 600

/** What is the same on the whole page. */
interface Sheet extends Omit<TimelineShapes.Scale, "x"> {
  readonly width: number
  readonly groupWidth: number
  readonly laneRight: number
}

/** A timeline on the page. */
interface Drawing extends Sheet, TimelineShapes.Scale {}

const heightOf = ({ clusters, pieces, profile }: TimelinePlan.Row): number =>
  Math.max(1, pieces.length + (profile === null ? 0 : 1) + (clusters.length === 0 ? 0 : 1)) * pitch + rowGap

/** Instants are above the bars; the names are next to these. */
const rowShapes = (
  { busy, clusters, label, pieces, profile }: TimelinePlan.Row,
  top: number,
  drawing: Drawing
): ReadonlyArray<string> => {
  const first = top + rowGap / 2 + 1
  const bars = first + (clusters.length > 0 && (pieces.length > 0 || profile !== null) ? pitch : 0)
  const share = busy === null ? "" : TimeAxis.percent(busy)
  const fitted = SvgText.fit(label, drawing.laneRight - margin - drawing.groupWidth - 8, 11, Label.fit)
  return [
    SvgText.text(drawing.laneRight, bars + 10, fitted, "text-anchor=\"end\"", label),
    SvgText.text(drawing.width - margin, bars + 10, share, "class=\"muted\" text-anchor=\"end\""),
    ...TimelineShapes.clusters(clusters, first, drawing),
    ...(profile === null ? [] : [TimelineShapes.profile(profile, bars, `${label}: busy ${share} on average`, drawing)]),
    ...pieces.flatMap((row, i) => row.map((piece) => TimelineShapes.piece(piece, bars + i * pitch, drawing)))
  ]
}

interface GroupShapes {
  readonly band: ReadonlyArray<string>
  readonly lines: ReadonlyArray<string>
  readonly bottom: number
}

const groupShapes = ({ name, rows }: TimelinePlan.Group, index: number, top: number, drawing: Drawing): GroupShapes => {
  let bottom = top
  const lines = rows.flatMap((row) => {
    const own = rowShapes(row, bottom, drawing)
    bottom += heightOf(row)
    return own
  })
  const [left, width] = [margin - 8, drawing.width - 2 * margin + 16]
  const band = `<rect class="band" x="${left}" y="${top}" width="${width}" height="${bottom - top}"/>`
  const label = SvgText.fit(name, drawing.groupWidth, 12, Label.fit)
  return {
    band: index % 2 === 0 ? [band] : [],
    lines: [SvgText.text(margin, top + 13, label, "class=\"group\"", name), ...lines],
    bottom
  }
}

const gridShapes = (axis: TimeAxis.TimeAxis, top: number, bottom: number, drawing: Drawing): ReadonlyArray<string> => {
  const { right, width, x } = drawing
  const labels = (y: number): ReadonlyArray<string> =>
    axis.ticks.filter(({ at, label }) => x(at) + SvgText.width(label, 11) / 2 < right + 12).map(({ at, label }) =>
      SvgText.text(x(at), y, label, "class=\"muted\" text-anchor=\"middle\"")
    )
  return [
    ...axis.ticks.map(({ at }) => `<path class="grid" d="M${number(x(at))} ${top - 3}V${bottom}"/>`),
    ...labels(top - 7),
    ...(bottom - top > tall ? labels(bottom + 14) : []),
    SvgText.text(width - margin, top - 7, "busy", "class=\"muted\" text-anchor=\"end\"")
  ]
}

/** Lines of the page, and where the next ones begin. */
interface Part {
  readonly lines: ReadonlyArray<string>
  readonly bottom: number
}

const blockShapes = ({ axis: extent, groups, name }: TimelinePlan.Block, top: number, sheet: Sheet): Part => {
  const fitted = SvgText.fit(name, sheet.width - 2 * margin, 15)
  const heading = SvgText.text(margin, top + 14, fitted, "class=\"name\"", name)
  const under = top + (name === "" ? 0 : 24)
  if (extent === null) {
    const nothing = SvgText.text(margin, under + 11, "nothing happened", "class=\"muted\"")
    return { lines: [heading, nothing], bottom: under + 32 }
  }
  const { left, right } = sheet
  const axis = TimeAxis.make(extent, Math.max(2, Math.floor((right - left) / 90)))
  const x = (nanos: number): number => left + (nanos - axis.start) / (axis.end - axis.start) * (right - left)
  const origin = axis.origin === 0 ? "" : `from ${TimeAxis.exact(axis.origin)} on`
  const grid = under + 18 + (origin === "" ? 0 : 16)
  let bottom = grid
  const drawing = { ...sheet, x }
  const shapes = groups.map((group, i) => {
    const own = groupShapes(group, i, bottom, drawing)
    bottom = own.bottom
    return own
  })
  const lines = [
    heading,
    SvgText.text(margin, under + 11, origin, "class=\"muted\""),
    ...shapes.flatMap(({ band }) => band),
    ...gridShapes(axis, grid, bottom, drawing),
    ...shapes.flatMap((group) => group.lines)
  ]
  return { lines, bottom: bottom + 28 }
}

/** Signs and what they mean, in as many lines as they take. */
const legendShapes = ({ blocks, instants, spans }: TimelinePlan.Plan, top: number, sheet: Sheet): Part => {
  const swatch = (hue: number, opacity = ""): string =>
    `<rect width="12" height="12" rx="2" class="h${hue}"${opacity}/>`
  const marker = (index: number): string => `<path class="mark" d="M6 6${TimelineShapes.markers[index] ?? ""}"/>`
  const [named, others] = [spans.slice(0, TimelineShapes.hues.length - 1), spans.slice(TimelineShapes.hues.length - 1)]
  const [marked, unmarked] = [
    instants.slice(0, TimelineShapes.markers.length - 1),
    instants.slice(TimelineShapes.markers.length - 1)
  ]
  const rows = blocks.flatMap(({ groups }) => groups.flatMap((group) => group.rows))
  const isJoined = rows.some(({ pieces }) => pieces.some((row) => row.some(({ entries }) => entries.length > 1)))
  const items: ReadonlyArray<readonly [sign: string, text: string]> = [
    ...named.map((tally, i) =>
      [swatch(i), TimelineShapes.tallyText({ ...tally, name: SvgText.fit(Label.named(tally.name), 240, 11) })] as const
    ),
    ...(others.length === 0
      ? []
      : [[swatch(TimelineShapes.hues.length - 1), Label.plural(others.length, "more name")] as const]),
    ...(isJoined
      ? [
        [
          swatch(TimelineShapes.hues.length - 1, " fill-opacity=\"0.4\""),
          "short spans drawn as one, pale where idle"
        ] as const
      ]
      : []),
    ...(rows.some(({ profile }) => profile !== null)
      ? [["<path class=\"rest\" d=\"M0 12V6h4V2h4v4h4v6z\"/>", "several lanes: how busy on average"] as const]
      : []),
    ...marked.map((tally, i) =>
      [marker(i), TimelineShapes.tallyText({ ...tally, name: SvgText.fit(Label.named(tally.name), 240, 11) })] as const
    ),
    ...(instants.length < 2
      ? []
      : [
        [
          marker(TimelineShapes.markers.length - 1),
          unmarked.length === 0
            ? "several at once"
            : `${Label.plural(unmarked.length, "more name")}, or several at once`
        ] as const
      ])
  ]
  let x = margin
  let y = top
  const lines = items.map(([sign, text], i) => {
    const width = 18 + SvgText.width(text, 11) + 18
    if (i > 0 && x + width > sheet.width - margin) {
      x = margin
      y += 20
    }
    const line = `<g transform="translate(${number(x)} ${y})">${sign}${SvgText.text(18, 10, text, "", text)}</g>`
    x += width
    return line
  })
  return { lines, bottom: y + (items.length === 0 ? 0 : 34) }
}

const countOf = (tallies: ReadonlyArray<Tracks.Tally>): number => tallies.reduce((sum, { count }) => sum + count, 0)

const description = ({ blocks, instants, spans }: TimelinePlan.Plan): ReadonlyArray<string> => [
  `${Label.plural(countOf(spans), "span")} and ${Label.plural(countOf(instants), "instant")}${
    blocks.length === 1 ? "" : ` in ${Label.plural(blocks.length, "timeline")}`
  }.`,
  ...blocks.map(({ axis, groups, name }) =>
    `${name === "" ? "" : `${Label.printable(name)}: `}${
      axis === null
        ? "nothing happened"
        : `${TimeAxis.duration(axis.start)} to ${TimeAxis.duration(axis.end)}, ${Label.plural(groups.length, "group")}`
    }.`
  ),
  ...(spans.length === 0 ? [] : [`Longest: ${TimelineShapes.tallyLines(spans).join("; ")}.`]),
  ...(instants.length === 0 ? [] : [`Instants: ${TimelineShapes.tallyLines(instants).join("; ")}.`])
]

/** As wide as the longest of them, within bounds. */
const columnFor = (names: ReadonlyArray<string>, least: number, most: number, size: number): number =>
  Math.ceil(
    names.reduce((widest, name) => Math.min(most, Math.max(widest, SvgText.width(Label.printable(name), size))), least)
  )

/**
 * The document. The same timelines and look give the same text.
 *
 * @category printing
 * @since 0.1.0
 */
export const svg = (timelines: ReadonlyArray<Tracks.Named>, look: Look): string => {
  const width = Math.max(480, look.width ?? 1200)
  const plan = TimelinePlan.make(timelines, look.axis === "common", {
    pixels: Math.floor(width * 0.8),
    lanes: look.lanes ?? 24,
    groups: look.groups ?? 32,
    shapes: look.shapes ?? 6000
  })
  const groups = plan.blocks.flatMap((block) => block.groups)
  const groupWidth = columnFor(groups.map(({ name }) => name), 40, width / 8, 12)
  const laneWidth = columnFor(groups.flatMap(({ rows }) => rows.map(({ label }) => label)), 40, width / 8, 11)
  const laneRight = margin + groupWidth + 8 + laneWidth
  const hueOf = new Map(plan.spans.slice(0, TimelineShapes.hues.length - 1).map(({ name }, i) => [name, i]))
  const markerOf = new Map(plan.instants.slice(0, TimelineShapes.markers.length - 1).map(({ name }, i) => [name, i]))
  const sheet: Sheet = {
    width,
    groupWidth,
    laneRight,
    left: laneRight + 8,
    right: width - margin - busyWidth,
    hueOf: (name) => hueOf.get(name) ?? TimelineShapes.hues.length - 1,
    markerOf: (name) => markerOf.get(name) ?? TimelineShapes.markers.length - 1
  }
  const words = description(plan)
  const title = Label.printable(look.title)
  const legend = legendShapes(plan, 76, sheet)
  let { bottom } = legend
  const blocks = plan.blocks.flatMap((block) => {
    const own = blockShapes(block, bottom, sheet)
    bottom = own.bottom
    return own.lines
  })
  const height = bottom + 4
  const size = `width="${width}" height="${height}"`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="tl" role="img" ${size} viewBox="0 0 ${width} ${height}">`,
    `<title>${Label.xml(title)}</title>`,
    `<desc>${words.map(Label.xml).join(" ")}</desc>`,
    `<style>${style}</style>`,
    `<rect class="bg" ${size}/>`,
    SvgText.text(margin, 38, SvgText.fit(title, width - 2 * margin, 18), "class=\"title\"", title),
    SvgText.text(margin, 58, SvgText.fit(words[0] ?? "", width - 2 * margin, 11), "class=\"muted\""),
    ...legend.lines,
    ...blocks,
    "</svg>",
    ""
  ].filter((line, i, all) => line !== "" || i === all.length - 1).join("\n")
}
