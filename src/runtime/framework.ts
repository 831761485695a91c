/**
 * The parts for programs: an event bus, a worker manager and an orchestrator over one session. They are the command
 * line's own parts; this file only gives them the names and the lifecycle a program expects.
 */
import { resolve } from 'node:path'
import type { Backend } from '../backend/backend.ts'
import { openBackend } from '../backend/open.ts'
import { allSteps, childrenOf, workersOf, type Definition } from '../model/definition.ts'
import { MagError } from '../model/error.ts'
import type { RunEvent } from '../model/event.ts'
import type { Message } from '../model/message.ts'
import type { Json, JsonObject } from '../model/json.ts'
import { runDocument, type RunDocument } from '../view/document.ts'
import { applyEvents, viewOf } from '../view/run-view.ts'
import { systemClock } from './clock.ts'
import type { LoadedWorker } from './loader/loader.ts'
import { OutputError, toInput } from './outcome.ts'
import { openSession, type PinnedDefinition, type Session } from './session.ts'
import type { WorkerDefinition } from './worker.ts'
import type { RunId, RunOf, StartArguments, WorkflowName } from './workflow-types.ts'

export interface FrameworkOptions {
  /** `sqlite:<path>` (relative to `projectDir`), or `memory:`. Default: `memory:`, nothing outlives the process. */
  store?: string
  /** From WorkflowBuilder, or names of files in `workflows/` of the project. */
  workflows?: Array<Definition | string>
  /** Folders to load workers from, beside those that are registered by hand. */
  workers?: string[]
  projectDir?: string
  concurrency?: number
  /** Continue runs in the store whose process died. Default true. */
  recover?: boolean
}

export interface StepEvent {
  transactionId: string
  event: RunEvent
}

export interface EventBus {
  start(): Promise<void>
  stop(): Promise<void>
  /** Every durable event of the runs driven by this program, in order per run. Returns the way to stop listening. */
  subscribe(listener: (event: StepEvent) => void): () => void
}

export interface WorkerManager {
  register(...workers: WorkerDefinition[]): void
  listWorkers(): string[]
  start(): Promise<void>
  stop(): Promise<void>
}

export interface WorkflowOrchestrator {
  start(): Promise<void>
  stop(options?: { graceMs?: number }): Promise<void>
  /** Starts a run and returns its id once that is durable. `id`: the same key and input give the same run. */
  executeWorkflow<Name extends WorkflowName>(name: Name, ...start: StartArguments<Name>): Promise<RunId<Name>>
  getStatus<Name extends string>(transactionId: RunId<Name>): Promise<RunOf<Name>>
  getStatus(transactionId: string): Promise<RunDocument>
  /** Resolves with the status once the run is final. */
  waitFor<Name extends string>(transactionId: RunId<Name>, options?: { signal?: AbortSignal }): Promise<RunOf<Name>>
  waitFor(transactionId: string, options?: { signal?: AbortSignal }): Promise<RunDocument>
  cancel(transactionId: string, reason?: string): Promise<void>
  /** Reaches a step that waits for the signal, now or later. `id`: the same signal sent twice is one. */
  signal(transactionId: string, name: string, data?: Json, options?: { id?: string }): Promise<void>
  /** Answers the `approve` step at that path; ignored where it does not wait. */
  approve(transactionId: string, step: string, answer?: Answer): Promise<void>
  reject(transactionId: string, step: string, answer?: Answer): Promise<void>
  /** Says what became of a step in doubt. */
  resolve(transactionId: string, step: string, as: 'completed' | 'failed' | 'retry', more?: { output?: Json; reason?: string; by?: string }): Promise<void>
  /** Starts nothing new until `resume`. */
  pause(transactionId: string, reason?: string): Promise<void>
  resume(transactionId: string): Promise<void>
  /** Goes on with a run that has ended badly; see `mag retry`. */
  retry(transactionId: string, options?: { from?: string }): Promise<void>
}

export interface Answer {
  by?: string
  comment?: string
  data?: Json
}

export interface Framework extends AsyncDisposable {
  eventBus: EventBus
  workerManager: WorkerManager
  orchestrator: WorkflowOrchestrator
  close(): Promise<void>
}

interface Parts {
  options: FrameworkOptions
  projectDir: string
  backend: Backend
  definitions: Map<string, PinnedDefinition>
  /** By the name of the workflow that may start them. */
  children: Map<string, Map<string, PinnedDefinition>>
  workers: Map<string, LoadedWorker>
  listeners: Set<(event: StepEvent) => void>
  started: Set<string>
  session: Session | undefined
}

/** Opens the store and checks every workflow; nothing runs before `start()`. */
export async function createFramework(options: FrameworkOptions = {}): Promise<Framework> {
  const projectDir = resolve(options.projectDir ?? '.')
  const definitions = new Map<string, PinnedDefinition>()
  for (const workflow of options.workflows ?? []) {
    const pinned = await pin(projectDir, workflow)
    definitions.set(pinned.definition.name, pinned)
  }
  const backend = await openBackend(options.store ?? 'memory:', { now: () => systemClock.now(), projectDir })
  const parts: Parts = {
    options, projectDir, backend, definitions, children: new Map(), workers: new Map(), listeners: new Set(), started: new Set(), session: undefined,
  }
  await loadFolders(parts)
  const close = () => closeAll(parts)
  return {
    eventBus: eventBus(parts), workerManager: workerManager(parts), orchestrator: orchestrator(parts), close, [Symbol.asyncDispose]: close,
  }
}

