/**
 * Before a fleet moves to another kernel: the same script on the same machine under each of them, side by side.
 */
import { DryRun, HumanSize, type MachineSpec } from "@vmemmap/core"
import { Console, Effect } from "effect"

const GiB = 2 ** 30

const machine = (kernel: string): MachineSpec.MachineSpec => ({
  kernel,
  ranges: [
    { kind: "ram", start: 0, size: 2 * GiB },
    { kind: "ram", start: 4 * GiB, size: 14 * GiB }
  ],
  devices: [{ name: "region0", kind: "pmem", start: 64 * GiB, size: 256 * GiB, labels: true }]
})

const script = `
ndctl create-namespace -m devdax -M mem -a 2M -s 200G
ndctl create-namespace -m devdax -M mem
daxctl reconfigure-device -m system-ram dax0.1
ndctl destroy-namespace namespace0.1 -f
`

const show = ({ command, exit, stderr }: DryRun.Entry) =>
  Console.log(`  ${exit === 0 ? "ok " : exit} ${command}${exit === 0 ? "" : `\n      ${stderr.split("\n")[0]}`}`)

const rehearse = Effect.fnUntraced(function*(kernel: string) {
  yield* Console.log(`kernel ${kernel}`)
  const { stopped, use } = yield* DryRun.run({ spec: machine(kernel), script, onTerminal: false }, {
    onCommand: show
  })
  if (stopped !== null) yield* Console.log(`  ${stopped.message}`)
  const ram = use.ram.reduce((sum, { bytes }) => sum + bytes, 0)
  yield* Console.log(`  struct pages: ${HumanSize.formatBinary(ram)} in RAM`)
})

await Effect.runPromise(Effect.forEach(["4.20", "5.10", "6.1"], rehearse, { discard: true }))
