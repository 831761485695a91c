/** The nouns of what people see: plain data that `run-view.ts` folds and every screen reads. */
import type { Definition, Kind, Step } from '../model/definition.ts'
import type { ErrorInfo } from '../model/error.ts'
import type { EndingCause, RunState, Section, SkipCode, UndoOutcome } from '../model/event.ts'
import type { Json, JsonObject } from '../model/json.ts'

export type StepViewState =
  | 'pending' | 'queued' | 'running' | 'retrying' | 'sleeping' | 'waiting' | 'in_doubt' | 'compensating'
  | 'completed' | 'failed' | 'skipped' | 'cancelled' | 'compensated' | 'compensation_failed'

/** The undoing of one step. */
export interface UndoView {
  state: 'queued' | 'running' | 'retrying' | 'completed' | 'failed'
  worker: string
  outcome: UndoOutcome
  attempts: number
  startedAt: number
  finishedAt?: number
  dueAt?: number
  error?: ErrorInfo
}

export interface StepView {
  readonly no: number
  readonly id: string
  readonly path: string
  readonly kind: Kind['type']
  readonly worker?: string
  readonly undoWorker?: string
  /** Tries in all that the step's own policy allows; absent where only the worker knows. */
  readonly maxAttempts?: number
  readonly section: Section
  readonly needs: readonly StepView[]
  /** Lists inside; of a loop the latest iteration's. */
  branches: ReadonlyArray<{ readonly name: string; readonly steps: readonly StepView[] }>
  /** As defined. */
  readonly step: Step
  /** Inside of a foreach or loop: made when it is first heard of, and counted with its container only. */
  readonly dynamic: boolean
  /** The foreach that it is an element of. */
  readonly elementOf?: StepView
  /** Of a foreach: how many there are and have settled; and the ones worth showing, by number. */
  each?: { total: number; done: number; failed: number; shown: Map<number, StepView> }
  /** Of a loop: the number of the latest iteration, from 0. */
  iteration?: number
  /** What it waits for. */
  signal?: string
  approve?: string
  gate?: string
  child?: { run: string; workflow: string; view?: RunView }
  cached?: boolean
  state: StepViewState
  attempts: number
  startedAt?: number
  finishedAt?: number
  dueAt?: number
  /** The attempt in flight has begun: its process. */
  process?: string
  progress?: { fraction?: number; text?: string }
  output?: Json
  error?: ErrorInfo
  reason?: string
  skip?: SkipCode
  continued?: boolean
  aborting?: boolean
  undo?: UndoView
}

export interface RunWarning {
  code: string
  message: string
  path?: string
}

export interface Counts {
  /** Steps that settled, whatever way. */
  done: number
  total: number
  retries: number
}

export interface RunView {
  readonly runId: string
  readonly definition: Definition
  readonly steps: readonly StepView[]
  readonly onFailure: readonly StepView[]
  readonly finally: readonly StepView[]
  /** Every step of the file, in its order: a container comes before its content. What is repeated has no places here. */
  readonly all: readonly StepView[]
  readonly byPath: Map<string, StepView>
  /** Steps (leaves) that are at work, wait for a timer or are being undone. */
  readonly active: Set<StepView>
  /** Attempts in flight. */
  readonly tasks: Set<StepView>
  readonly counts: Counts
  readonly warnings: RunWarning[]
  workflow: string
  definitionHash: string
  key?: string
  input: JsonObject
  state: RunState
  paused: boolean
  generation: number
  parent?: { run: string; path: string }
  section: Section
  seq: number
  createdAt: number
  updatedAt: number
  finishedAt?: number
  cause?: EndingCause
  /** The step whose failure (or `return`) began the end. */
  endedBy?: string
  cancel?: { by?: string; reason?: string }
  error?: ErrorInfo
  /** As recorded; `outputOf` knows the default. */
  output?: Json
  /** Paths still to be undone when undoing began, in order. */
  toUndo: string[]
}