async function pin(projectDir: string, workflow: Definition | string): Promise<PinnedDefinition> {
  if (typeof workflow === 'string') {
    const { findProject, readWorkflow } = await import('./project.ts')
    const read = await readWorkflow(findProject(projectDir), workflow)
    if (read.definition && read.hash && read.pinned) return { definition: read.definition, hash: read.hash, text: read.pinned }
    const [problem] = read.problems
    throw new MagError(problem?.code ?? 'MAG1000', `${read.file}:${problem?.line}:${problem?.column} ${problem?.message}`, { hint: `mag validate ${read.file}` })
  }
  const { canonicalJson, hashDefinition } = await import('../definition/hash.ts')
  return { definition: workflow, hash: hashDefinition(workflow), text: canonicalJson(workflow) }
}

async function loadFolders(parts: Parts): Promise<void> {
  const dirs = parts.options.workers
  if (!dirs) return
  const { loadWorkers } = await import('./loader/loader.ts')
  const { workers, problems } = await loadWorkers({ projectDir: parts.projectDir, dirs, cacheDir: resolve(parts.projectDir, '.mag/cache') })
  const [problem] = problems
  if (problem) throw new MagError(problem.code, `${problem.file}:${problem.line}:${problem.column} ${problem.message}`, { hint: problem.help })
  for (const worker of workers) parts.workers.set(worker.name, worker)
}

async function closeAll(parts: Parts, graceMs = 10_000): Promise<void> {
  await parts.session?.stop({ graceMs })
  parts.session = undefined
  await parts.backend.close()
}

function eventBus(parts: Parts): EventBus {
  return {
    async start() {
      parts.started.add('eventBus')
    },
    async stop() {
      parts.started.delete('eventBus')
      parts.listeners.clear()
    },
    subscribe(listener) {
      parts.listeners.add(listener)
      return () => parts.listeners.delete(listener)
    },
  }
}

function workerManager(parts: Parts): WorkerManager {
  return {
    register(...definitions) {
      for (const definition of definitions) {
        const loaded: LoadedWorker = { definition, name: definition.name, file: '(program)', exportName: definition.name }
        parts.workers.set(definition.name, loaded)
        parts.session?.addWorker(loaded)
      }
    },
    listWorkers: () => [...parts.workers.keys()].sort(),
    async start() {
      parts.started.add('workerManager')
    },
    async stop() {
      parts.started.delete('workerManager')
    },
  }
}

function orchestrator(parts: Parts): WorkflowOrchestrator {
  return {
    start: () => startSession(parts),
    async stop({ graceMs = 10_000 } = {}) {
      await parts.session?.stop({ graceMs })
      parts.session = undefined
    },
    // Not async itself: whoever awaits the id hears of it before any step of a run in memory has ended.
    executeWorkflow<Name extends WorkflowName>(name: Name, ...[input, options]: StartArguments<Name>): Promise<RunId<Name>> {
      // What the workflow's schemas say is checked; the types of the program say no more than that.
      return execute(parts, name, (input ?? {}) as JsonObject, options?.id)
    },
    getStatus: (id: string) => statusOf(parts, id),
    async waitFor(id: string, { signal }: { signal?: AbortSignal } = {}) {
      await statusOf(parts, id)
      await sessionOf(parts).follow(id, () => undefined, signal ? { signal } : {})
      return statusOf(parts, id)
    },
    cancel: (id, reason) => send(parts, id, { type: 'cancel', ...(reason === undefined ? {} : { reason }) }),
    signal: (id, name, data = {}, { id: key = Buffer.from(systemClock.random(16)).toString('hex') } = {}) => send(parts, id, { type: 'signal', id: key, name, data }),
    approve: (id, path, answer = {}) => send(parts, id, { type: 'approve', path, approved: true, ...answer }),
    reject: (id, path, answer = {}) => send(parts, id, { type: 'approve', path, approved: false, ...answer }),
    resolve: (id, path, as, more = {}) => send(parts, id, { type: 'resolve', path, as, ...more }),
    pause: (id, reason) => send(parts, id, { type: 'pause', ...(reason === undefined ? {} : { reason }) }),
    resume: (id) => send(parts, id, { type: 'unpause' }),
    async retry(id, { from } = {}) {
      const result = await sessionOf(parts).retry(id, from === undefined ? {} : { from })
      if (result === 'missing') throw notFound(id)
      if (result === 'owned') return
      throw new MagError('MAG2016', 'refused' in result ? `${id} is not retried: ${result.refused}` : `${id} is driven by process ${result.heldBy.id}`, { exitCode: 10 })
    },
  }
}

