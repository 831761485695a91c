/**
 * Writes on their way. Each caller name (this handle, a lane) has one operation in flight and numbers them, which is all
 * that a script needs to tell a resend from something new. While one call is under way the next commits gather, so that calls
 * grow with load. Outside a Cluster a call may name several partitions; there a few lanes keep the server busy.
 */
import type { Now } from '../backend.ts'
import { COMMIT, COMMIT_NEW } from './lua/commit.ts'
import { type Connection, type Script, script } from './connection.ts'
import type { Keys } from './keys.ts'

/** Measured beside 50 and with 8 and 16 lanes: the same within noise, and steadier. */
const CALL_COMMITS = 25
const CALL_BYTES = 2 * 1024 * 1024
const LANES = 4

const NEW = script(COMMIT_NEW)
const OLD = script(COMMIT)

export interface Encoded {
  partition: number
  creates: boolean
  args: string[]
  bytes: number
}

interface Waiting extends Encoded {
  resolve(word: string): void
  reject(error: unknown): void
}

interface Lane {
  home: number
  caller: string
  no: number
  busy: boolean
  queue: Waiting[]
}

export interface LanesOptions {
  connection: Connection
  keys: Keys
  /** Unique among all handles that ever were. */
  handle: string
  /** Undefined: the server's clock. */
  now: Now | undefined
  /** After a call that wrote: durable enough? */
  confirm: (() => Promise<void>) | undefined
}

export class Lanes {
  readonly #options: LanesOptions
  readonly #lanes: Lane[]
  /** Other writes: one after another in each partition. */
  readonly #others = new Map<number, { no: number; last: Promise<unknown> }>()

  constructor(options: LanesOptions) {
    this.#options = options
    const { keys, connection, handle } = options
    const count = connection.isCluster ? keys.partitions : Math.min(LANES, keys.partitions)
    this.#lanes = Array.from({ length: count }, (_, home) => ({ home, caller: `${handle}c${home}`, no: 0, busy: false, queue: [] }))
  }

  get #now(): string {
    return this.#options.now === undefined ? '' : String(this.#options.now())
  }

  commit(commits: readonly Encoded[]): Promise<string[]> {
    return Promise.all(commits.map((commit) => new Promise<string>((resolve, reject) => {
      const lane = this.#lanes[commit.partition % this.#lanes.length]
      if (!lane) throw new Error(`broken invariant: no lane for partition ${commit.partition}`)
      lane.queue.push({ ...commit, resolve, reject })
      if (lane.busy) return
      lane.busy = true
      setImmediate(() => void this.#pump(lane))
    })))
  }

  async #pump(lane: Lane): Promise<void> {
    while (lane.queue.length > 0) await this.#send(lane, nextGroup(lane))
    lane.busy = false
  }

  async #send(lane: Lane, group: Waiting[]): Promise<void> {
    const { connection, keys, confirm } = this.#options
    const places = new Map<number, number>()
    const args: string[] = []
    for (const { partition, args: own } of group) {
      const place = places.get(partition) ?? places.size + 2
      places.set(partition, place)
      args.push(String(place), ...own)
    }
    const prefixes = [lane.home, ...places.keys()].map((partition) => keys.prefixes[partition] ?? '')
    lane.no += 1
    try {
      const code = group[0]?.creates ? NEW : OLD
      const answer = await connection.run(code, prefixes, [lane.caller, lane.no, this.#now, ...args])
      if (confirm) await confirm()
      const words = String(answer).split(' ')
      for (const [index, each] of group.entries()) each.resolve(words[index] ?? '')
    } catch (error) {
      for (const each of group) each.reject(error)
    }
  }

  /** Any other write. */
  write(code: Script, partition: number, args: ReadonlyArray<string | number>): Promise<string> {
    const { connection, keys, handle, confirm } = this.#options
    const line = this.#others.get(partition) ?? { no: 0, last: Promise.resolve() }
    this.#others.set(partition, line)
    const perform = async (): Promise<string> => {
      line.no += 1
      const answer = await connection.run(code, [keys.prefixes[partition] ?? ''], [`${handle}w`, line.no, this.#now, ...args])
      if (confirm) await confirm()
      return String(answer)
    }
    const work = line.last.then(perform, perform)
    line.last = work
    return work
  }

  /** When all that was asked for is answered. */
  async idle(): Promise<void> {
    while (this.#lanes.some((lane) => lane.busy)) await new Promise((resolve) => setImmediate(resolve))
    await Promise.allSettled([...this.#others.values()].map((line) => line.last))
  }
}

function nextGroup(lane: Lane): Waiting[] {
  const [first] = lane.queue
  let bytes = 0
  let count = 0
  for (const waiting of lane.queue) {
    bytes += waiting.bytes
    if (count > 0 && (count >= CALL_COMMITS || bytes > CALL_BYTES || waiting.creates !== first?.creates)) break
    count += 1
  }
  return lane.queue.splice(0, count)
}
