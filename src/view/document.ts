/** Documents and lines in JSON, as CLI.md fixes them: camelCase, RFC 3339, user data untouched. */
import type { ErrorInfo, Location } from '../model/error.ts'
import { isFinal, type RunEvent, type RunState } from '../model/event.ts'
import type { Json, JsonObject } from '../model/json.ts'
import { currentSteps, everyStep, outputOf } from './run-view.ts'
import type { RunView, StepView, StepViewState, UndoView } from './views.ts'

export interface ErrorDocument {
  code: string
  message: string
  retryable: boolean
  step?: string
  attempt?: number
  details?: Json
  location?: Location
}

export interface StepDocument {
  id: string
  path: string
  kind: string
  state: StepViewState
  attempts: number
  worker?: string
  startedAt?: string
  finishedAt?: string
  durationMs?: number
  dueAt?: string
  reason?: string
  error?: ErrorDocument
  /** Of a foreach. */
  elements?: { total: number; done: number; failed: number }
  /** Of a loop: how many iterations have begun. */
  iterations?: number
  /** What it waits for. */
  signal?: string
  approve?: string
  /** The child run. */
  child?: { transactionId: string; workflow: string }
  cached?: true
  /** Absent for steps of the main list. */
  section?: 'on_failure' | 'finally'
  compensation?: { state: UndoView['state']; worker: string; outcome: string; attempts: number; error?: ErrorDocument }
}

export interface OwnerDocument {
  id: string
  host?: string
  pid?: number
  /** False: that process is gone; the run goes on with `mag resume`. */
  live?: boolean
}

export interface RunDocument {
  schema: 'mag.run/v1'
  transactionId: string
  workflow: string
  definitionHash: string
  state: RunState
  input: JsonObject
  output: Json
  currentStep: string | null
  currentSteps: string[]
  steps: StepDocument[]
  stepResults: { [id: string]: Json }
  warnings: Array<{ code: string; message: string; path?: string }>
  error: ErrorDocument | null
  owner: OwnerDocument | null
  exitCode: number | null
  createdAt: string
  updatedAt: string
  finishedAt: string | null
}

/** What only the store knows of a run. */
export interface RunFacts {
  owner: string | null
  process?: { host: string; pid: number; live: boolean }
}

export function runDocument(view: RunView, facts: RunFacts = { owner: null }): RunDocument {
  const current = currentSteps(view).map((step) => step.path)
  return {
    schema: 'mag.run/v1', transactionId: view.runId, workflow: view.workflow, definitionHash: view.definitionHash, state: view.state,
    input: view.input, output: outputOf(view), currentStep: current[0] ?? null, currentSteps: current, steps: [...everyStep(view)].map(stepDocument),
    stepResults: resultsOf(view), warnings: view.warnings, error: isFinal(view.state) || view.error ? errorDocument(view.error) ?? null : null,
    owner: facts.owner === null ? null : { id: facts.owner, ...facts.process }, exitCode: exitCodeOf(view.state) ?? null,
    createdAt: time(view.createdAt), updatedAt: time(view.updatedAt), finishedAt: view.finishedAt === undefined ? null : time(view.finishedAt),
  }
}

function resultsOf(view: RunView): { [id: string]: Json } {
  const results: { [id: string]: Json } = Object.create(null)
  for (const step of everyStep(view)) if (step.output !== undefined && (!step.dynamic || !(step.id in results))) results[step.id] = step.output
  return results
}

