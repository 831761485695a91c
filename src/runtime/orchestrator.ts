/**
 * Drives runs: messages in, one transition, one durable commit, then the commands. It holds the state of the runs that
 * this process owns and has work for; a run that only waits is a row with a due time and nothing in memory. A run whose
 * commit is under way is never transitioned: its messages wait for the answer. Decisions are the engine's, all of them.
 */
import type { Commit, CommitResult } from '../backend/backend.ts'
import { childWaits, transition, type ChildWait, type Run, type Transition } from '../engine/transition.ts'
import { isFinal } from '../model/event.ts'
import { MagError } from '../model/error.ts'
import type { Message } from '../model/message.ts'
import {
  commitOf, isParked, newActive, patchOf, reject, stoppedError, storeError, type Active, type Core, type OrchestratorOptions, type StartResult, type Work,
} from './active.ts'
import { cancelAll, carryOut } from './commands.ts'
import { isPassing } from './held.ts'
import { load } from './load.ts'
import type { StartRequest } from './start-request.ts'
import { remoteOf } from './remote.ts'
import { createWakes } from './wakes.ts'

/** While the disk is full, results are held and tried again this often. */
const HOLD_RETRY_MS = 500
const WAKE_PAGE = 100

export type { OrchestratorOptions, StartResult }

export type { StartRequest }

export interface Orchestrator {
  /** Rejects when the store refuses: then nothing was started. */
  start(request: StartRequest): Promise<StartResult>
  /** Continues a run that this process has just claimed; nothing where it does so already. */
  adopt(runId: string): Promise<void>
  /** To a run that is owned here; parked ones are brought back. `inboxId`: handled with the commit. */
  deliver(runId: string, message: Message, inboxId?: number): Promise<void>
  owns(runId: string): boolean
  /** Runs in memory that wait for children. */
  waitingForChildren(): Array<{ run: Run; children: ChildWait[] }>
  /** Runs whose parked time has come. */
  wakeDue(): Promise<void>
  readonly activeCount: number
  /** Resolves when no commit is under way and no message waits. */
  idle(): Promise<void>
  /** Hands back every run. Tasks must have been drained. */
  release(): Promise<void>
  /** Forgets everything at once: the lease is lost. */
  abandon(): void
}

export function createOrchestrator(options: OrchestratorOptions): Orchestrator {
  const core: Core = {
    options, active: new Map(), loading: new Map(), adopting: new Set(), held: [], dirty: [], flushing: false, pending: 0, idlers: [],
    stopped: false, failed: false,
    wakes: createWakes(options.clock, (runId) => tick(core, runId), () => void wakeDue(core)),
  }
  return {
    start: (request) => start(core, request),
    adopt: (runId) => adopt(core, runId),
    deliver: (runId, message, inboxId) => deliver(core, runId, message, inboxId),
    owns: (runId) => core.active.has(runId),
    waitingForChildren: () => [...core.active.values()].flatMap(({ run }) => (run && run.childCount > 0 ? [{ run, children: childWaits(run) }] : [])),
    wakeDue: () => wakeDue(core),
    get activeCount() {
      return core.active.size
    },
    idle: () => idle(core),
    release: () => release(core),
    abandon: () => abandon(core),
  }
}

function start(core: Core, request: StartRequest): Promise<StartResult> {
  if (core.stopped) return Promise.reject(stoppedError())
  const { id, workflow, compiled, input, key, inputHash, parent, children } = request
  const active = newActive(id, compiled)
  const keyed = key === undefined ? {} : { key }
  active.create = { workflow, definition: compiled.hash, inputHash, createdAt: core.options.clock.now(), ...keyed, ...(parent ? { parent: parent.run } : {}) }
  active.inbox.push({ type: 'start', id, workflow, definition: compiled.hash, input, ...keyed, ...(parent ? { parent } : {}), ...(children ? { children } : {}) })
  core.active.set(id, active)
  return new Promise((resolve, reject) => {
    active.started = { resolve, reject }
    enqueue(core, active)
  })
}

async function adopt(core: Core, runId: string): Promise<void> {
  core.adopting.add(runId)
  try {
    // A read that began before the claim saw another's run.
    if (!(await load(core, runId))) await load(core, runId)
  } finally {
    core.adopting.delete(runId)
  }
  const active = core.active.get(runId)
  if (active) enqueue(core, active)
}

