/**
 * One process's event bus, worker pool and orchestrator on one backend. Composition only: it owns the lease, carries
 * messages between the parts and closes them in order. It decides nothing about runs.
 */
import type { Backend, LogLine, Owner, ProcessRecord } from '../backend/backend.ts'
import { compile, type Compiled } from '../engine/transition.ts'
import type { Task } from '../model/command.ts'
import type { Definition } from '../model/definition.ts'
import { isFinal, type RunEvent } from '../model/event.ts'
import { MagError } from '../model/error.ts'
import { makeRunId } from '../model/id.ts'
import type { JsonObject } from '../model/json.ts'
import type { Message } from '../model/message.ts'
import { systemClock, type Clock } from './clock.ts'
import { createChildren } from './children.ts'
import { createFollower } from './follow.ts'
import { createGates } from './gates.ts'
import { isPassing } from './held.ts'
import type { LoadedWorker } from './loader/loader.ts'
import { createLogBuffer } from './log-buffer.ts'
import { createOrchestrator, type Orchestrator } from './orchestrator.ts'
import { createPool, type Pool } from './pool/pool.ts'
import { livenessOf, thisProcess } from './process.ts'
import { retryRun } from './retry.ts'
import { createMasker, environmentSecret, type SecretSource } from './secrets.ts'
import type { StartRequest } from './start-request.ts'
import { createStarts } from './starts.ts'
import { submitRun } from './submit.ts'

/** A process that has not renewed for this long may be taken over from another host. */
export const LEASE_MS = 15_000
/** Messages from other processes are looked for at least this often; the backend's hint comes sooner. */
const INBOX_POLL_MS = 1_000
export const DEFAULT_CONCURRENCY = 100

/** A definition as runs pin it: `text` is its canonical JSON, `hash` that text's. */
export interface PinnedDefinition {
  definition: Definition
  hash: string
  text: string
  /** The workflows that it may start as children, and that those may, by name. */
  children?: ReadonlyMap<string, PinnedDefinition>
}

export interface SessionOptions {
  backend: Backend
  projectDir: string
  workers: LoadedWorker[]
  role: 'cli' | 'library' | 'server'
  /** `own` (default): every task is this process's. `shared`: what no worker here serves is queued for other processes. `none`: everything is. */
  pool?: 'own' | 'shared' | 'none'
  concurrency?: number
  clock?: Clock
  /** Values of secrets; default: the environment. */
  secret?: SecretSource
  /** The store refuses and waiting will not help, or the lease was lost: nothing more will happen in this session. */
  onFatal?: (error: MagError) => void
  /** The store refuses for now (full disk): results are held. */
  onHeld?: (error: MagError) => void
  onLog?: (line: LogLine) => void
}

export interface Session {
  readonly backend: Backend
  readonly owner: Owner
  /** `handOver`: for a server that is live, instead of here. */
  startRun(request: { checked: PinnedDefinition; input: JsonObject; key?: string; handOver?: boolean }): Promise<{ runId: string; created: boolean; final: boolean; sameInput: boolean }>
  /** Claims a run that nobody drives and continues it. */
  takeOver(runId: string): Promise<'owned' | 'final' | 'missing' | { heldBy: ProcessRecord }>
  /** A final run goes on as a new generation, driven here. `refused`: why not. */
  retry(runId: string, options: { from?: string; by?: string }): Promise<'owned' | 'missing' | { heldBy: ProcessRecord } | { refused: string }>
  /** Takes over every run that nobody drives and whose workers are all here. Returns their ids. */
  takeOverOrphans(limit: number): Promise<string[]>
  /** All events from `after` on, live or polled, until the run is final or the signal aborts. */
  follow(runId: string, listener: (events: readonly RunEvent[]) => void, options?: { after?: number; signal?: AbortSignal }): Promise<void>
  /** Every durable event of the runs driven here. */
  onEvents(listener: (runId: string, events: readonly RunEvent[]) => void): () => void
  send(runId: string, message: Message): Promise<'ok' | 'missing'>
  addWorker(worker: LoadedWorker): void
  /** Tasks get `graceMs` to end; the others are handed back and start again when the run is resumed. */
  stop(options: { graceMs: number }): Promise<void>
}

