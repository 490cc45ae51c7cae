/** Threads that write chunk by chunk as they are let, so that a test knows where they are. */
import * as Effect from "effect/Effect"
import * as WorkerThreads from "node:worker_threads"

/** How a thread dies: before it writes a chunk, or when its job is done, before it says so. */
export type Death = "exit" | "throw" | "silence"

/** `words`: up to which chunk threads may go, to which they have come, counted over all of them, and at which one dies. */
export interface Gate {
  readonly words: Int32Array
  readonly death: Death
}

const [letWord, reachedWord, doomWord] = [0, 1, 2]

export const make = (death: Death = "exit"): Gate => ({ words: new Int32Array(new SharedArrayBuffer(12)), death })

/** The thread that comes to a chunk will die there. */
export const doom = ({ words }: Gate, chunk: number): void => {
  Atomics.store(words, doomWord, chunk)
}

/** Says that somebody has come to a chunk, and waits until that is let: whether it dies there. */
export const pass = ({ words }: Gate): boolean => {
  const chunk = Atomics.add(words, reachedWord, 1) + 1
  Atomics.notify(words, reachedWord)
  for (let last = Atomics.load(words, letWord); last < chunk; last = Atomics.load(words, letWord)) {
    Atomics.wait(words, letWord, last)
  }
  return Atomics.load(words, doomWord) === chunk
}

/** Lets threads go on up to a chunk; for ever unless said otherwise. */
export const open = ({ words }: Gate, chunk = 2 ** 30): void => {
  Atomics.store(words, letWord, chunk)
  Atomics.notify(words, letWord)
}

/** Lets no thread go on that has not come to its chunk yet. */
export const close = ({ words }: Gate): void => {
  Atomics.store(words, letWord, Atomics.load(words, reachedWord))
}

/** To which chunk threads have come. */
export const reached = ({ words }: Gate): number => Atomics.load(words, reachedWord)

/** Returns once threads have come to a chunk. */
export const arrived = (gate: Gate, chunk: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { words } = gate
    const reached = Atomics.load(words, reachedWord)
    if (reached >= chunk) return Effect.void
    const { async, value } = Atomics.waitAsync(words, reachedWord, reached)
    return Effect.andThen(async ? Effect.promise(() => value) : Effect.void, arrived(gate, chunk))
  })

const entry = new URL("./gated.writer.ts", import.meta.url)

/** How `Writers.make` starts such threads; `started` are all there were. */
export const spawning = (gate: Gate) => {
  const started: Array<WorkerThreads.Worker> = []
  const spawn = (): WorkerThreads.Worker => {
    const worker = new WorkerThreads.Worker(entry, { workerData: gate })
    started.push(worker)
    return worker
  }
  return { spawn, started }
}
