/**
 * Timelines as a picture of characters: a row for each lane, under its group, over an axis of time.
 *
 * A column stands for a stretch of time; how high it is filled says how much of that somebody was busy. So any number
 * of spans makes a picture of the same size.
 *
 * @since 0.1.0
 */
import * as Tracks from "@vmemmap/core/time/Tracks"
import * as Label from "./Label.ts"
import * as Style from "./Style.ts"
import * as Table from "./Table.ts"
import * as TimeAxis from "./TimeAxis.ts"
import * as TimeColumns from "./TimeColumns.ts"
import * as TimelinePlan from "./TimelinePlan.ts"

/**
 * How to draw. `width` 0 means no terminal: 80. Without `unicode` only ASCII is printed. `lanes` (8) are shown of each
 * group and `groups` (16) of each timeline, the rest is one row; on a `common` axis equal times of several timelines
 * stand under each other.
 *
 * @category models
 * @since 0.1.0
 */
export interface Look {
  readonly width: number
  readonly colour: boolean
  readonly unicode: boolean
  readonly lanes?: number | undefined
  readonly groups?: number | undefined
  readonly axis?: "common" | "own" | undefined
}

const mostLanes = 8
const mostGroups = 16

interface Glyphs {
  /** From empty to full. */
  readonly levels: string
  readonly tick: string
  readonly line: string
  readonly ellipsis: string
  readonly times: string
  /** What the levels say. */
  readonly meaning: string
  readonly clean: (text: string) => string
}

const unicode: Glyphs = {
  levels: " ▁▂▃▄▅▆▇█",
  tick: "┬",
  line: "─",
  ellipsis: "…",
  times: "×",
  meaning: "its height how much of that was busy",
  clean: Label.named
}

const ascii: Glyphs = {
  levels: " .-=#",
  tick: "+",
  line: "-",
  ellipsis: "...",
  times: "x",
  meaning: "busy from none of it to all: blank . - = #",
  clean: Label.ascii
}

/** Cyan, yellow, magenta, blue, green, red: for the names that take most. */
const hues = [36, 33, 35, 34, 32, 31]

const letters = "ABCDEFGH"

/** Of names without a letter, and where several instants are in one column. */
const several = "*"

/** What is the same for all rows of a picture. */
interface Sheet {
  readonly glyphs: Glyphs
  readonly style: Style.Style
  readonly colour: boolean
  readonly width: number
  /** Cells of the names, the bars and the percentages. */
  readonly label: number
  readonly bar: number
  readonly share: number
  readonly hueOf: ReadonlyMap<string, number>
  readonly letterOf: ReadonlyMap<string, string>
}

const level = (share: number, levels: string): string => {
  const most = levels.length - 1
  return levels[share <= 0 ? 0 : Math.min(most, Math.max(1, Math.round(share * most)))] ?? ""
}

/**
 * The hue of each column: of the name that took most of it; of two that took the same, of the rarer, which lies
 * within the other.
 */
const huesOf = (lanes: ReadonlyArray<Tracks.Lane>, place: Place, { bar, hueOf }: Sheet): ReadonlyArray<number> => {
  const byHue = new Map<number, TimeColumns.TimeColumns>()
  for (const { spans } of lanes) {
    for (const { end, name, start } of spans) {
      const hue = hueOf.get(name) ?? 0
      const own = byHue.get(hue) ?? TimeColumns.make(bar)
      byHue.set(hue, own)
      TimeColumns.add(own, place(start), place(end))
    }
  }
  const shares = [0, ...hues].flatMap((hue) => {
    const own = byHue.get(hue)
    return own === undefined ? [] : [{ hue, shares: TimeColumns.sums(own) }]
  })
  return Array.from({ length: bar }, (_, i) => {
    let best = { hue: 0, share: 0 }
    for (const { hue, shares: own } of shares) {
      const share = own[i] ?? 0
      if (share > 0 && share >= best.share - TimeColumns.trace) best = { hue, share }
    }
    return best.hue
  })
}

/** Columns of a time. */
type Place = (nanos: number) => number

const marks = (
  lanes: ReadonlyArray<Tracks.Lane>,
  place: Place,
  { bar, letterOf }: Sheet
): ReadonlyMap<number, string> => {
  const found = new Map<number, string>()
  for (const { instants } of lanes) {
    for (const { name, start } of instants) {
      const at = Math.min(bar - 1, Math.max(0, Math.floor(place(start))))
      const letter = letterOf.get(name) ?? several
      found.set(at, (found.get(at) ?? letter) === letter ? letter : several)
    }
  }
  return found
}

const painted = (text: string, hue: number): string => hue === 0 ? text : `\u001b[${hue}m${text}\u001b[39m`

/** Neighbours of one hue are painted at once. */
const paint = (cells: ReadonlyArray<{ readonly text: string; readonly hue: number }>): string => {
  let out = ""
  let run = ""
  cells.forEach(({ hue, text }, i) => {
    run += text
    if (cells[i + 1]?.hue === hue) return
    out += painted(run, hue)
    run = ""
  })
  return out
}

