/**
 * What attempts ask of the store before they begin: cached results, circuit breakers, slots of concurrency keys. Slots are
 * queued for here, in order of asking; the ends of other processes' steps are noticed by the backend's hint or by polling.
 */
import type { Backend, SlotHolder } from '../backend/backend.ts'
import type { Gate } from '../model/command.ts'
import { isFinal } from '../model/event.ts'
import { isObject, type Json } from '../model/json.ts'
import type { GateAnswer, Message } from '../model/message.ts'
import type { Clock } from './clock.ts'
import { untilDone } from './held.ts'

/** A slot that another process frees is looked for at least this often. */
const POLL_MS = 1_000
/** How often a value that others change at the same time is tried again. */
const TRIES = 20

export interface Gates {
  ask(runId: string, gate: Gate): void
  free(runId: string, slot: { key: string; path: string }): void
  remember(result: { key: string; ttlMs?: number; output: Json }): void
  count(outcome: { worker: string; failures: number; recoveryMs: number; ok: boolean }): void
  /** Slots that the run holds in the store and not in its state: their steps settled just before its owner died. */
  reconcile(runId: string, held: ReadonlySet<string>): Promise<void>
  stop(): void
}

export interface GateOptions {
  backend: Backend
  clock: Clock
  deliver(runId: string, message: Message): void
  owns(runId: string): boolean
  onError(error: unknown): void
}

interface Ask {
  runId: string
  gate: Gate
  dropped: boolean
}

interface Circuit {
  failures: number
  openUntil: number
}

interface Core extends GateOptions {
  asks: Map<string, Ask>
  /** By slot key, in order of asking. */
  queues: Map<string, Ask[]>
  /** Counts of one worker follow each other, and come before what is asked after them. */
  counts: Map<string, Promise<unknown>>
  /** Results on their way into the cache, by key. */
  puts: Map<string, Promise<unknown>>
  trying: boolean
  again: boolean
  unwatch: (() => void) | undefined
  cancelPoll: (() => void) | undefined
  stopped: boolean
}

export function createGates(options: GateOptions): Gates {
  const core: Core = { ...options, asks: new Map(), queues: new Map(), counts: new Map(), puts: new Map(), trying: false, again: false, unwatch: undefined, cancelPoll: undefined, stopped: false }
  const guarded = (work: () => Promise<unknown>): void => void untilDone(core.clock, () => core.stopped, work).catch((error: unknown) => core.stopped || core.onError(error))
  return {
    ask(runId, gate) {
      const ask: Ask = { runId, gate, dropped: false }
      core.asks.set(nameOf(runId, gate.path), ask)
      guarded(() => pass(core, ask))
    },
    free(runId, { key, path }) {
      const ask = core.asks.get(nameOf(runId, path))
      if (ask) ask.dropped = true
      core.asks.delete(nameOf(runId, path))
      guarded(() => core.backend.freeSlots([{ key: storedKey({ path, key }), runId, path }]).then(() => tryQueues(core)))
    },
    remember({ key, ttlMs, output }) {
      const put = untilDone(core.clock, () => core.stopped, () => core.backend.putValue({ key: `cache:${key}`, value: output, ...(ttlMs === undefined ? {} : { ttlMs }) }))
      core.puts.set(key, put)
      guarded(() => put.finally(() => core.puts.get(key) === put && core.puts.delete(key)))
    },
    count(outcome) {
      const before = core.counts.get(outcome.worker) ?? Promise.resolve()
      const done = before.catch(() => undefined).then(() => untilDone(core.clock, () => core.stopped, () => count(core, outcome)))
      core.counts.set(outcome.worker, done)
      guarded(() => done)
    },
    async reconcile(runId, held) {
      const stale = (await core.backend.slots({ runId })).filter(({ path }) => !held.has(path))
      if (stale.length > 0) await core.backend.freeSlots(stale)
    },
    stop() {
      core.stopped = true
      core.unwatch?.()
      core.cancelPoll?.()
    },
  }
}

function nameOf(runId: string, path: string): string {
  return `${runId}/${path}`
}

/** Workflows and steps with one key do not share its slots. */
function storedKey({ path, key }: { path: string; key: string }): string {
  return path === '' ? `run:${key}` : `step:${key}`
}

async function pass(core: Core, ask: Ask): Promise<void> {
  const { cache, circuit, slot } = ask.gate
  if (cache !== undefined) {
    await core.puts.get(cache)?.catch(() => undefined)
    const found = await core.backend.value(`cache:${cache}`)
    if (found) return answer(core, ask, { pass: false, why: 'cached', output: found.value })
  }
  if (circuit) {
    await core.counts.get(circuit.worker)?.catch(() => undefined)
    const until = await openUntil(core, circuit)
    if (until !== undefined) return answer(core, ask, { pass: false, why: 'open', until })
  }
  if (!slot) return answer(core, ask, { pass: true })
  const queue = core.queues.get(slot.key) ?? []
  // It may come here twice, where the store refused the first time.
  if (!queue.includes(ask)) queue.push(ask)
  core.queues.set(slot.key, queue)
  await tryQueues(core)
}

