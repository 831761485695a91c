/**
 * What worker files are written with. Every worker file imports this module, so it stays small: no I/O, no libraries.
 * A definition is plain data with a brand, and the brand is a registered symbol: definitions made by another copy of
 * this package are recognised.
 */
import { RETRY_DEFAULTS, type Backoff, type RetryPolicy } from '../model/definition.ts'
import { parseDuration } from '../model/duration.ts'
import { MagError } from '../model/error.ts'
import { WORKER_NAME } from '../model/id.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { WorkerContexts } from './workflow-types.ts'

export const WORKER_BRAND: unique symbol = Symbol.for('multiagents.worker') as never

/** https://standardschema.dev, version 1: what zod, valibot, arktype and others implement. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }
export interface SchemaIssue {
  readonly message: string
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
}
/** What a worker with that schema receives. */
export type SchemaOutput<S> = S extends StandardSchema<infer _Input, infer Output> ? Output : never
/** What a worker may return where that schema stands for its output. */
export type SchemaInput<S> = S extends StandardSchema<infer Input, infer _Output> ? Input : never

/** Without `with`, a worker receives the run's input overlaid with the outputs of the steps before it. */
export type WorkerContext = JsonObject

/** What a worker knows about the attempt that it is. */
export interface TaskHandle {
  /** The same for every attempt of this step: hand it to services that refuse doubles. */
  readonly idempotencyKey: string
  /** 1 for the first try. */
  readonly attempt: number
  /** Strictly increasing per run: a store can refuse the writes of an older attempt. */
  readonly fencingToken: number
  /** Aborted on timeout, cancel and stop. Hand it to `fetch`, timers, queries. */
  readonly signal: AbortSignal
  /** "I still live", with something to show. */
  heartbeat(details?: Json): void
  /** `fraction` from 0 to 1. */
  progress(fraction: number, text?: string): void
  readonly log: TaskLog
  readonly run: { readonly id: string; readonly workflow: string; readonly step: string; readonly path: string }
}
export interface TaskLog {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

export type WorkerFunction<Input = WorkerContext, Output = unknown> = (context: Input, task: TaskHandle) => Output | Promise<Output>

/** As in a workflow file. `attempts` counts the first try. */
export type RetryOptions = number | {
  attempts: number
  /** `500ms`, `30s`, or milliseconds. */
  delay?: string | number
  backoff?: Backoff
  factor?: number
  max_delay?: string | number
  jitter?: boolean
  on?: string[]
  not_on?: string[]
}

export interface WorkerOptions {
  input?: StandardSchema
  output?: StandardSchema
  /** Of one attempt: `30s`, or milliseconds. A step's own beats it. Default 5 minutes. */
  timeout?: string | number
  /** A step's own policy beats it. Default: one attempt. */
  retry?: RetryOptions
  queue?: string
  isolation?: 'thread'
  /** The author's label. */
  version?: string
}

export interface WorkerDefinition<Input = unknown, Output = unknown> {
  readonly [WORKER_BRAND]: 1
  readonly name: string
  /** A method, so that a definition for some input fits where any definition is wanted. */
  run(context: Input, task: TaskHandle): Output | Promise<Output>
  readonly input?: StandardSchema
  readonly output?: StandardSchema
  readonly timeoutMs?: number
  readonly retry?: RetryPolicy
  readonly queue?: string
  readonly isolation?: 'thread'
  readonly version?: string
}

/** A standard (TC39) decorator for methods: `@worker('name') async charge(context) { … }`. */
export type WorkerDecorator = (
  method: (context: never, task: TaskHandle) => unknown, context: ClassMethodDecoratorContext,
) => void

/** `export default worker('charge_card', async (context, task) => ({ … }))` */
export function worker(name: string): WorkerDecorator
export function worker<Name extends keyof WorkerContexts, Output = unknown>(
  name: Name, fn: WorkerFunction<WorkerContexts[Name], Output>,
): WorkerDefinition<WorkerContexts[Name], Output>
export function worker<Input = WorkerContext, Output = unknown>(name: string, fn: WorkerFunction<Input, Output>): WorkerDefinition<Input, Output>
export function worker<S extends StandardSchema, Output = unknown>(
  name: string, options: WorkerOptions & { input: S }, fn: WorkerFunction<SchemaOutput<S>, Output>,
): WorkerDefinition<SchemaOutput<S>, Output>
export function worker<Name extends keyof WorkerContexts, Output = unknown>(
  name: Name, options: WorkerOptions & { input?: never }, fn: WorkerFunction<WorkerContexts[Name], Output>,
): WorkerDefinition<WorkerContexts[Name], Output>
export function worker<Input = WorkerContext, Output = unknown>(
  name: string, options: WorkerOptions, fn: WorkerFunction<Input, Output>,
): WorkerDefinition<Input, Output>
export function worker(name: string, options: WorkerOptions): WorkerDecorator
export function worker(
  name: string, optionsOrFn?: WorkerOptions | WorkerFunction<never>, fn?: WorkerFunction<never>,
): WorkerDefinition | WorkerDecorator {
  if (typeof optionsOrFn === 'function') return define(name, {}, optionsOrFn)
  if (fn !== undefined) return define(name, optionsOrFn ?? {}, fn)
  return decorator(name, optionsOrFn ?? {})
}

/** The same with one object; the types of `run` follow from the schemas. */
export function defineWorker<I extends StandardSchema, O extends StandardSchema>(
  definition: WorkerOptions & { name: string; input: I; output: O; run: WorkerFunction<SchemaOutput<I>, SchemaInput<O>> },
): WorkerDefinition<SchemaOutput<I>, SchemaInput<O>>
export function defineWorker<I extends StandardSchema, Output = unknown>(
  definition: WorkerOptions & { name: string; input: I; run: WorkerFunction<SchemaOutput<I>, Output> },
): WorkerDefinition<SchemaOutput<I>, Output>
export function defineWorker<Input = WorkerContext, Output = unknown>(
  definition: WorkerOptions & { name: string; run: WorkerFunction<Input, Output> },
): WorkerDefinition<Input, Output>
export function defineWorker(definition: WorkerOptions & { name: string; run: WorkerFunction<never> }): WorkerDefinition {
  if (typeof definition !== 'object' || definition === null) throw invalid('defineWorker needs an object with name and run')
  const { name, run, ...options } = definition
  return define(name, options, run)
}

export function isWorkerDefinition(value: unknown): value is WorkerDefinition {
  return typeof value === 'object' && value !== null && WORKER_BRAND in value && 'run' in value
}

const KNOWN = new Set(['input', 'output', 'timeout', 'retry', 'queue', 'isolation', 'version'])

function define(name: string, options: WorkerOptions, fn: WorkerFunction<never>): WorkerDefinition {
  if (typeof fn !== 'function') throw invalid(`worker "${String(name)}" has no function`)
  return Object.freeze({ ...settings(name, options), run: fn as WorkerFunction<unknown> })
}

/** Everything of a definition but its function. */
function settings(name: string, options: WorkerOptions): Omit<WorkerDefinition, 'run'> {
  if (typeof name !== 'string' || !WORKER_NAME.test(name)) {
    throw invalid(`not a worker name: ${JSON.stringify(name)?.slice(0, 100)}`, 'a letter, then up to 63 letters, digits, "_", "-" or "."')
  }
  if (typeof options !== 'object' || options === null) throw invalid(`options of worker "${name}" must be an object`)
  const unknown = Object.keys(options).find((key) => !KNOWN.has(key))
  if (unknown !== undefined) throw invalid(`unknown option "${unknown}" of worker "${name}"`, `there are: ${[...KNOWN].join(', ')}`)
  const { input, output, timeout, retry, queue, isolation, version } = options
  for (const [key, schema] of Object.entries({ input, output })) {
    if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
      throw invalid(`${key} of worker "${name}" is not a Standard Schema`, 'use a schema of zod, valibot, arktype or another library that has "~standard"')
    }
  }
  return {
    [WORKER_BRAND]: 1, name,
    ...(input ? { input } : {}), ...(output ? { output } : {}),
    ...(timeout === undefined ? {} : { timeoutMs: milliseconds(timeout, `timeout of worker "${name}"`) }),
    ...(retry === undefined ? {} : { retry: retryPolicy(retry, `retry of worker "${name}"`) }),
    ...(queue === undefined ? {} : { queue }), ...(isolation === undefined ? {} : { isolation }), ...(version === undefined ? {} : { version }),
  }
}

