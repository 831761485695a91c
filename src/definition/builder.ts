/**
 * Workflows built in code: the same language as files, in camelCase, checked by the same checker. Imported by every worker file
 * (through 'multiagents'), so the checker is loaded only when `build()` is called.
 */
import { createRequire } from 'node:module'
import type { Definition } from '../model/definition.ts'
import { MagError } from '../model/error.ts'
import type { Json } from '../model/json.ts'
import type { Problem } from '../model/problem.ts'
import type { Checked } from './check.ts'

/** A duration with a unit (`30s`), as in files. */
export type Duration = string

export interface BuilderRetry {
  /** Tries in all, the first one included. */
  attempts?: number
  delay?: Duration
  backoff?: 'fixed' | 'linear' | 'exponential'
  factor?: number
  maxDelay?: Duration
  jitter?: boolean
  on?: string | string[]
  notOn?: string | string[]
}

export interface BuilderCompensation {
  worker: string | { readonly name: string }
  with?: BuilderValue
  retry?: number | BuilderRetry
  timeout?: Duration
}

/** A JSON value; texts in it may hold `${{ expressions }}`. */
export type BuilderValue = Json

/** What every step may have. Conditions are expressions, bare or in `${{ }}`. */
export interface StepOptions {
  /** Ids of steps of the same list; default: the step above. */
  needs?: string | string[]
  if?: string | boolean
  continueOnError?: boolean
  deadline?: Duration
  compensate?: string | { readonly name: string } | BuilderCompensation
  /** Once per element: a list, an expression that gives one, or more about it. */
  foreach?: string | Json[] | { in: string | Json[]; as?: string; maxParallel?: number }
}

/** At most `limit` at a time with one key, over all runs. */
export interface BuilderConcurrency {
  key: string
  limit?: number
  whenFull?: 'queue' | 'fail'
}

/** What steps with attempts may have. */
export interface TaskOptions extends StepOptions {
  with?: BuilderValue
  retry?: number | BuilderRetry
  timeout?: Duration
  failIf?: string
  failMessage?: string
  failRetry?: boolean
  onCrash?: 'retry' | 'fail' | 'ask'
  concurrency?: BuilderConcurrency
  cache?: { key: string; ttl?: Duration }
  queue?: string
  /** 0 to 9; 9 goes first. */
  priority?: number
  /** Of worker steps. */
  heartbeat?: Duration
  isolation?: 'thread'
  circuitBreaker?: { failures?: number; recovery?: Duration }
}

export interface HttpRequest {
  method?: string
  url: string
  headers?: Record<string, string>
  /** Text is sent as it is, anything else as JSON. */
  body?: BuilderValue
  /** Statuses such as 200 or `2xx` that mean success. */
  expect?: number | string | Array<number | string>
}

export type ChildOptions = Omit<TaskOptions, 'timeout' | 'onCrash' | 'queue' | 'priority' | 'heartbeat' | 'isolation' | 'circuitBreaker'>
export type WaitOptions = StepOptions & { timeout?: Duration }
export type Case = { case: string | boolean; steps: (list: StepList) => unknown } | { default: (list: StepList) => unknown }
/** With `while` or `until` the group is a loop. */
export type GroupOptions = StepOptions & { while?: string | boolean; until?: string | boolean; maxIterations?: number }

export interface ShellOptions extends TaskOptions {
  cwd?: string
  env?: Record<string, string>
}

export interface WorkflowOptions {
  version?: string
  description?: string
  timeout?: Duration
  /** Names with JSON Schemas, as in files. */
  inputs?: Record<string, Json>
  outputs?: Record<string, BuilderValue>
  env?: Record<string, string>
  /** Names that `secrets.` may read. */
  secrets?: string[]
  concurrency?: BuilderConcurrency
}

type Spec = { [key: string]: unknown }
type Named = string | { readonly name: string }

/** A list of steps: of the workflow, of a branch, of `onFailure` or `finally`. */
export class StepList {
  /** @internal In the form of files. */
  readonly steps: Spec[] = []