export async function openSession(options: SessionOptions): Promise<Session> {
  const { backend, clock = systemClock } = options
  const owner = await backend.join({ ...thisProcess(options.role), workers: options.workers.map((worker) => worker.name) }, LEASE_MS)
  const workers = new Map(options.workers.map((worker) => [worker.name, worker]))
  const compiledByHash = new Map<string, Compiled>()
  const listeners = new Set<(runId: string, events: readonly RunEvent[]) => void>()
  const logs = createLogBuffer(backend, clock, options.onLog)
  const follower = createFollower(backend, clock)
  const secret = options.secret ?? environmentSecret
  const masker = createMasker()
  let stopped = false

  async function compiledFor(hash: string): Promise<Compiled> {
    const there = compiledByHash.get(hash)
    if (there) return there
    const text = await backend.definition(hash)
    if (text === undefined) throw new MagError('STORE_CORRUPT', `the store has no definition ${hash}`, { exitCode: 7, hint: 'mag doctor' })
    return pin({ hash, text, definition: JSON.parse(text) as Definition })
  }

  async function pin(checked: PinnedDefinition): Promise<Compiled> {
    const there = compiledByHash.get(checked.hash)
    if (there) return there
    // The expression library costs 20 ms to load: a definition without expressions never does.
    const expressions = checked.text.includes('"t":"expr"') ? (await import('../definition/expression.ts')).createExpressions() : undefined
    const compiled = compile(checked.definition, checked.hash, expressions)
    compiledByHash.set(checked.hash, compiled)
    for (const name of checked.definition.secrets) masker.add(secret(name))
    return compiled
  }

  const starts = createStarts(clock, (runId, message) => void orchestrator.deliver(runId, message))
  const pool: Pool = createPool({
    lookup: (name) => workers.get(name), concurrency: options.concurrency ?? DEFAULT_CONCURRENCY, clock, projectDir: options.projectDir,
    process: owner.id, secret,
    onStarted: (task) => starts.started(task, owner.id),
    onOutcome: (task, outcome) => {
      starts.ended(task)
      void orchestrator.deliver(task.runId, masker.outcome(outcome))
    },
    onProgress: (task, progress) => void orchestrator.deliver(task.runId, {
      type: 'progress', path: task.path, token: task.token, ...progress, ...(progress.text === undefined ? {} : { text: masker.text(progress.text) }),
    }),
    onLog: (line) => logs.add(masker.line(line)),
  })
  const { pool: serves = 'own' } = options
  const isLocal = ({ target }: Task): boolean => serves === 'own' || (serves === 'shared' && (target.kind !== 'worker' || workers.has(target.worker)))
  const onError = (error: unknown): void => {
    if (stopped) return
    // The next look comes by itself.
    if (isPassing(error)) options.onHeld?.(error)
    else fail(asStoreError(error))
  }
  const gates = createGates({
    backend, clock, onError, owns: (runId) => orchestrator.owns(runId), deliver: (runId, message) => void orchestrator.deliver(runId, message),
  })
  const children = createChildren({
    backend, clock, onError, takeOver, compiled: compiledFor, send, owns: (runId) => orchestrator.owns(runId),
    start: (request) => orchestrator.start(request),
  })
  const orchestrator: Orchestrator = createOrchestrator({
    backend, owner, clock, gates, children, compiled: compiledFor,
    isLocal,
    runTask: (task: Task) => pool.run(task),
    cancelTask: (runId, token, reason) => pool.cancel(runId, token, reason),
    onEvents: (runId, events) => {
      follower.committed(runId, events)
      for (const listener of listeners) listener(runId, events)
    },
    onLost: (runId) => follower.hint(runId),
    onStoreError: (error, fatal) => (fatal ? fail(error) : options.onHeld?.(error)),
  })

  function fail(error: MagError): void {
    follower.fail(error)
    options.onFatal?.(error)
  }

  const inbox = async () => {
    if (stopped) return
    for (const item of await backend.inbox(owner, 1_000)) await orchestrator.deliver(item.runId, item.message, item.id)
  }
  const look = () => void inbox().catch(onError)
  const unwatch = backend.watch(look)
  const polls = repeat(clock, INBOX_POLL_MS, look)
  const renewals = repeat(clock, LEASE_MS / 3, () => {
    children.sweep(orchestrator.waitingForChildren())
    void backend.renew(owner, LEASE_MS, pool.busy).then((held) => {
      if (held || stopped) return
      orchestrator.abandon()
      fail(new MagError('LEASE_LOST', 'another process has taken over the runs of this one', { exitCode: 7, hint: 'mag list' }))
    }, (error: unknown) => {
      const refused = asStoreError(error)
      if (refused.code !== 'STORE_CHANGED' || stopped) return options.onHeld?.(refused)
      orchestrator.abandon()
      fail(refused)
    })
  })

  async function takeOver(runId: string): Promise<'owned' | 'final' | 'missing' | { heldBy: ProcessRecord }> {
    for (let tries = 0; ; tries++) {
      const claim = await backend.claim(runId, owner)
      if (claim.status === 'missing' || claim.status === 'final') return claim.status
      if (claim.status === 'ok') {
        if (!orchestrator.owns(runId)) await orchestrator.adopt(runId)
        return 'owned'
      }
      const proof = livenessOf(claim.by) === 'dead' ? 'dead' : undefined
      if (tries > 0 || !(await backend.fence(claim.by.id, proof))) return { heldBy: claim.by }
    }
  }

  async function send(runId: string, message: Message): Promise<'ok' | 'missing'> {
    if (orchestrator.owns(runId)) {
      await orchestrator.deliver(runId, message)
      return 'ok'
    }
    const sent = await backend.send(runId, message)
    if (sent) look()
    return sent ? 'ok' : 'missing'
  }

  async function put(checked: PinnedDefinition): Promise<void> {
    if (putOnce.has(checked.hash)) return
    await backend.putDefinition(checked.hash, checked.text)
    putOnce.add(checked.hash)
  }

  const putOnce = new Set<string>()
  return {
    backend, owner, takeOver,
    async startRun({ checked, input, key, handOver = false }) {
      await put(checked)
      const children = checked.children && checked.children.size > 0 ? Object.fromEntries([...checked.children].map(([name, { hash }]) => [name, hash])) : undefined
      for (const child of checked.children?.values() ?? []) await put(child)
      const compiled = await pin(checked)
      const id = makeRunId(clock.now(), clock.random(8))
      const inputHash = key === undefined ? '' : await hashOfInput(input)
      const request: StartRequest = { id, workflow: checked.definition.name, compiled, input, inputHash, ...(key === undefined ? {} : { key }), ...(children ? { children } : {}) }
      if (handOver) return submitRun(backend, owner, { ...request, now: clock.now() })
      const started = await orchestrator.start(request)
      if (started.status === 'started') return { runId: id, created: true, final: false, sameInput: true }
      const record = await backend.run(started.runId)
      return { runId: started.runId, created: false, final: record ? isFinal(record.state) : false, sameInput: started.sameInput }
    },
    async takeOverOrphans(limit) {
      const taken: string[] = []
      for (const record of await backend.orphans(limit)) {
        if ((await takeOver(record.id)) === 'owned') taken.push(record.id)
      }
      return taken
    },
    follow: (runId, listener, followOptions) => follower.follow(runId, listener, followOptions),
    onEvents(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    retry: (runId, retryOptions) => retryRun({ backend, owner, orchestrator, compiled: compiledFor }, runId, retryOptions),
    send,
    addWorker: (worker) => void workers.set(worker.name, worker),
    async stop({ graceMs }) {
      if (stopped) return
      await pool.drain(graceMs)
      await orchestrator.release()
      stopped = true
      gates.stop()
      children.stop()
      starts.stop()
      polls()
      renewals()
      unwatch()
      await pool.stop()
      await logs.flush()
      follower.stop()
      await backend.leave(owner)
    },
  }
}

function asStoreError(error: unknown): MagError {
  return error instanceof MagError ? error : new MagError('STORE_IO', error instanceof Error ? error.message : String(error), { cause: error, exitCode: 7 })
}

async function hashOfInput(input: JsonObject): Promise<string> {
  const { hashJson } = await import('../definition/hash.ts')
  return hashJson(input)
}

function repeat(clock: Clock, everyMs: number, action: () => void): () => void {
  let cancel = clock.setTimer(everyMs, again)
  function again(): void {
    cancel = clock.setTimer(everyMs, again)
    action()
  }
  return () => cancel()
}