function milliseconds(value: string | number, what: string): number {
  const ms = typeof value === 'number' ? value : parseDuration(value)
  if (ms === undefined || !Number.isFinite(ms) || ms < 0) throw invalid(`${what} is no duration: ${JSON.stringify(value)}`, '"500ms", "30s", "5m", or milliseconds')
  return ms
}

function retryPolicy(retry: RetryOptions, what: string): RetryPolicy {
  const given = typeof retry === 'number' ? { attempts: retry } : retry
  const { attempts, delay, backoff, factor, max_delay, jitter, on, not_on } = given
  if (!Number.isInteger(attempts) || attempts < 1) throw invalid(`${what}: attempts must be a whole number from 1`, 'it counts the first try')
  if (backoff !== undefined && !['fixed', 'linear', 'exponential'].includes(backoff)) throw invalid(`${what}: unknown backoff "${backoff}"`, 'fixed, linear or exponential')
  if (factor !== undefined && !(factor >= 1)) throw invalid(`${what}: factor must be a number from 1`)
  return {
    ...RETRY_DEFAULTS, attempts,
    ...(delay === undefined ? {} : { delayMs: milliseconds(delay, `delay of ${what}`) }),
    ...(backoff === undefined ? {} : { backoff }), ...(factor === undefined ? {} : { factor }),
    ...(max_delay === undefined ? {} : { maxDelayMs: milliseconds(max_delay, `max_delay of ${what}`) }),
    ...(jitter === undefined ? {} : { jitter }), ...(on === undefined ? {} : { on }), ...(not_on === undefined ? {} : { notOn: not_on }),
  }
}