async function send(parts: Parts, id: string, message: Message): Promise<void> {
  if ((await sessionOf(parts).send(id, message)) === 'missing') throw notFound(id)
}

async function startSession(parts: Parts): Promise<void> {
  if (parts.session) return
  for (const part of ['eventBus', 'workerManager']) {
    if (!parts.started.has(part)) {
      throw new MagError('MAG3001', `the orchestrator was started before the ${part}`, { hint: `await ${part}.start() first` })
    }
  }
  const { concurrency } = parts.options
  const session = await openSession({
    backend: parts.backend, projectDir: parts.projectDir, workers: [...parts.workers.values()], role: 'library', ...(concurrency ? { concurrency } : {}),
  })
  session.onEvents((transactionId, events) => {
    for (const event of events) for (const listener of parts.listeners) listener({ transactionId, event })
  })
  parts.session = session
  if (parts.options.recover !== false) await session.takeOverOrphans(1_000)
}

function sessionOf(parts: Parts): Session {
  if (parts.session) return parts.session
  throw new MagError('MAG3001', 'the orchestrator is not started', { hint: 'await orchestrator.start() first' })
}

async function execute(parts: Parts, name: string, input: JsonObject, key: string | undefined): Promise<string> {
  const session = sessionOf(parts)
  const checked = parts.definitions.get(name)
  if (!checked) {
    throw new MagError('MAG2001', `no workflow named "${name}" was given to createFramework`, { exitCode: 6, hint: `there are: ${[...parts.definitions.keys()].join(', ') || 'none'}` })
  }
  const children = parts.children.get(name) ?? childrenAmong(parts, checked)
  parts.children.set(name, children)
  for (const { definition } of [checked, ...children.values()]) requireWorkers(parts, definition)
  const { checkInput } = await import('../definition/input.ts')
  const result = checkInput(checked.definition, plainInput(name, input))
  if ('problems' in result) {
    throw new MagError('MAG2010', `the input of ${name} is not valid: ${result.problems.map((problem) => `${problem.path} ${problem.message}`).join('; ')}`)
  }
  const started = await session.startRun({ checked: { ...checked, children }, input: result.input, ...(key === undefined ? {} : { key }) })
  if (!started.sameInput) {
    throw new MagError('MAG2011', `the id ${key} belongs to run ${started.runId}, which has another input or workflow`, { exitCode: 10 })
  }
  return started.runId
}

function plainInput(name: string, input: JsonObject): Json {
  try {
    return toInput(input)
  } catch (error) {
    if (!(error instanceof OutputError)) throw error
    throw new MagError('MAG2010', `the input of ${name} is not valid: ${error.message}`, { hint: 'give plain data' })
  }
}

/** The workflows that it may start as children, and those that they may: each must have been given to createFramework. */
function childrenAmong(parts: Parts, root: PinnedDefinition): Map<string, PinnedDefinition> {
  const found = new Map<string, PinnedDefinition>()
  const queue = [root]
  for (let by = queue.pop(); by; by = queue.pop()) {
    for (const name of childrenOf(by.definition)) {
      if (found.has(name)) continue
      const child = parts.definitions.get(name)
      if (!child) throw new MagError('MAG1051', `${by.definition.name} starts workflow "${name}", which was not given to createFramework`, { hint: `there are: ${[...parts.definitions.keys()].join(', ')}` })
      found.set(name, child)
      queue.push(child)
    }
  }
  return found
}

/** Worked out once for each definition, not at each start. */
const namesIn = new WeakMap<Definition, Set<string>>()

/** Refused before the first step runs (S19), naming worker and step. */
function requireWorkers(parts: Parts, definition: Definition): void {
  const names = namesIn.get(definition) ?? workersOf(definition)
  namesIn.set(definition, names)
  if ([...names].every((name) => parts.workers.has(name))) return
  const missing = allSteps(definition).flatMap(({ id, kind, compensate }) => {
    const wanted = [...(kind.type === 'worker' ? [kind.worker] : []), ...(compensate ? [compensate.worker] : [])]
    return wanted.filter((name) => !parts.workers.has(name)).map((name) => `step "${id}" needs worker "${name}"`)
  })
  if (missing.length > 0) {
    throw new MagError('MAG2020', `${missing.join('; ')}: not registered`, { hint: `workerManager.register(…); there are: ${[...parts.workers.keys()].join(', ') || 'none'}` })
  }
}

async function statusOf(parts: Parts, id: string): Promise<RunDocument> {
  const record = await parts.backend.run(id)
  if (!record) throw notFound(id)
  const text = await parts.backend.definition(record.definition)
  const view = viewOf(JSON.parse(text ?? '{}') as Definition, id)
  for (let after = 0; ; ) {
    const events = await parts.backend.history(id, after, 10_000)
    if (events.length === 0) break
    applyEvents(view, events)
    after = events.at(-1)?.seq ?? after
  }
  return runDocument(view, record)
}

function notFound(id: string): MagError {
  return new MagError('MAG2006', `no run ${id}`, { exitCode: 6, hint: 'mag list' })
}

