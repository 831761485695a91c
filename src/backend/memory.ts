/**
 * The reference backend: the contract in the plainest form, for tests, simulation and runs that need not survive.
 * Data crosses the border as JSON text, so that nobody can change what is stored and everything behaves as it will
 * in a store on disk. Several handles on one store stand for several processes. It must never decide about workflows.
 */
import type { RunEvent } from '../model/event.ts'
import type { Json } from '../model/json.ts'
import type { Task } from '../model/command.ts'
import type { Message } from '../model/message.ts'
import type {
  Backend, CheckResult, ClaimedTask, ClaimResult, Commit, CommitResult, InboxItem, ListFilter, LogLine, Now, Owner, ProcessInfo,
  ProcessRecord, RunRecord, SlotHolder, SlotResult,
} from './backend.ts'
import { checkShape, closedError, fencedError, formatCursor, isGone, lostOutcome, newestFirst, parseCursor } from './common.ts'
import { MemoryData, type StoredTask } from './memory-data.ts'

export interface MemoryStore {
  open(): Backend
}

export function createMemoryStore(options: { now: Now }): MemoryStore {
  const data = new MemoryData(options.now)
  return { open: () => new MemoryBackend(data) }
}

export function createMemoryBackend(options: { now: Now }): Backend {
  return createMemoryStore(options).open()
}

const parse = <T>(text: string): T => JSON.parse(text) as T

class MemoryBackend implements Backend {
  readonly kind = 'memory'
  readonly location = 'memory:'
  readonly #data: MemoryData
  #closed = false

  constructor(data: MemoryData) {
    this.#data = data
  }

  /** Every method passes here first: a closed handle refuses, as one of a real store would. */
  get #store(): MemoryData {
    if (this.#closed) throw closedError(this.location)
    return this.#data
  }

  async join(info: ProcessInfo, leaseMs: number): Promise<Owner> {
    const store = this.#store
    const epoch = store.next()
    const id = `p${epoch}`
    const now = store.now()
    const copy = parse<ProcessInfo>(JSON.stringify(info))
    store.processes.set(id, { ...copy, id, epoch, joinedAt: now, leaseUntil: now + leaseMs, state: 'live', busy: 0 })
    this.#changed()
    return { id, epoch }
  }

  async renew(owner: Owner, leaseMs: number, busy: number): Promise<boolean> {
    const process = this.#store.live(owner)
    if (!process) return false
    process.leaseUntil = this.#store.now() + leaseMs
    process.busy = busy
    this.#changed()
    return true
  }

  async leave(owner: Owner): Promise<void> {
    const process = this.#store.live(owner)
    if (!process) return
    process.state = 'left'
    this.#changed()
  }