export function stepDocument(step: StepView): StepDocument {
  const { id, path, kind, state, attempts, undo } = step
  const duration = durationOf(step)
  return {
    id, path, kind, state, attempts, ...given('worker', step.worker),
    ...given('startedAt', step.startedAt === undefined ? undefined : time(step.startedAt)),
    ...given('finishedAt', step.finishedAt === undefined || step.startedAt === undefined ? undefined : time(step.finishedAt)),
    ...given('durationMs', duration), ...given('dueAt', step.dueAt === undefined ? undefined : time(step.dueAt)),
    ...given('reason', step.reason), ...given('error', errorDocument(step.error)),
    ...(step.each ? { elements: { total: step.each.total, done: step.each.done, failed: step.each.failed } } : {}),
    ...given('iterations', step.iteration === undefined ? undefined : step.iteration + 1),
    ...(step.state === 'waiting' ? { ...given('signal', step.signal), ...given('approve', step.approve) } : {}),
    ...(step.child ? { child: { transactionId: step.child.run, workflow: step.child.workflow } } : {}), ...(step.cached ? { cached: true as const } : {}),
    ...(step.section === 'steps' ? {} : { section: step.section }),
    ...(undo ? { compensation: { state: undo.state, worker: undo.worker, outcome: undo.outcome, attempts: undo.attempts, ...given('error', errorDocument(undo.error)) } } : {}),
  }
}

/** Milliseconds from its first attempt's start to its end; undefined where it never began or has not ended. */
export function durationOf(step: StepView): number | undefined {
  return step.startedAt === undefined || step.finishedAt === undefined ? undefined : Math.max(0, step.finishedAt - step.startedAt)
}

export function errorDocument(error: ErrorInfo | undefined): ErrorDocument | undefined {
  if (!error) return undefined
  const { stack: _, ...rest } = error
  return rest
}

function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V })
}

/** Exit code of a final state (CLI.md); undefined where the run has not ended. */
export function exitCodeOf(state: RunState): number | undefined {
  switch (state) {
    case 'completed':
      return 0
    case 'failed':
      return 1
    case 'timed_out':
      return 3
    case 'cancelled':
      return 4
    case 'compensated':
      return 8
    case 'compensation_failed':
      return 9
    default:
      return undefined
  }
}

const TIMES = new Set(['at', 'dueAt', 'until', 'startedAt'])

/** One line of `history` and of `-o jsonl`. `view` has the event folded in already. */
export function eventLine(view: RunView, event: RunEvent): JsonObject {
  const line: { [key: string]: Json } = { seq: event.seq, at: time(event.at), type: event.type, transactionId: view.runId, v: event.v ?? 1 }
  for (const [key, value] of Object.entries(event as { [key: string]: Json })) {
    if (key === 'error') line.error = { ...errorDocument(value as unknown as ErrorInfo) } as unknown as Json
    else if (!(key in line)) line[key] = TIMES.has(key) && typeof value === 'number' ? time(value) : value
  }
  if (event.type === 'run.finished') {
    Object.assign(line, { output: outputOf(view), exitCode: exitCodeOf(event.state) ?? null, durationMs: event.at - view.createdAt })
  }
  return line
}

export interface RunSummary {
  id: string
  workflow: string
  definition: string
  key: string | null
  state: RunState
  owner: string | null
  createdAt: number
  updatedAt: number
  finishedAt: number | null
  note: string | null
}

export function listDocument(records: readonly RunSummary[], nextCursor: string | null): JsonObject {
  return { schema: 'mag.runs/v1', items: records.map(summaryDocument), nextCursor }
}

export function summaryDocument(record: RunSummary): JsonObject {
  const { id, workflow, definition, key, state, owner, note } = record
  return {
    transactionId: id, workflow, definitionHash: definition, key, state, owner, note, exitCode: exitCodeOf(state) ?? null,
    createdAt: time(record.createdAt), updatedAt: time(record.updatedAt), finishedAt: record.finishedAt === null ? null : time(record.finishedAt),
    durationMs: record.finishedAt === null ? null : record.finishedAt - record.createdAt,
  }
}

/** Text output hides what begins with an underscore (LANGUAGE.md section 4); JSON documents do not. */
export function withoutHidden(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutHidden)
  if (typeof value !== 'object' || value === null) return value
  const shown: { [key: string]: Json } = Object.create(null)
  for (const [key, inner] of Object.entries(value)) if (!key.startsWith('_')) shown[key] = withoutHidden(inner)
  return shown
}

export function time(at: number): string {
  return Number.isFinite(at) && Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : String(at)
}
