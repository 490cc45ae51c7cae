/** Small samples of every kind of source, in the formats the tools print. */

const nfit = `[
  {
    "provider":"ACPI.NFIT",
    "dev":"ndbus0",
    "dimms":[{"dev":"nmem0","id":"8680-56341200","handle":1,"phys_id":0}],
    "regions":[
      {
        "dev":"region0",
        "size":4294967296,
        "align":16777216,
        "available_size":1962934272,
        "max_available_extent":1962934272,
        "type":"pmem",
        "numa_node":0,
        "target_node":0,
        "iset_id":10248187106440278,
        "mappings":[{"dimm":"nmem0","offset":0,"length":4294967296,"position":0}],
        "persistence_domain":"unknown",
        "namespaces":[
          {"dev":"namespace0.2","mode":"devdax","map":"mem","size":1071644672,"uuid":"afe12214-3e67-4b8e-ba21-395c2c2a5da3",
           "daxregion":{"id":0,"size":1071644672,"align":2097152,"devices":[{"chardev":"dax0.2","size":1071644672,
           "target_node":0,"align":2097152,"mode":"devdax"}]},"align":2097152,"numa_node":0,"target_node":0},
          {"dev":"namespace0.1","mode":"raw","size":268435456,"uuid":"bf9dc377-0eaf-4747-ae6b-5dfbe4fa1f6d","sector_size":512,
           "blockdev":"pmem0.1","numa_node":0,"target_node":0}
        ]
      }
    ]
  }
]`

const human = `{
  "dimms":[{"dev":"nmem0","id":"8680-56341200","handle":"0x1","phys_id":"0"}],
  "regions":[{"dev":"region0","size":"128.00 GiB (137.44 GB)","align":"16.00 MiB (16.78 MB)","available_size":0,
    "max_available_extent":0,"type":"pmem","iset_id":"0x2468ac00123456",
    "mappings":[{"dimm":"nmem0","offset":"0","length":"0x2000000000","position":0}],"persistence_domain":"unknown",
    "namespaces":[{"dev":"namespace0.0","mode":"fsdax","map":"dev","size":"126.00 GiB (135.29 GB)",
    "uuid":"85ea3241-5333-4d76-9f16-d3d3d3baf6b9","sector_size":512,"align":2097152,"blockdev":"pmem0"}]}]
}`

export const ndctl = [
  nfit,
  human,
  `[{"dev":"region0","size":1073741824,"type":"pmem"}]\n[{"dev":"namespace0.0","mode":"fsdax","map":"mem","size":1073741824}]`
]

export const daxctl = [
  `[{"path":"/platform/hmem.0","id":0,"size":8589934592,"available_size":0,"align":2097152,"devices":[
   {"chardev":"dax0.0","size":8589934592,"target_node":1,"align":2097152,"mode":"system-ram","online_memblocks":64,
   "total_memblocks":64,"movable":true,"mappings":[{"page_offset":0,"start":17179869184,"end":25769803775,"size":8589934592}]}]}]`,
  `{"chardev":"dax1.0","size":"1022.00 MiB (1071.64 MB)","target_node":2,"align":2097152,"mode":"devdax"}`
]

export const cxl = [
  `[{"bus":"root0","provider":"ACPI.CXL","decoders:root0":[{"decoder":"decoder0.0","resource":70061654016,"size":17179869184,
   "interleave_ways":1,"max_available_extent":15032385536,"volatile_capable":true,"nr_targets":1,"regions:decoder0.0":[
   {"region":"region0","resource":70061654016,"size":2147483648,"type":"ram","interleave_ways":2,"interleave_granularity":256,
   "decode_state":"commit","mappings":[{"position":1,"memdev":"mem1","decoder":"decoder3.0"}]}]}]}]`,
  `{"region":"region1","resource":"0x1050000000","size":"512.00 MiB (536.87 MB)","type":"pmem","interleave_ways":1}`
]