  /** One task for a worker. */
  addStep(id: string, worker: Named, options: TaskOptions = {}): this {
    return this.#add(id, { worker: nameOf(worker) }, options)
  }

  /** A shell script. */
  addRun(id: string, script: string, options: ShellOptions = {}): this {
    return this.#add(id, { run: script }, options)
  }

  /** Computed values. */
  addSet(id: string, values: BuilderValue, options: Omit<StepOptions, 'deadline'> = {}): this {
    return this.#add(id, { set: values }, options)
  }

  /** A durable timer: a duration, or until a time. */
  addSleep(id: string, duration: Duration | { until: string }, options: StepOptions = {}): this {
    return this.#add(id, { sleep: duration }, options)
  }

  /** One HTTP request. */
  addHttp(id: string, request: string | HttpRequest, options: Omit<TaskOptions, 'with' | 'heartbeat' | 'isolation' | 'circuitBreaker'> = {}): this {
    return this.#add(id, { http: request }, options)
  }

  /** A child run of that workflow. */
  addWorkflow(id: string, workflow: string, options: ChildOptions = {}): this {
    return this.#add(id, { workflow }, options)
  }

  /** Until a signal of that name reaches the run. */
  addWait(id: string, signal: string | { signal: string; schema?: Json }, options: WaitOptions = {}): this {
    return this.#add(id, { wait: signal }, options)
  }

  /** Until a person says yes or no. */
  addApprove(id: string, question: string | { message: string; schema?: Json; ifRejected?: 'fail' | 'continue' }, options: WaitOptions = {}): this {
    return this.#add(id, { approve: isPlain(question) ? fileForm(question) : question }, options)
  }

  /** The first case whose expression is true. */
  addSwitch(id: string, cases: readonly Case[], options: StepOptions = {}): this {
    const built = Array.isArray(cases) ? cases.map((one: Case, i) => caseOf(one, `case ${i + 1} of "${id}"`)) : cases
    return this.#add(id, { switch: built }, options)
  }

  /** A group of steps; with `while` or `until` a loop. */
  addSteps(id: string, build: (list: StepList) => unknown, options: GroupOptions = {}): this {
    return this.#add(id, { steps: stepsOf(build, `the steps of "${id}"`) }, options)
  }

  /** Branches side by side. */
  addParallel(id: string, branches: Record<string, (branch: StepList) => unknown>, options: StepOptions = {}): this {
    const built = isPlain(branches) ? Object.fromEntries(Object.entries(branches).map(([name, build]) => [name, stepsOf(build, `branch "${name}" of "${id}"`)])) : branches
    return this.#add(id, { parallel: built }, options)
  }

  /** Ends the whole run, completed. */
  addReturn(id: string, value: BuilderValue, options: Pick<StepOptions, 'needs' | 'if'> = {}): this {
    return this.#add(id, { return: value }, options)
  }

  /** Fails here. */
  addFail(id: string, failure: string | { message: string; code?: string; details?: BuilderValue }, options: Pick<StepOptions, 'needs' | 'if' | 'continueOnError'> = {}): this {
    return this.#add(id, { fail: failure }, options)
  }

  #add(id: string, kind: Spec, options: object): this {
    this.steps.push({ id, ...kind, ...fileForm(options) })
    return this
  }
}

/** `new WorkflowBuilder('order').addStep('reserve', 'reserve_stock').build()` */
export class WorkflowBuilder extends StepList {
  readonly #name: string
  readonly #options: WorkflowOptions
  #onFailure: Spec[] | undefined
  #finally: Spec[] | undefined

  constructor(name: string, options: WorkflowOptions = {}) {
    super()
    this.#name = name
    this.#options = options
  }

  /** Steps after a failure, cancel or timeout. */
  onFailure(build: (list: StepList) => unknown): this {
    this.#onFailure = stepsOf(build, 'onFailure')
    return this
  }