  async processes(): Promise<ProcessRecord[]> {
    return [...this.#store.processes.values()].map((process) => structuredClone(process))
  }

  async fence(processId: string, proof?: 'dead'): Promise<boolean> {
    const process = this.#store.processes.get(processId)
    if (process?.state !== 'live') return true
    if (proof !== 'dead' && !isGone(process, this.#store.now())) return false
    process.state = 'fenced'
    this.#changed()
    return true
  }

  async putDefinition(hash: string, text: string): Promise<void> {
    const { definitions } = this.#store
    if (!definitions.has(hash)) definitions.set(hash, text)
  }

  async definition(hash: string): Promise<string | undefined> {
    return this.#store.definitions.get(hash)
  }

  async commit(batch: Commit[]): Promise<CommitResult[]> {
    const store = this.#store
    // Text first: data that is no JSON must fail before anything of the batch is written.
    for (const commit of batch) {
      checkShape(commit)
      JSON.stringify([commit.events, commit.tasks])
    }
    const results = batch.map((commit) => store.apply(commit))
    this.#changed()
    return results
  }

  async claim(runId: string, owner: Owner): Promise<ClaimResult> {
    const store = this.#store
    if (!store.live(owner)) throw fencedError()
    const run = store.runs.get(runId)
    if (!run) return { status: 'missing' }
    if (!store.open.has(run)) return { status: 'final', record: { ...run.record } }
    const previousOwner = run.record.owner
    const holder = previousOwner === null ? undefined : store.processes.get(previousOwner)
    if (holder && holder.id !== owner.id && holder.state === 'live') return { status: 'held', by: structuredClone(holder) }
    run.record.owner = owner.id
    this.#changed()
    return { status: 'ok', record: { ...run.record }, previousOwner }
  }

  async reopen(runId: string, owner: Owner): Promise<ClaimResult> {
    const store = this.#store
    if (!store.live(owner)) throw fencedError()
    const run = store.runs.get(runId)
    if (run && !store.open.has(run)) {
      Object.assign(run.record, { state: 'running', finishedAt: null, note: null, owner: null, updatedAt: store.now() } satisfies Partial<RunRecord>)
      store.open.add(run)
    }
    return this.claim(runId, owner)
  }

  async run(runId: string): Promise<RunRecord | undefined> {
    const run = this.#store.runs.get(runId)
    return run && { ...run.record }
  }

  async find(prefix: string, limit: number): Promise<string[]> {
    const wanted = prefix.toLowerCase()
    const ids = [...this.#store.runs.keys()].filter((id) => id.toLowerCase().startsWith(wanted))
    return ids.sort().slice(0, limit)
  }

  async list(filter: ListFilter): Promise<{ items: RunRecord[]; nextCursor: string | null }> {
    const { states, workflow, since, parent, limit } = filter
    const mark = parseCursor(filter.cursor)
    const matching = [...this.#store.runs.values()]
      .map((run) => run.record)
      .filter((record) => !states || states.includes(record.state))
      .filter((record) => workflow === undefined || record.workflow === workflow)
      .filter((record) => since === undefined || record.createdAt >= since)
      .filter((record) => parent === undefined || record.parent === parent)
      .filter((record) => !mark || record.createdAt < mark.createdAt || (record.createdAt === mark.createdAt && record.id < mark.id))
      .sort(newestFirst)
    const items = matching.slice(0, limit).map((record) => ({ ...record }))
    const last = items.at(-1)
    return { items, nextCursor: last && matching.length > items.length ? formatCursor(last) : null }
  }

  async history(runId: string, after: number, limit = Number.POSITIVE_INFINITY): Promise<RunEvent[]> {
    const events: RunEvent[] = []
    for (const commit of this.#store.runs.get(runId)?.commits ?? []) {
      if (events.length >= limit) break
      if (commit.last > after) events.push(...parse<RunEvent[]>(commit.events).filter((event) => event.seq > after))
    }
    return events
  }

  async send(runId: string, message: Message): Promise<boolean> {
    const known = this.#store.send(runId, message)
    this.#changed()
    return known
  }

  async inbox(owner: Owner, limit: number): Promise<InboxItem[]> {
    const { runs, inbox } = this.#store
    const own = inbox.filter((item) => runs.get(item.runId)?.record.owner === owner.id)
    return own.slice(0, limit).map((item) => ({ ...item, message: parse<Message>(item.message) }))
  }

  async inboxOf(runId: string): Promise<InboxItem[]> {
    const items = this.#store.inbox.filter((item) => item.runId === runId)
    return items.map((item) => ({ ...item, message: parse<Message>(item.message) }))
  }

  async due(owner: Owner, now: number, limit: number): Promise<RunRecord[]> {
    const due = this.#waiting(owner).filter((record) => record.wakeAt <= now)
    return due.slice(0, limit).map((record) => ({ ...record }))
  }

  async nextWake(owner: Owner): Promise<number | null> {
    return this.#waiting(owner)[0]?.wakeAt ?? null
  }

  #waiting(owner: Owner): Array<RunRecord & { wakeAt: number }> {
    const found: Array<RunRecord & { wakeAt: number }> = []
    for (const { record } of this.#store.open) {
      if (record.wakeAt === null || record.owner !== owner.id) continue
      found.push({ ...record, wakeAt: record.wakeAt })
    }
    return found.sort((a, b) => a.wakeAt - b.wakeAt)
  }

  async orphans(limit: number): Promise<RunRecord[]> {
    const store = this.#store
    const told = new Set(store.inbox.map((item) => item.runId))
    const rank = (record: RunRecord) => (told.has(record.id) ? 0 : record.owner === null && record.wakeAt !== null ? 2 : 1)
    const orphans = [...store.open].map((run) => run.record).filter((record) => store.gone(record.owner))
    orphans.sort((a, b) => rank(a) - rank(b))
    return orphans.slice(0, limit).map((record) => ({ ...record }))
  }

  async claimTasks(request: { owner: Owner; queues: string[]; workers: string[]; limit: number; leaseMs: number }): Promise<ClaimedTask[]> {
    const store = this.#store
    if (!store.live(request.owner)) return []
    const leaseUntil = store.now() + request.leaseMs
    const ready = store.tasks.filter((task) => !task.holder && request.queues.includes(task.queue) && request.workers.includes(task.worker))
    ready.sort((a, b) => b.priority - a.priority || a.no - b.no)
    const taken = ready.slice(0, request.limit)
    for (const task of taken) Object.assign(task, { holder: request.owner.id, leaseUntil })
    if (taken.length > 0) this.#changed()
    return taken.map((task) => ({ task: parse<Task>(task.task), leaseUntil }))
  }

  #held(owner: Owner, runId: string, token: number): StoredTask | undefined {
    const store = this.#store
    if (!store.live(owner)) return undefined
    return store.tasks.find((task) => task.runId === runId && task.token === token && task.holder === owner.id)
  }

  async renewTasks(owner: Owner, tasks: Array<{ runId: string; token: number }>, leaseMs: number): Promise<string[]> {
    const leaseUntil = this.#store.now() + leaseMs
    const lost: string[] = []
    for (const { runId, token } of tasks) {
      const task = this.#held(owner, runId, token)
      if (task) task.leaseUntil = leaseUntil
      else lost.push(`${runId}/${token}`)
    }
    return lost
  }

  async settleTask(owner: Owner, task: { runId: string; token: number }, outcome: Message): Promise<boolean> {
    const held = this.#held(owner, task.runId, task.token)
    if (!held) return false
    this.#store.tasks = this.#store.tasks.filter((other) => other !== held)
    this.#store.send(held.runId, outcome)
    this.#changed()
    return true
  }

  async reapTasks(now: number, limit: number): Promise<number> {
    const store = this.#store
    const lost = store.tasks.filter((task) => task.holder !== null && (task.leaseUntil <= now || !isLive(store, task.holder)))
    const reaped = new Set(lost.slice(0, limit))
    store.tasks = store.tasks.filter((task) => !reaped.has(task))
    for (const task of reaped) store.send(task.runId, lostOutcome(parse<Task>(task.task), lostReason(task, now)))
    if (reaped.size > 0) this.#changed()
    return reaped.size
  }

  async takeSlot({ key, limit, runId, path }: { key: string; limit: number; runId: string; path: string }): Promise<SlotResult> {
    const store = this.#store
    const holders = store.slots.get(key) ?? []
    if (holders.some((holder) => holder.runId === runId && holder.path === path)) return { taken: true }
    if (holders.length >= limit) return { taken: false, holders: structuredClone(holders) }
    store.slots.set(key, [...holders, { key, runId, path, since: store.now() }])
    this.#changed()
    return { taken: true }
  }

  async freeSlots(slots: Array<{ key: string; runId: string; path: string }>): Promise<void> {
    const store = this.#store
    for (const { key, runId, path } of slots) {
      const left = (store.slots.get(key) ?? []).filter((holder) => holder.runId !== runId || holder.path !== path)
      if (left.length > 0) store.slots.set(key, left)
      else store.slots.delete(key)
    }
    this.#changed()
  }

  async slots(filter: { key: string } | { runId: string }): Promise<SlotHolder[]> {
    const { slots } = this.#store
    const found = 'key' in filter ? (slots.get(filter.key) ?? []) : [...slots.values()].flat().filter((holder) => holder.runId === filter.runId)
    return structuredClone(found)
  }

  async value(key: string): Promise<{ value: Json; version: number } | undefined> {
    const store = this.#store
    const found = store.values.get(key)
    return found && found.expires > store.now() ? { value: parse<Json>(found.value), version: found.version } : undefined
  }

  async putValue({ key, value, version, ttlMs }: { key: string; value: Json; version?: number; ttlMs?: number }): Promise<boolean> {
    const store = this.#store
    const there = (await this.value(key))?.version ?? 0
    if (version !== undefined && version !== there) return false
    store.values.set(key, { value: JSON.stringify(value), version: store.next(), expires: ttlMs === undefined ? Number.POSITIVE_INFINITY : store.now() + ttlMs })
    return true
  }

  watch(listener: () => void): () => void {
    const { listeners } = this.#data
    const mine = listeners.get(this) ?? new Set()
    listeners.set(this, mine.add(listener))
    return () => {
      mine.delete(listener)
    }
  }

  #changed(): void {
    for (const [handle, listeners] of this.#data.listeners) {
      if (handle !== this) for (const listener of listeners) queueMicrotask(listener)
    }
  }

  async appendLogs(lines: LogLine[]): Promise<void> {
    const store = this.#store
    for (const line of lines) store.runs.get(line.runId)?.logs.push({ no: store.next(), line: JSON.stringify(line) })
  }

  async logs(runId: string, query: { path?: string; after?: number; limit: number }): Promise<Array<LogLine & { no: number }>> {
    const { path, after = 0, limit } = query
    const found: Array<LogLine & { no: number }> = []
    for (const { no, line } of this.#store.runs.get(runId)?.logs ?? []) {
      if (found.length >= limit) break
      const log = parse<LogLine>(line)
      if (no > after && (path === undefined || log.path === path)) found.push({ ...log, no })
    }
    return found
  }

  async check(): Promise<CheckResult[]> {
    const { runs } = this.#store
    return [{ name: 'store', ok: true, detail: `in memory: ${runs.size} runs, gone when the process ends` }]
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#data.listeners.delete(this)
  }
}

function isLive(store: MemoryData, id: string): boolean {
  return store.processes.get(id)?.state === 'live'
}

function lostReason(task: StoredTask, now: number): string {
  return task.leaseUntil <= now ? 'its worker stopped renewing its lease' : 'its worker process is gone'
}