/** Lanes drawn in one row: how busy they are on average. */
interface Row {
  readonly label: string
  readonly lanes: ReadonlyArray<Tracks.Lane>
}

const row = ({ label, lanes }: Row, axis: TimeAxis.TimeAxis, own: Tracks.Extent, sheet: Sheet): string => {
  const { bar, colour, glyphs, style } = sheet
  const place: Place = (nanos) => (nanos - axis.start) / (axis.end - axis.start) * bar
  const found = marks(lanes, place, sheet)
  const colours = colour ? huesOf(lanes, place, sheet) : []
  const cells = TimelinePlan.profile(lanes, axis, bar).map((filled, i) => {
    const mark = found.get(i)
    return mark === undefined
      ? { text: level(filled, glyphs.levels), hue: colours[i] ?? 0 }
      : { text: style.bold(mark), hue: 0 }
  })
  const busy = TimelinePlan.busyShare(lanes, own)
  return [
    Label.pad(Label.fit(label, sheet.label, glyphs.ellipsis), sheet.label),
    paint(cells),
    ...(sheet.share === 0 || busy === null ? [] : [TimeAxis.percent(busy).padStart(sheet.share)])
  ].join("  ").trimEnd()
}

const laneLabel = (name: string, { clean }: Glyphs): string => `  ${clean(name)}`

const restLabel = (lanes: ReadonlyArray<Tracks.Lane>, { ellipsis }: Glyphs): string =>
  `  ${ellipsis} ${Label.plural(lanes.length, "more lane")}`

const othersLabel = (groups: ReadonlyArray<Tracks.Group>): string =>
  `  ${Label.plural(groups.reduce((sum, { lanes }) => sum + lanes.length, 0), "lane")}`

const groupLines = (
  { lanes, name }: Tracks.Group,
  most: number,
  axis: TimeAxis.TimeAxis,
  own: Tracks.Extent,
  sheet: Sheet
): ReadonlyArray<string> => {
  const { glyphs, style, width } = sheet
  const [shown, rest] = TimelinePlan.folded(lanes, most)
  return [
    style.bold(Label.fit(glyphs.clean(name), width, glyphs.ellipsis)),
    ...shown.map((lane) => row({ label: laneLabel(lane.name, glyphs), lanes: [lane] }, axis, own, sheet)),
    ...(rest.length === 0 ? [] : [row({ label: restLabel(rest, glyphs), lanes: rest }, axis, own, sheet)])
  ]
}

/** Labels over their ticks; one that would touch its neighbour or not fit is left out. */
const axisLines = (axis: TimeAxis.TimeAxis, { bar, glyphs, label, share, style }: Sheet): ReadonlyArray<string> => {
  const line = Array.from({ length: bar }, () => glyphs.line)
  let text = ""
  for (const { at, label } of axis.ticks) {
    const cell = Math.min(bar - 1, Math.floor((at - axis.start) / (axis.end - axis.start) * bar))
    line[cell] = glyphs.tick
    if ((text === "" || text.length + 1 < cell) && cell + label.length <= bar) text = text.padEnd(cell) + label
  }
  const margin = " ".repeat(label + 2)
  return [
    `${margin}${share === 0 ? text : `${text.padEnd(bar + 2)}${"busy".padStart(share)}`}`.trimEnd(),
    `${margin}${line.join("")}`
  ].map(style.dim)
}

const titleLines = (name: string, { glyphs, style, width }: Sheet): ReadonlyArray<string> =>
  name === "" ? [] : [style.bold(Label.fit(glyphs.clean(name), width, glyphs.ellipsis))]

/** One timeline as it will be drawn. */
interface Drawn {
  readonly name: string
  readonly groups: ReadonlyArray<Tracks.Group>
  readonly extent: Tracks.Extent
}

const picture = (
  { extent, groups, name }: Drawn,
  axis: TimeAxis.TimeAxis,
  look: Look,
  sheet: Sheet
): ReadonlyArray<string> => {
  const { bar, glyphs, style, width } = sheet
  const [shown, rest] = TimelinePlan.folded(groups, look.groups ?? mostGroups)
  const point = axis.origin === 0 ? TimeAxis.duration : TimeAxis.exact
  const [from, to] = [point(extent.start), point(extent.end)]
  const column = (axis.end - axis.start) / bar
  const scale = `, a column is ${TimeAxis.duration(column)}, ${glyphs.meaning}`
  const lanes = rest.flatMap((group) => group.lanes)
  return [
    ...titleLines(name, sheet),
    ...Table.wrap(`${from} to ${to}${column < 1 ? "" : scale}`, width),
    ...axisLines(axis, sheet),
    ...shown.flatMap((group) => groupLines(group, look.lanes ?? mostLanes, axis, extent, sheet)),
    ...(rest.length === 0 ? [] : [
      style.bold(Label.fit(`${glyphs.ellipsis} ${rest.length} more groups`, width, glyphs.ellipsis)),
      row({ label: othersLabel(rest), lanes }, axis, extent, sheet)
    ])
  ]
}

/** Items on lines of at most `width` cells, colours aside. */
const wrapped = (items: ReadonlyArray<string>, gap: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const item of items) {
    const last = lines.at(-1)
    if (last !== undefined && visible(last) + gap.length + visible(item) <= width) {
      lines[lines.length - 1] = last + gap + item
    } else lines.push(item)
  }
  return lines
}