export const lsmem = [
  `{"memory":[
   {"range":"0x0000000000000000-0x0000000007ffffff","size":"128M","state":"online","removable":false,"block":"0","node":0},
   {"range":"0x0000000008000000-0x0000000037ffffff","size":"768M","state":"online","removable":true,"block":"1-6","node":0},
   {"range":"0x0000000100000000-0x00000001a7ffffff","size":"2.6G","state":"offline","removable":true,"block":"32-52","node":1}]}`,
  `RANGE                                 SIZE  STATE REMOVABLE  BLOCK
0x0000000000000000-0x00000000bfffffff   3G online       yes   0-23
0x0000000100000000-0x000000043fffffff  13G online       yes 32-135

Memory block size:                128M
`
]

const tree = `00000000-00000fff : Reserved
00001000-0009fbff : System RAM
000f0000-000fffff : Reserved
  000f0000-000fffff : System ROM
00100000-7ffdefff : System RAM
  01000000-01e01d31 : Kernel code
fee00000-fee00fff : Local APIC
100000000-13fffffff : Persistent Memory (legacy)
200000000-2ffffffff : Persistent Memory
  200000000-21fffffff : namespace0.0
  230000000-2301fffff : namespace0.2
  230200000-26fffffff : dax0.2
    238000000-26fffffff : System RAM (kmem)
300000000-3ffffffff : Soft Reserved
  300000000-33fffffff : dax1.0
400000000-43fffffff : namespace3.0
1050000000-144fffffff : CXL Window 0
  1050000000-10cfffffff : region4
    1050000000-10cfffffff : dax4.0
`

export const iomem = [tree]

export const bootLog = [
  `[    0.000000] Linux version 6.1.0-50-amd64 (x@y) (gcc-12) #1 SMP Debian 6.1.176-1 (2026-06-01)
[    0.000000] Command line: root=/dev/sda memmap=4G!12G
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
[    0.000000] BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff] reserved
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x00000000bfffffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000100000000-0x00000004ffffffff] usable
[    0.000000] user: [mem 0x0000000000000000-0x000000000009fbff] usable
[    0.000000] user: [mem 0x0000000000100000-0x00000000bfffffff] usable
[    0.000000] user: [mem 0x0000000100000000-0x00000002ffffffff] usable
[    0.000000] user: [mem 0x0000000300000000-0x00000003ffffffff] persistent (type 12)
[    0.000000] user: [mem 0x0000000400000000-0x00000004ffffffff] usable
[    0.000000] e820: update [mem 0x00000000-0x00000fff] usable ==> reserved
[    0.000000] e820: remove [mem 0x000a0000-0x000fffff] usable
[    0.000000] ACPI: SRAT: Node 1 PXM 1 [mem 0x200000000-0x4ffffffff] non-volatile
[    0.000000]   node   0: [mem 0x0000000000001000-0x000000000009efff]
[    0.000000]   node   0: [mem 0x0000000000100000-0x00000000bfffffff]
[    0.000000]   node   1: [mem 0x0000000100000000-0x00000002ffffffff]
[    0.000000] Memory: 338620K/6290932K available (14343K kernel code, 243700K reserved, 0K cma-reserved)
[    0.000000] x86/mm: Memory block size: 128MB
`
]

export const meminfo = [
  "MemTotal:        8164548 kB\nMemFree:          851960 kB\nMemAvailable:    1950080 kB\n",
  "Node 0 MemTotal:        8164548 kB\nNode 0 MemFree:          851960 kB\nNode 1 MemTotal:        8164548 kB\n"
]

const spec =
  `{"name":"host","kernel":"6.1.176","arch":"x86_64","nodes":[{"node":0,"total":270582939648}],"ranges":[{"start":4096,"size":650240,"kind":"ram","node":0},{"start":274877906944,"size":135291469824,"kind":"pmem"}],"devices":[{"name":"region0","kind":"pmem","start":274877906944,"size":135291469824,"labels":true,"isetId":"10248187106440278","configured":[{"name":"namespace0.0","mode":"fsdax","map":"dev","align":2097152,"usable":133175443456}]}]}`

export const machine = [
  spec,
  `# a machine
name: box
kernel: "6.1.176"
ranges:
  - { start: 0x100000000, size: 16G, kind: ram, node: 0 }
devices:
  - &dev
    name: region0
    kind: pmem
    start: 0x1000000000
    size: 128GiB
    configured:
      - name: namespace0.0
        mode: fsdax
        map: dev
        size: 128G
`
]

export const fleet = [spec]
