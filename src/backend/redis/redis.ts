/**
 * The store on Redis or Valkey: many processes on many machines. One script call for each change, checked before its first
 * write; see `keys.ts` for where things are, `lua/` for the scripts. It decides nothing about workflows, and nothing
 * in it trusts this machine's clock: leases go by the server's.
 */
import type { Message } from '../../model/message.ts'
import type { RunEvent } from '../../model/event.ts'
import type { Json } from '../../model/json.ts'
import type {
  Backend, CheckResult, ClaimedTask, ClaimResult, Commit, CommitResult, InboxItem, ListFilter, LogLine, Now, Owner, ProcessInfo, ProcessRecord, RunRecord,
  SlotHolder, SlotResult,
} from '../backend.ts'
import { closedError, isGone } from '../common.ts'
import { parseAddress } from './address.ts'
import { Commits } from './commits.ts'
import { Connection } from './connection.ts'
import { Hints } from './hints.ts'
import { createKeys, PARTITIONS } from './keys.ts'
import { Lanes } from './lanes.ts'
import { Owners } from './owners.ts'
import { Reads } from './reads.ts'
import { inspect, type Inspection } from './server.ts'
import { Shared, type Slot } from './shared.ts'
import { prefixOf, type Store } from './store.ts'
import { type TaskClaim, Tasks } from './tasks.ts'

export interface RedisOptions {
  address: string
  /** Where the address names none: the project's. */
  namespace: string
  /** The store's clock, for tests that move it; otherwise the server's. */
  now?: Now
  partitions?: number
  /** How long a call tries to get through, and how often the connection is tried; other than by default in tests only. */
  patienceMs?: number
  retryMs?: number
}

export async function openRedis({ address: text, namespace, now, partitions = PARTITIONS, ...delays }: RedisOptions): Promise<Backend> {
  const address = parseAddress(text)
  const connection = await Connection.open(address, { seed: process.pid, ...delays })
  try {
    const keys = createKeys(address.namespace ?? namespace, partitions)
    const inspection = await inspect(connection, keys, address.durability)
    const handle = `h${await connection.ask('INCR', `${keys.prefixes[0]}:handle`)}`
    const lanes = new Lanes({ connection, keys, handle, now, confirm: inspection.confirm })
    return new RedisBackend({ connection, keys, lanes, now }, handle, inspection)
  } catch (error) {
    connection.close()
    throw error
  }
}

class RedisBackend implements Backend {
  readonly kind = 'redis'
  readonly location: string
  readonly #store: Store
  readonly #inspection: Inspection
  readonly #reads: Reads
  readonly #owners: Owners
  readonly #commits: Commits
  readonly #tasks: Tasks
  readonly #shared: Shared
  readonly #hints: Hints
  #closed = false

  constructor(store: Store, handle: string, inspection: Inspection) {
    this.#store = store
    this.#inspection = inspection
    this.location = store.connection.location
    this.#reads = new Reads(store)
    this.#owners = new Owners(store, this.#reads)
    this.#commits = new Commits(store)
    this.#tasks = new Tasks(store)
    this.#shared = new Shared(store)
    this.#hints = new Hints({ connection: store.connection, channel: store.keys.channel, handle })
  }