/** Marks the method; the loader finds it on the exported class. No registry, no metadata library. */
function decorator(name: string, options: WorkerOptions): WorkerDecorator {
  const marked = settings(name, options)
  return (method, context) => {
    if (context?.kind !== 'method' || context.private) {
      throw invalid(`@worker("${name}") stands on a ${context?.kind ?? 'thing'} that it cannot mark`, 'put it on a public method, or write worker(name, fn)')
    }
    Object.defineProperty(method, WORKER_BRAND, { value: marked })
  }
}

/**
 * The workers in an exported value: a definition, an array of them, or a class (or its instance) with decorated
 * methods. A class is instantiated once, without arguments, if an instance method is marked.
 */
export function workersIn(value: unknown): WorkerDefinition[] {
  if (isWorkerDefinition(value)) return [value]
  if (Array.isArray(value)) return value.filter(isWorkerDefinition)
  if (typeof value === 'function') return [...methodsOf(value, () => value), ...instanceMethods(value)]
  if (typeof value !== 'object' || value === null) return []
  return chain(Object.getPrototypeOf(value)).flatMap((holder) => methodsOf(holder, () => value))
}

function instanceMethods(exported: object): WorkerDefinition[] {
  const prototype: unknown = Object.getOwnPropertyDescriptor(exported, 'prototype')?.value
  let instance: object | undefined
  const create = () => {
    instance ??= Reflect.construct(exported as new () => object, [])
    return instance
  }
  return chain(prototype).flatMap((holder) => methodsOf(holder, create))
}

function chain(from: unknown): object[] {
  const holders: object[] = []
  for (let at = from; typeof at === 'object' && at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) holders.push(at)
  return holders
}

const methods = new WeakMap<WorkerDefinition, unknown>()

/** True: one decorated method, found on a class and again on one that inherits from it. */
export function isSameMethod(one: WorkerDefinition, other: WorkerDefinition): boolean {
  const method = methods.get(one)
  return method !== undefined && method === methods.get(other)
}

function methodsOf(holder: object, receiver: () => object): WorkerDefinition[] {
  const found: WorkerDefinition[] = []
  for (const key of Reflect.ownKeys(holder)) {
    const method: unknown = Object.getOwnPropertyDescriptor(holder, key)?.value
    if (typeof method !== 'function' || !Object.hasOwn(method, WORKER_BRAND)) continue
    const marked = (method as unknown as { [WORKER_BRAND]: Omit<WorkerDefinition, 'run'> })[WORKER_BRAND]
    const self = receiver()
    const definition = Object.freeze({ ...marked, run: (context: unknown, task: TaskHandle): unknown => Reflect.apply(method, self, [context, task]) })
    methods.set(definition, method)
    found.push(definition)
  }
  return found
}

function invalid(message: string, hint?: string): MagError {
  return new MagError('MAG1100', message, { hint })
}