// oxlint-disable-next-line no-control-regex
const visible = (text: string): number => Label.width(text.replace(/\u001b\[[0-9;]*m/g, ""))

const legend = (
  groups: ReadonlyArray<Tracks.Group>,
  { colour, glyphs, hueOf, letterOf, style, width }: Sheet
): ReadonlyArray<string> => {
  const item = (sign: string, { count, name }: Tracks.Tally, took: string): string => {
    const rest = `${count === 1 ? "" : ` ${glyphs.times}${count}`}${took}`
    const room = Math.min(48, width) - Label.width(rest) - visible(sign)
    return `${sign}${Label.fit(glyphs.clean(name), room, glyphs.ellipsis)}${rest}`
  }
  const more = (count: number): ReadonlyArray<string> => count > 0 ? [`${glyphs.ellipsis} ${count} more`] : []
  const spans = Tracks.tally(Tracks.entries(groups, "spans"))
  const instants = Tracks.tally(Tracks.entries(groups, "instants"))
  const full = glyphs.levels.at(-1) ?? ""
  return [
    ...wrapped(
      [
        ...spans.slice(0, hues.length).map((tally) =>
          item(
            colour ? `${painted(full, hueOf.get(tally.name) ?? 0)} ` : "",
            tally,
            ` ${TimeAxis.duration(tally.nanos)}`
          )
        ),
        ...more(spans.length - hues.length)
      ],
      "  ",
      width
    ),
    ...wrapped(
      [
        ...instants.slice(0, letters.length).map((tally) =>
          item(`${style.bold(letterOf.get(tally.name) ?? several)} `, tally, "")
        ),
        ...more(instants.length - letters.length),
        ...(instants.length > 1
          ? [`${style.bold(several)} several${instants.length > letters.length ? " or others" : ""}`]
          : [])
      ],
      "  ",
      width
    )
  ]
}

/** No name is longer on the left, however wide the terminal. */
const widest = 32

/** The names on the left of one timeline, as `picture` shows them. */
const labelsOf = (all: ReadonlyArray<Tracks.Group>, look: Look, glyphs: Glyphs): ReadonlyArray<string> => {
  const [groups, others] = TimelinePlan.folded(all, look.groups ?? mostGroups)
  const shown = groups.flatMap(({ lanes }) => {
    const [own, rest] = TimelinePlan.folded(lanes, look.lanes ?? mostLanes)
    return [...own.map(({ name }) => laneLabel(name, glyphs)), ...(rest.length === 0 ? [] : [restLabel(rest, glyphs)])]
  })
  return others.length === 0 ? shown : [...shown, othersLabel(others)]
}

const sheetFor = (timelines: ReadonlyArray<ReadonlyArray<Tracks.Group>>, look: Look): Sheet => {
  const { colour } = look
  const width = look.width <= 0 ? 80 : look.width
  const glyphs = look.unicode ? unicode : ascii
  const groups = timelines.flat()
  const labels = timelines.flatMap((each) => labelsOf(each, look, glyphs))
  const share = width < 40 ? 0 : 5
  const label = Math.min(
    Math.floor(width / 3),
    labels.reduce((most, each) => Math.max(most, Label.width(each)), 0),
    widest
  )
  return {
    glyphs,
    style: Style.make(colour),
    colour,
    width,
    label,
    share,
    bar: Math.max(1, width - label - 2 - (share === 0 ? 0 : share + 2)),
    hueOf: new Map(
      Tracks.tally(Tracks.entries(groups, "spans")).slice(0, hues.length).map(({ name }, i) => [name, hues[i] ?? 0])
    ),
    letterOf: new Map(
      Tracks.tally(Tracks.entries(groups, "instants")).slice(0, letters.length).map((
        { name },
        i
      ) => [name, letters[i] ?? several])
    )
  }
}

/**
 * The pictures under each other and one legend: names of spans with how often and how long, letters of instants. No
 * line is longer than the width; the same timelines and look give the same text.
 *
 * @category printing
 * @since 0.1.0
 */
export const text = (timelines: ReadonlyArray<Tracks.Named>, look: Look): string => {
  const drawn = timelines.map(({ entries, name }) => {
    const groups = Tracks.groups(entries)
    return { name, groups, extent: Tracks.extent(groups) }
  })
  const groups = drawn.flatMap((each) => each.groups)
  const sheet = sheetFor(drawn.map((each) => each.groups), look)
  const common = look.axis === "common" ? Tracks.union(drawn.map(({ extent }) => extent)) : null
  const pictures = drawn.map(({ extent, groups, name }) =>
    extent === null
      ? [...titleLines(name, sheet), "nothing happened"]
      : picture({ name, groups, extent }, TimeAxis.make(common ?? extent, Math.floor(sheet.bar / 8)), look, sheet)
  )
  return [...pictures, legend(groups, sheet)].filter((lines) => lines.length > 0).map((lines) =>
    lines.map((line) => `${line}\n`).join("")
  ).join("\n")
}