async function deliver(core: Core, runId: string, message: Message, inboxId?: number): Promise<void> {
  try {
    // What was loaded may have been parked again before this goes on.
    while (!core.active.has(runId)) if (!(await load(core, runId))) return
  } catch (error) {
    return reported(core, error)
  }
  const active = core.active.get(runId)
  if (!active || core.stopped) return
  if (inboxId !== undefined) {
    if (active.handled.includes(inboxId) || active.sending.includes(inboxId)) return
    active.handled.push(inboxId)
  }
  push(core, active, message)
}

/** For the hot path: no promise where the run is in memory. */
function push(core: Core, active: Active, message: Message): void {
  active.inbox.push(message)
  enqueue(core, active)
}

function tick(core: Core, runId: string): void {
  const active = core.active.get(runId)
  if (active) push(core, active, { type: 'tick' })
}

/** Brings parked runs back whose time has come, and asks to be woken for the next one. */
async function wakeDue(core: Core): Promise<void> {
  const { backend, owner, clock } = core.options
  try {
    for (let more = true; more && !core.stopped; ) {
      // Runs in memory are in the query until a commit clears their wakeAt; they wake themselves.
      let known = 0
      for (const { recordWakeAt } of core.active.values()) if (recordWakeAt !== null) known++
      const records = await backend.due(owner, Number.MAX_SAFE_INTEGER, known + WAKE_PAGE)
      more = records.length === known + WAKE_PAGE
      for (const { id, wakeAt } of records) {
        if (core.active.has(id)) continue
        if (wakeAt !== null && wakeAt > clock.now()) return core.stopped ? undefined : core.wakes.parked(wakeAt)
        await load(core, id)
        tick(core, id)
      }
    }
  } catch (error) {
    reported(core, error)
    if (!core.stopped) core.wakes.parked(clock.now() + HOLD_RETRY_MS)
  }
}

function enqueue(core: Core, active: Active): void {
  if (active.queued || active.committing || core.stopped) return
  active.queued = true
  core.dirty.push(active)
  if (core.flushing) return
  core.flushing = true
  queueMicrotask(() => flush(core))
}

/** One transition per dirty run, one commit each, sent as one batch; the backend shares the transaction of the turn. */
function flush(core: Core): void {
  core.flushing = false
  const dirty = core.dirty
  core.dirty = []
  const work: Work[] = []
  const now = core.options.clock.now()
  for (const active of dirty) {
    active.queued = false
    const { inbox: messages, handled } = active
    if (messages.length === 0 && handled.length === 0) continue
    active.inbox = []
    active.handled = []
    const result = transition(active.compiled, active.run, messages, now)
    // A run that was opened for a retry that came to nothing is closed again.
    const reopened = result.run.final !== undefined && active.recordState !== undefined && !isFinal(active.recordState)
    if (result.events.length === 0 && handled.length === 0 && !reopened) {
      settle(core, active, result)
      continue
    }
    active.committing = true
    active.sending = handled
    const item: Work = { active, result, patch: patchOf(active, result, now), handled, remote: remoteOf(result, core.options.isLocal), again: false }
    work.push(item)
  }
  if (work.length === 0) return settleIdle(core)
  send(core, work)
}

function send(core: Core, work: Work[]): void {
  core.pending += work.length
  core.options.backend.commit(work.map((item) => commitOf(core.options.owner, item))).then(
    (results) => work.forEach((item, i) => answered(core, item, results[i] ?? { status: 'fenced' })),
    (error) => refused(core, work, error),
  ).finally(() => settleIdle(core))
}

function answered(core: Core, work: Work, answer: CommitResult): void {
  core.pending--
  if (core.stopped) return reject(work.active, stoppedError())
  if (answer.status === 'ok') return written(core, work)
  if (work.again) return void checkWritten(core, work, answer)
  lost(core, work.active, answer)
}

function written(core: Core, work: Work): void {
  const { active, result, patch } = work
  active.committing = false
  active.sending = []
  active.run = result.run
  if (patch) {
    active.recordState = patch.state
    active.recordWakeAt = patch.wakeAt ?? null
  }
  active.started?.resolve({ status: 'started', runId: active.runId })
  active.started = undefined
  core.options.onEvents(active.runId, result.events)
  carryOut(core, active, result.commands)
  if (result.run.final !== undefined && result.events.length > 0) core.options.children.ended(active.compiled, result.run, result.run.lastAt)
  settle(core, active, result)
}

/** After a transition whose events, if any, are durable: keep, park or forget the run. */
function settle(core: Core, active: Active, result: Transition): void {
  active.run = result.run.seq > 0 ? result.run : active.run
  active.wakeAt = result.wakeAt
  if (active.inbox.length > 0 || active.handled.length > 0) return enqueue(core, active)
  if (result.run.final) return forget(core, active)
  if (isParked(active, result)) {
    forget(core, active)
    if (result.wakeAt !== null) core.wakes.parked(result.wakeAt)
  } else if (result.wakeAt === null) core.wakes.clear(active.runId)
  else core.wakes.set(active.runId, result.wakeAt)
}