  /** A change that others may wait for. */
  async #told<T>(work: Promise<T>): Promise<T> {
    const result = await work
    this.#hints.give()
    return result
  }

  #open(): void {
    if (this.#closed) throw closedError(this.location)
  }

  async join(info: ProcessInfo, leaseMs: number): Promise<Owner> {
    this.#open()
    return this.#told(this.#owners.join(info, leaseMs))
  }

  async renew(owner: Owner, leaseMs: number, busy: number): Promise<boolean> {
    return this.#owners.renew(owner, leaseMs, busy)
  }

  async leave(owner: Owner): Promise<void> {
    return this.#told(this.#owners.leave(owner))
  }

  async processes(): Promise<ProcessRecord[]> {
    return (await this.#owners.processes()).records
  }

  async fence(processId: string, proof?: 'dead'): Promise<boolean> {
    return this.#told(this.#owners.fence(processId, proof))
  }

  async putDefinition(hash: string, text: string): Promise<void> {
    await this.#store.connection.ask('SET', `${prefixOf(this.#store, hash)}:d:${hash}`, text, 'NX')
    await this.#inspection.confirm?.()
  }

  async definition(hash: string): Promise<string | undefined> {
    return this.#reads.definition(hash)
  }

  async commit(batch: Commit[]): Promise<CommitResult[]> {
    this.#open()
    if (batch.length === 0) return []
    return this.#told(this.#commits.commit(batch))
  }

  async claim(runId: string, owner: Owner): Promise<ClaimResult> {
    return this.#told(this.#owners.claim(runId, owner))
  }

  async reopen(runId: string, owner: Owner): Promise<ClaimResult> {
    return this.#told(this.#owners.claim(runId, owner, { reopen: true }))
  }

  async run(runId: string): Promise<RunRecord | undefined> {
    return this.#reads.run(runId)
  }

  async find(prefix: string, limit: number): Promise<string[]> {
    return this.#reads.find(prefix, limit)
  }

  async list(filter: ListFilter): Promise<{ items: RunRecord[]; nextCursor: string | null }> {
    return this.#reads.list(filter)
  }

  async history(runId: string, after: number, limit?: number): Promise<RunEvent[]> {
    return this.#reads.history(runId, after, limit)
  }

  async send(runId: string, message: Message): Promise<boolean> {
    return this.#told(this.#tasks.send(runId, message))
  }

  async inbox(owner: Owner, limit: number): Promise<InboxItem[]> {
    return this.#reads.inbox(owner, limit)
  }

  async inboxOf(runId: string): Promise<InboxItem[]> {
    return this.#reads.inboxOf(runId)
  }

  async due(owner: Owner, now: number, limit: number): Promise<RunRecord[]> {
    return this.#reads.due(owner, now, limit)
  }

  async nextWake(owner: Owner): Promise<number | null> {
    return this.#reads.nextWake(owner)
  }

  async orphans(limit: number): Promise<RunRecord[]> {
    const { now, records } = await this.#owners.processes()
    return this.#reads.orphans(limit, records.filter((process) => !isGone(process, now)).map((process) => process.id))
  }

  async claimTasks(request: TaskClaim): Promise<ClaimedTask[]> {
    return this.#tasks.claim(request)
  }

  async renewTasks(owner: Owner, tasks: Array<{ runId: string; token: number }>, leaseMs: number): Promise<string[]> {
    return this.#tasks.renew(owner, tasks, leaseMs)
  }

  async settleTask(owner: Owner, task: { runId: string; token: number }, outcome: Message): Promise<boolean> {
    return this.#told(this.#tasks.settle(owner, task, outcome))
  }

  async reapTasks(now: number, limit: number): Promise<number> {
    const count = await this.#tasks.reap(now, limit)
    if (count > 0) this.#hints.give()
    return count
  }

  async takeSlot(request: Slot & { limit: number }): Promise<SlotResult> {
    return this.#shared.take(request)
  }

  async freeSlots(slots: Slot[]): Promise<void> {
    return this.#told(this.#shared.free(slots))
  }

  async slots(filter: { key: string } | { runId: string }): Promise<SlotHolder[]> {
    return this.#shared.slots(filter)
  }

  async value(key: string): Promise<{ value: Json; version: number } | undefined> {
    return this.#shared.value(key)
  }

  async putValue(request: { key: string; value: Json; version?: number; ttlMs?: number }): Promise<boolean> {
    return this.#shared.putValue(request)
  }

  watch(listener: () => void): () => void {
    return this.#hints.add(listener)
  }

  async appendLogs(lines: LogLine[]): Promise<void> {
    if (lines.length > 0) await this.#tasks.log(lines)
  }

  async logs(runId: string, query: { path?: string; after?: number; limit: number }): Promise<Array<LogLine & { no: number }>> {
    return this.#reads.logs(runId, query)
  }

  async check(): Promise<CheckResult[]> {
    return this.#inspection.check()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#store.lanes.idle()
    this.#hints.close()
    this.#store.connection.close()
  }
}