  /** Steps that always come last. */
  finally(build: (list: StepList) => unknown): this {
    this.#finally = stepsOf(build, 'finally')
    return this
  }

  /** The checked definition, the same as a file's. Throws MagError MAG1000 with all problems in its message and `details`. */
  build(): Definition {
    const { concurrency, ...options } = this.#options
    const spec = { name: this.#name ?? null, ...options, ...(concurrency === undefined ? {} : { concurrency: isPlain(concurrency) ? fileForm(concurrency) : concurrency }), steps: this.steps, on_failure: this.#onFailure, finally: this.#finally }
    const { checked, text } = loadChecker().checkObject(spec, `${String(this.#name)} (WorkflowBuilder)`)
    if (checked.definition) return checked.definition
    throw new MagError('MAG1000', messageOf(checked.problems, text), { details: checked.problems })
  }
}

/** What a callback adds. One that goes on later would add to a list that is read already. */
function stepsOf(build: (list: StepList) => unknown, what: string): Spec[] {
  if (typeof build !== 'function') throw new MagError('MAG1013', `${what} must be a function that adds steps`, { hint: '(list) => list.addStep("id", "worker")' })
  const list = new StepList()
  const result: unknown = build(list)
  if (result instanceof Promise) throw new MagError('MAG1013', `${what} must not be an async function: its steps would come too late`, { hint: 'await before the workflow is built' })
  return list.steps
}

/** Anything else is left to the checker, which tells what it should be. */
function nameOf(worker: unknown): unknown {
  const name: unknown = typeof worker === 'object' && worker !== null && 'name' in worker ? worker.name : worker
  return name ?? null
}

const FILE_KEYS: Readonly<Record<string, string>> = {
  continueOnError: 'continue_on_error', failIf: 'fail_if', failMessage: 'fail_message', failRetry: 'fail_retry', onCrash: 'on_crash',
  maxDelay: 'max_delay', notOn: 'not_on', maxParallel: 'max_parallel', maxIterations: 'max_iterations', whenFull: 'when_full', circuitBreaker: 'circuit_breaker',
  ifRejected: 'if_rejected',
}
/** Options that are maps with keys of their own. */
const NESTED: ReadonlySet<string> = new Set(['retry', 'foreach', 'concurrency'])

function fileForm(options: object): Spec {
  const spec: Spec = {}
  for (const [key, value] of Object.entries(options) as Array<[string, unknown]>) {
    spec[FILE_KEYS[key] ?? key] = NESTED.has(key) && isPlain(value) ? fileForm(value) : key === 'compensate' ? undo(value) : value
  }
  return spec
}

function caseOf(one: unknown, what: string): unknown {
  if (!isPlain(one)) return one
  if ('default' in one) return { ...one, default: stepsOf(one['default'] as (list: StepList) => unknown, what) }
  return { ...one, steps: stepsOf(one['steps'] as (list: StepList) => unknown, what) }
}

function undo(value: unknown): unknown {
  if (!isPlain(value)) return value
  const { worker, name, retry, ...more } = value
  if (worker === undefined && typeof name === 'string') return name
  return { worker: nameOf(worker), retry: isPlain(retry) ? fileForm(retry) : retry, ...more }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function messageOf(problems: readonly Problem[], text: string): string {
  const { formatProblem } = loadChecker()
  const errors = problems.filter(({ severity }) => severity === 'error')
  return errors.flatMap((problem) => formatProblem(problem, text)).join('\n')
}

interface CheckerModule {
  checkObject(value: unknown, file: string): { checked: Checked; text: string }
  formatProblem(problem: Problem, text: string): string[]
}

let checker: CheckerModule | undefined

/** Synchronous, as `build()` is; the module is ESM without top-level await. In the package it lies beside the bundle. */
function loadChecker(): CheckerModule {
  const from = import.meta.url
  checker ??= createRequire(from)(from.endsWith('.ts') ? './check-object.ts' : './check-object.js') as CheckerModule
  return checker
}
