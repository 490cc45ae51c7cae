/**
 * What `vmemmap try --json` prints: the record of the dry run, and what no real machine would tell.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Count, Lines, Text } from "./Described.ts"
import { Defect } from "./VerifyAnswer.ts"

const Fields = (description: string) => Schema.Record(Schema.String, Schema.Unknown).annotate({ description })

/**
 * A command line as it ended; how it ends once RAM for struct pages has run out nobody can tell.
 *
 * @category models
 * @since 0.1.0
 */
export const CommandEntry = Schema.Struct({
  n: Count("Its number, from 1."),
  command: Text("The line with its words expanded; one entry for each turn of a loop."),
  exit: Schema.optionalKey(Count("Its exit status.")),
  stdout: Schema.optionalKey(Text("What it printed on standard output, without blank lines around it.")),
  stderr: Schema.optionalKey(Text("What it printed on standard error, without blank lines around it.")),
  dmesg: Schema.optionalKey(Lines("Lines of the kernel log since the command before, without their times.")),
  json: Schema.optionalKey(Schema.Unknown).annotateKey({
    description: "The JSON document on standard output, where there is one."
  })
}).annotate({
  identifier: "CommandEntry",
  description:
    "A command line as it ended. How it ends once RAM for struct pages has run out nobody can tell: then only n and command are there."
})
/** @since 0.1.0 */
export interface CommandEntry extends Schema.Schema.Type<typeof CommandEntry> {}

/**
 * Why something was refused.
 *
 * @category models
 * @since 0.1.0
 */
export const Refusal = Schema.Struct({
  n: Count("The command that was refused; 0: a driver refused a device before the first one."),
  errno: Text("The kernel's name of the error, such as EINVAL."),
  rule: Text("The rule of docs/spec."),
  problem: Text("What was wrong."),
  remedy: Text("What would make it right.")
}).annotate({ identifier: "Refusal", description: "Why something was refused; no real tool prints it." })
/** @since 0.1.0 */
export interface Refusal extends Schema.Schema.Type<typeof Refusal> {}

/**
 * The machine observed, as `docs/kernel-facts.md` describes it.
 *
 * @category models
 * @since 0.1.0
 */
export const Observed = Schema.StructWithRest(
  Schema.Struct({
    status: Text(
      "`ok`, or the line that could not be carried out and why: everything else is then as before that line."
    ),
    commands: Schema.Array(CommandEntry).annotate({ description: "All command lines in their order." }),
    phases: Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Unknown)).annotate({
      description:
        "What the machine shows `before-drivers`, at `boot` and at the end (`final`): iomem, zones, memory blocks, nodes, devices."
    }),
    snapshots: Fields("Page tables and struct pages of every namespace at the end."),
    sections: Fields("The table of memory sections."),
    infoblocks: Fields("The info block of every namespace at the end."),
    module_params: Text("Parameters of memory_hotplug, a line each."),
    delta: Schema.Record(Schema.String, Schema.Int).annotate({
      description: "Counters of /proc/meminfo at the end minus at boot, in bytes."
    }),
    cmdline: Text("The kernel command line.")
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
).annotate({ identifier: "Observed", description: "The machine observed, as docs/kernel-facts.md describes it." })
/** @since 0.1.0 */
export type Observed = typeof Observed.Type

/**
 * A mapping of device memory.
 *
 * @category models
 * @since 0.1.0
 */
export const Mapping = Schema.Struct({
  name: Text("The device that mapped it."),
  type: Text("The kernel's type of the mapping, such as fsdax or generic."),
  start: Count("First address."),
  size: Count("Bytes mapped."),
  compound: Count("Bytes of a compound page; 0: base pages."),
  memmapOnDevice: Schema.Boolean.annotate({ description: "The struct pages are on the device itself." })
}).annotate({ identifier: "Mapping", description: "A mapping of device memory with struct pages." })
/** @since 0.1.0 */
export interface Mapping extends Schema.Schema.Type<typeof Mapping> {}

/**
 * What all struct pages cost at the end.
 *
 * @category models
 * @since 0.1.0
 */
export const Memory = Schema.Struct({
  ram: Schema.Array(
    Schema.Struct({ node: Text("The node that pays."), bytes: Count("Bytes of struct pages in its RAM.") }).annotate({
      identifier: "NodeBytes",
      description: "What a node pays."
    })
  ).annotate({ description: "Struct pages in RAM, by node." }),
  device: Count("Bytes of struct pages on devices."),
  pageTables: Count("Bytes of the page tables that map them."),
  structPages: Schema.Struct({
    mapped: Count("Struct pages that have a place."),
    initialised: Count("How many times one was written since boot.")
  }).annotate({ identifier: "StructPages", description: "Struct pages by number." }),
  mappings: Schema.Array(Mapping).annotate({ description: "Device mappings that exist at the end." })
}).annotate({ identifier: "Memory", description: "What all struct pages cost at the end." })
/** @since 0.1.0 */
export interface Memory extends Schema.Schema.Type<typeof Memory> {}

/**
 * The whole answer.
 *
 * @category models
 * @since 0.1.0
 */
export const TryAnswer = Schema.Struct({
  case: Text("The name of the machine."),
  category: Text("`try`."),
  about: Text("What the record is."),
  input: Schema.StructWithRest(
    Schema.Struct({
      spec: Fields("The machine, completed where its description left something open."),
      lines: Lines("The script.")
    }),
    [Schema.Record(Schema.String, Schema.Unknown)]
  ).annotate({ identifier: "Input", description: "What was tried." }).annotate({
    description: "What was tried; `vmemmap verify` can repeat it."
  }),
  observed: Observed,
  boot: Lines("Complaints of the booting kernel, and all it said once drivers were loaded, until the first command."),
  refusals: Schema.Array(Refusal).annotate({
    description: "Why drivers refused devices at boot, and why commands failed."
  }),
  assumptions: Lines("What no source said and was assumed, and what is not called as described."),
  memory: Memory,
  defects: Schema.Array(Defect).annotate({ description: "Mistakes of the kernel itself that the script ran into." })
}).annotate({
  title: "vmemmap try --json",
  description: "A script carried out on a modelled machine: its record, and what no real machine would tell."
})
/** @since 0.1.0 */
export interface TryAnswer extends Schema.Schema.Type<typeof TryAnswer> {}
