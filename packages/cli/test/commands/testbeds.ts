/** Testbeds small enough to be simulated in no time. */

/** Two namespaces on two nodes; what is left out costs nothing. */
export const small = `name: small
about: two nodes with 16 GiB of persistent memory each
machine:
  ranges:
    - { start: 0GiB, size: 2GiB, kind: ram, node: 0 }
    - { start: 4GiB, size: 2GiB, kind: ram, node: 1 }
  nodes:
    - { node: 0, cpus: 4 }
    - { node: 1, cpus: 4 }
  devices:
    - name: region0
      kind: pmem
      start: 16GiB
      size: 16GiB
      node: 0
      labels: true
      configured: [{ name: namespace0.0, size: 16GiB, mode: fsdax, map: dev, align: 2MiB }]
    - name: region1
      kind: pmem
      start: 64GiB
      size: 16GiB
      node: 1
      labels: true
      configured: [{ name: namespace1.0, size: 16GiB, mode: fsdax, map: dev, align: 2MiB }]
costs:
  processors: { value: 4, from: "assumed" }
  store: { value: 20, from: "fit: nothing, it is a test" }
  second: { value: 15, from: "testbed pmem-12tb" }
  template: { value: 8, from: "assumed" }
  bootPage: { value: 20, from: "assumed" }
  fault: { value: 1500, from: "assumed" }
strategies: [linux-4.19, linux-6.1, vmemmap]
published:
  - what: struct pages of a device
    source: "nobody, it is a test"
    strategy: linux-6.1
    figure: initialise
    low: 80ms
    high: 85ms
    use: predict
`

/** The same with one thing otherwise; throws where there is nothing to replace. */
export const altered = (from: string, to: string, text: string = small): string => {
  if (!text.includes(from)) throw new Error(`nothing to replace: ${from}`)
  return text.replace(from, () => to)
}

/** A namespace of 256 GiB whose struct pages do not fit into RAM. */
export const crowded = `name: crowded
about: struct pages that do not fit
machine:
  ranges: [{ start: 0GiB, size: 1GiB, kind: ram, node: 0 }]
  devices:
    - name: region0
      kind: pmem
      start: 16GiB
      size: 128GiB
      node: 0
      labels: true
      configured: [{ name: namespace0.0, size: 128GiB, mode: devdax, map: mem, align: 2MiB }]
costs: {}
published: []
`