function answer(core: Core, ask: Ask, given: GateAnswer): void {
  const { runId, gate } = ask
  if (core.asks.get(nameOf(runId, gate.path)) === ask) core.asks.delete(nameOf(runId, gate.path))
  if (!ask.dropped && !core.stopped) core.deliver(runId, { type: 'gate', path: gate.path, token: gate.token, answer: given })
}

/** One pass at a time over all queues; what changes meanwhile makes another one. */
async function tryQueues(core: Core): Promise<void> {
  core.again = true
  if (core.trying) return
  core.trying = true
  try {
    while (core.again && !core.stopped) {
      core.again = false
      for (const [key, queue] of [...core.queues]) await tryQueue(core, key, queue)
    }
  } finally {
    core.trying = false
    listen(core)
  }
}

async function tryQueue(core: Core, key: string, queue: Ask[]): Promise<void> {
  for (let ask = queue[0]; ask && !core.stopped; ask = queue[0]) {
    const { runId, gate } = ask
    if (!ask.dropped && core.owns(runId) && gate.slot) {
      const slot = { key: storedKey({ path: gate.path, key }), runId, path: gate.path }
      const result = await core.backend.takeSlot({ ...slot, limit: gate.slot.limit })
      if (!result.taken && gate.slot.whenFull === 'queue') {
        if (await freeDead(core, result.holders)) continue
        return
      }
      // It settled while the store answered.
      if (result.taken && ask.dropped) await core.backend.freeSlots([slot])
      answer(core, ask, result.taken ? { pass: true } : { pass: false, why: 'full', key, limit: gate.slot.limit })
    }
    queue.shift()
  }
  if (queue.length === 0) core.queues.delete(key)
}

/** A run that ended in a process that died before it could free its slots. */
async function freeDead(core: Core, holders: readonly SlotHolder[]): Promise<boolean> {
  const dead: SlotHolder[] = []
  for (const holder of holders) {
    if (core.owns(holder.runId)) continue
    const record = await core.backend.run(holder.runId)
    if (!record || isFinal(record.state)) dead.push(holder)
  }
  if (dead.length > 0) await core.backend.freeSlots(dead)
  return dead.length > 0
}

/** While anybody queues. */
function listen(core: Core): void {
  const wanted = core.queues.size > 0 && !core.stopped
  if (!wanted) {
    core.unwatch?.()
    core.cancelPoll?.()
    core.unwatch = core.cancelPoll = undefined
    return
  }
  const look = (): void => void untilDone(core.clock, () => core.stopped, () => tryQueues(core)).catch((error: unknown) => core.stopped || core.onError(error))
  core.unwatch ??= core.backend.watch(look)
  core.cancelPoll ??= core.clock.setTimer(POLL_MS, () => {
    core.cancelPoll = undefined
    look()
  })
}

function circuitOf(value: Json | undefined): Circuit {
  const known = isObject(value) ? value : {}
  return { failures: Number(known['failures'] ?? 0), openUntil: Number(known['openUntil'] ?? 0) }
}

/** Undefined: the call may be made. Of those that ask after the recovery one makes the trial, the others wait for another recovery. */
async function openUntil(core: Core, { worker, failures, recoveryMs }: NonNullable<Gate['circuit']>): Promise<number | undefined> {
  const key = `circuit:${worker}`
  for (let tries = 0; tries < TRIES; tries++) {
    const found = await core.backend.value(key)
    const circuit = circuitOf(found?.value)
    if (circuit.failures < failures) return undefined
    const now = core.clock.now()
    if (now < circuit.openUntil) return circuit.openUntil
    const trial = { failures: circuit.failures, openUntil: now + recoveryMs }
    if (await core.backend.putValue({ key, value: trial, version: found?.version ?? 0 })) return undefined
  }
  return core.clock.now() + recoveryMs
}

async function count(core: Core, { worker, failures, recoveryMs, ok }: { worker: string; failures: number; recoveryMs: number; ok: boolean }): Promise<void> {
  const key = `circuit:${worker}`
  for (let tries = 0; tries < TRIES; tries++) {
    const found = await core.backend.value(key)
    const circuit = circuitOf(found?.value)
    if (ok && circuit.failures === 0) return
    const next = ok ? 0 : circuit.failures + 1
    const value = { failures: next, openUntil: next >= failures ? core.clock.now() + recoveryMs : 0 }
    if (await core.backend.putValue({ key, value, version: found?.version ?? 0 })) return
  }
}