function forget(core: Core, active: Active): void {
  core.active.delete(active.runId)
  core.wakes.clear(active.runId)
}

function lost(core: Core, active: Active, answer: CommitResult): void {
  forget(core, active)
  if (answer.status === 'exists') {
    active.started?.resolve({ status: 'exists', runId: answer.runId, sameInput: answer.sameInput })
    return
  }
  reject(active, stoppedError())
  cancelAll(core, active)
  if (answer.status === 'fenced') return core.options.onLost(active.runId)
  // Still this process's, but not as it was remembered: on from what the store knows.
  adopt(core, active.runId).then(() => core.active.has(active.runId) || core.options.onLost(active.runId), (error) => reported(core, error))
}

/**
 * The store answered with an error: perhaps nothing was written, perhaps only the answer was lost. So the same commits are
 * sent again, and their runs wait; a start is given up unless it turns out to be written.
 */
function refused(core: Core, work: Work[], cause: unknown): void {
  core.pending -= work.length
  if (core.stopped) return work.forEach(({ active }) => reject(active, stoppedError()))
  const error = storeError(cause)
  const starts = work.filter((item) => !item.active.run)
  const others = work.filter((item) => item.active.run)
  if (others.length > 0) reported(core, error)
  for (const item of starts) void checkWritten(core, item, error)
  if (others.length === 0 || core.stopped) return
  for (const item of others) item.again = true
  if (core.held.length === 0) core.options.clock.setTimer(HOLD_RETRY_MS, () => sendHeld(core))
  core.held.push(...others)
}

function sendHeld(core: Core): void {
  const held = core.held
  core.held = []
  if (held.length > 0 && !core.stopped) send(core, held)
}

/** After an error: was it written all the same? Nobody else writes the very same events. */
async function checkWritten(core: Core, work: Work, answer: MagError | CommitResult): Promise<void> {
  const { active, result } = work
  core.pending++
  try {
    const before = result.run.seq - result.events.length
    const found = await core.options.backend.history(active.runId, before, result.events.length)
    const same = result.events.length > 0 && JSON.stringify(found.slice(0, result.events.length)) === JSON.stringify(result.events)
    core.pending--
    if (core.stopped) return reject(active, stoppedError())
    const mine = same && (result.run.final !== undefined || answer instanceof MagError || answer.status !== 'fenced')
    if (mine) return written(core, work)
    if (!(answer instanceof MagError)) return lost(core, active, answer)
    forget(core, active)
    reject(active, answer)
  } catch (error) {
    if (active.run) return refused(core, [work], error)
    core.pending--
    forget(core, active)
    reject(active, storeError(error))
  } finally {
    settleIdle(core)
  }
}

/** Where waiting cannot help, nothing is written any more: what was not acknowledged is done again by the next owner. */
function reported(core: Core, cause: unknown): void {
  if (core.stopped) return
  const error = storeError(cause)
  const fatal = !isPassing(error)
  if (fatal) {
    core.failed = true
    abandon(core)
  }
  core.options.onStoreError(error, fatal)
}

function idle(core: Core): Promise<void> {
  if (core.pending === 0 && core.dirty.length === 0) return Promise.resolve()
  return new Promise((resolve) => core.idlers.push(resolve))
}

function settleIdle(core: Core): void {
  if (core.idlers.length === 0 || core.pending > 0 || core.dirty.length > 0) return
  const idlers = core.idlers
  core.idlers = []
  for (const resolve of idlers) resolve()
}

async function release(core: Core): Promise<void> {
  if (core.failed) return
  await idle(core)
  // The last chance of what is held.
  sendHeld(core)
  await idle(core)
  core.stopped = true
  core.wakes.stop()
  const batch = [...core.active.values()].filter((active) => active.run).map((active): Commit => ({
    runId: active.runId, owner: core.options.owner, expectedSeq: active.run?.seq ?? 0, events: [], patch: { release: true, wakeAt: active.wakeAt },
  }))
  core.active.clear()
  // Should the store refuse: a process that has left holds nothing.
  if (batch.length > 0) await core.options.backend.commit(batch).catch(() => undefined)
}

function abandon(core: Core): void {
  core.stopped = true
  core.wakes.stop()
  for (const active of core.active.values()) {
    reject(active, stoppedError())
    if (!active.run) continue
    cancelAll(core, active)
    core.options.onLost(active.runId)
  }
  core.active.clear()
}
