/**
 * Steps in the language of files (LANGUAGE.md sections 2, 3): which keys there are, what each one means, which kinds take
 * them. Adding a key here is enough for the checker, the editors' schema and the docs.
 */
import {
  FOREACH_DEFAULTS, RETRY_DEFAULTS, type Backoff, type Compensation, type Foreach, type Kind, type OnCrash, type RetryPolicy, type Value,
} from '../model/definition.ts'
import { parseDuration } from '../model/duration.ts'
import { WORKER_NAME, WORKFLOW_NAME } from '../model/id.ts'
import { LIMITS } from '../model/limits.ts'
import { refuse, wrongType, type Check } from './check-context.ts'
import { key, map, nameHelp, namedMap, oneOf, oneOrMany, shaped, shortOrLong, standing, withSecrets, type Key, type Reader } from './reader.ts'
import { bareIdentifier, concurrency, defined, ID, identifier, isWord } from './language-shared.ts'
import { ifRejected, OUTSIDE } from './language-kinds.ts'
import { bool, condition, integer, listValue, limit, duration, mapValue, name, notDuration, number, TEMPLATE, text, textOf, textValue, value } from './reader-values.ts'
import type { Span } from './report.ts'
import { offsetInScalar } from './scalar-places.ts'
import { parseTime, RFC3339 } from './time.ts'
import { quote, type Entry, type ScalarNode } from './tree.ts'

export const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
/** Names of environment variables that change how a program is loaded or where it is found (catalogue I07). */
const DANGEROUS_ENV = /^(LD_|DYLD_|NODE_OPTIONS$|NODE_PATH$|BASH_ENV$|ENV$|IFS$|PATH$|PROMPT_COMMAND$|SHELLOPTS$|BASHOPTS$|PYTHONPATH$|PERL5OPT$|RUBYOPT$)/

export interface Need {
  id: string
  span: Span
}

const need: Reader<Need> = map(textOf('the id of a step'), (id, _check, entry) => ({ id, span: entry.value.span }))
const worker: Reader<string> = name(WORKER_NAME, 'the name of a worker')

const retryForm = {
  what: '`retry`',
  keys: {
    attempts: key('Tries in all, the first one included.', integer(1, 10_000)),
    delay: key('Before the second try. Default 1s.', duration),
    backoff: key('How the delay grows. Default exponential.', oneOf<Backoff>('fixed', 'linear', 'exponential')),
    factor: key('Of the exponential growth. Default 2.', number(1, 100)),
    max_delay: key('No delay is longer. Default 1m.', duration),
    jitter: key('Spread the delays a little. Default true.', bool),
    on: key('Retry only errors with these codes.', oneOrMany(text)),
    not_on: key('Never retry errors with these codes.', oneOrMany(text)),
  },
}

export const retry: Reader<RetryPolicy> = shortOrLong(
  'a number of attempts or a map such as { attempts: 3, delay: 5s }',
  map(integer(1, 10_000), (attempts): RetryPolicy => ({ ...RETRY_DEFAULTS, attempts })),
  shaped(retryForm, ({ attempts, delay, max_delay, on, not_on, ...same }): RetryPolicy => ({
    ...RETRY_DEFAULTS, ...defined(same), ...(attempts === undefined ? { attempts: 3 } : { attempts }),
    ...(delay === undefined ? {} : { delayMs: delay }), ...(max_delay === undefined ? {} : { maxDelayMs: max_delay }),
    ...(on ? { on } : {}), ...(not_on ? { notOn: not_on } : {}),
  })),
)

const compensationForm = {
  what: '`compensate`',
  keys: {
    worker: key('The worker that undoes the step.', worker, true),
    with: key('What it receives; default { context, output, error, outcome }.', withSecrets(standing('undo', mapValue))),
    retry: key('Default: 10 attempts within an hour.', retry),
    timeout: key('Of one attempt. Default 5m.', limit),
  },
}

export const compensate: Reader<Compensation> = shortOrLong(
  'the name of a worker or a map such as { worker: undo_it }',
  map(worker, (found): Compensation => ({ worker: found })),
  shaped(compensationForm, ({ worker: found, timeout, ...same }): Compensation | undefined =>
    found === undefined ? undefined : { worker: found, ...defined(same), ...(timeout === undefined ? {} : { timeoutMs: timeout }) }),
)

/** Variables of a shell step. */
const env: Reader<Record<string, Value>> = namedMap(VARIABLE, 'the name of a variable', withSecrets(textValue), (check, { key: variable, keySpan }) => refuseEnv(check, keySpan, variable))

export function refuseEnv(check: Check, span: Span, variable: string): void {
  if (!DANGEROUS_ENV.test(variable)) return
  check.report.error('MAG1029', span, `The variable ${variable} decides which code runs and cannot be set here`, 'Set it inside the script where it is really meant.')
}

const foreachForm = {
  what: '`foreach`',
  keys: {
    in: key('A list, or an expression that gives one.', standing('once', listValue), true),
    as: key('The element\'s name in expressions. Default item.', map(bareIdentifier('the name of an element'), (found, check, entry) =>
      (RESERVED.has(found) ? refuse(check, 'MAG1030', entry.value, `"${found}" has a meaning of its own in expressions`, 'Name the element otherwise, for example `item`.') : found))),
    max_parallel: key('How many at a time. Default 10.', integer(1, 10_000)),
  },
  aliases: { 'max-parallel': { key: 'max_parallel' } },
}

/** LANGUAGE.md section 4, "Names". */
export const RESERVED: ReadonlySet<string> = new Set(['inputs', 'context', 'steps', 'index', 'env', 'secrets', 'run', 'output', 'error', 'outcome'])

const foreach: Reader<Foreach> = {
  read(check, entry, where) {
    if (entry.value.kind !== 'map') {
      const found = standing('once', listValue).read(check, entry, where)
      return found && { in: found, ...FOREACH_DEFAULTS }
    }
    return shaped(foreachForm, ({ in: found, as, max_parallel }): Foreach | undefined =>
      found && { in: found, as: as ?? FOREACH_DEFAULTS.as, maxParallel: max_parallel ?? FOREACH_DEFAULTS.maxParallel }).read(check, entry, where)
  },
  schema: () => ({ anyOf: [listValue.schema(), shaped(foreachForm, () => undefined).schema()] }),
}

const cacheForm = { what: '`cache`', keys: { key: key('Steps of one worker with the same key share their result.', textValue, true), ttl: key('For how long. Default: for ever.', limit) } }
const cache: Reader<{ key: Value; ttlMs?: number }> = shaped(cacheForm, ({ key: found, ttl }) => found && { key: found, ...(ttl === undefined ? {} : { ttlMs: ttl }) })

const breakerForm = {
  what: '`circuit_breaker`',
  keys: { failures: key('In a row. Default 5.', integer(1, 10_000)), recovery: key('After that long one trial is made. Default 30s.', limit) },
}
const circuitBreaker: Reader<{ failures: number; recoveryMs: number }> = shaped(breakerForm, ({ failures, recovery }) => ({ failures: failures ?? 5, recoveryMs: recovery ?? 30_000 }))

/** Keys beside the kind. `with` is checked with the kind: what it may be depends on it. */
export const MODIFIERS = {
  needs: key('Ids of steps of this list that must end first; default: the step above. `[]` starts at once.', oneOrMany(need)),
  if: key('An expression: false skips the step.', standing('once', condition)),
  foreach: key('Once per element of a list: an expression, or { in, as, max_parallel }.', foreach),
  while: key('An expression, asked before each iteration of `steps`.', standing('loop', condition)),
  until: key('An expression, asked after each iteration of `steps`.', standing('loop', condition)),
  max_iterations: key('More iterations fail with MAX_ITERATIONS.', integer(1, LIMITS.iterations)),
  with: key('What the worker receives; without it, the whole context.', withSecrets(mapValue)),
  retry: key('Tries in all (the first one counts), or how to retry.', retry),
  timeout: key('Of one attempt. Default 5m.', limit),
  deadline: key('Of all attempts and delays together.', limit),
  fail_if: key('An expression over `output`: true means that the step failed.', standing('fail', condition)),
  fail_message: key('What the error says where `fail_if` is true.', standing('fail', textValue)),
  fail_retry: key('Whether a failure by `fail_if` is retried. Default false.', bool),
  continue_on_error: key('A failure is recorded and the run goes on.', bool),
  compensate: key('The worker that undoes this step if the run fails later.', compensate),
  on_crash: key('What an attempt whose process died becomes. Default retry.', oneOf<OnCrash>('retry', 'fail', 'ask')),
  heartbeat: key('A worker silent for longer has lost the attempt.', limit),
  concurrency: key('How many steps with one key may run at a time, across all runs.', concurrency),
  queue: key('Which worker processes serve it. Default: all.', name(WORKFLOW_NAME, 'the name of a queue')),
  priority: key('From 0 to 9; 9 goes first. Default 5.', integer(0, 9)),
  isolation: key('`thread`: in a thread of its own, which can be stopped in a busy loop.', oneOf<'thread'>('thread')),
  cache: key('A completed step with the same key is not run again.', cache),
  circuit_breaker: key('After so many failures in a row the worker is left alone for a while.', circuitBreaker),
  if_rejected: key('What a no of a person means. Default fail.', ifRejected),
  cwd: key('The folder the script runs in; default: the project.', textValue),
  env: key('Variables of the script.', env),
}

export type Modifier = keyof typeof MODIFIERS

/** Keys of the language that this version does not run yet. */
export const LATER_STEP_KEYS: ReadonlySet<string> = new Set()

const script: Reader<string> = {
  read(check, entry, where) {
    const { value: node } = entry
    if (node.kind === 'scalar' && typeof node.value === 'string' && node.value.includes('${{')) return spliced(check, node, node.value)
    const found = text.read(check, entry, where)
    return found?.trim() === '' ? refuse(check, 'MAG1015', node, '`run` is empty') : found
  },
  schema: () => text.schema(),
}

function spliced(check: Check, node: ScalarNode, script: string): undefined {
  const open = script.indexOf('${{')
  const close = script.indexOf('}}', open)
  const at = (index: number): number => offsetInScalar(check.report.text, node, index)
  check.report.error('MAG1028', { start: at(open), end: at(close === -1 ? open + 3 : close + 2) }, 'A script takes no ${{ }}: a value spliced into it would be run as code',
    'Give the value as a variable and read it as "$NAME":\n  run: echo "$NAME"\n  env: { NAME: "${{ inputs.name }}" }')
  return undefined
}

/** A duration, known or computed. */
const sleepFor: Reader<Value> = {
  read(check, entry, where) {
    const found = entry.value.kind === 'scalar' && typeof entry.value.value === 'number' ? undefined : textValue.read(check, entry, where)
    if (found === undefined && entry.value.kind === 'scalar' && typeof entry.value.value === 'number') return duration.read(check, entry, where) as undefined
    if (found?.t === 'lit' && parseDuration(String(found.v)) === undefined) return notDuration(check, entry.value, String(found.v))
    return found
  },
  schema: () => ({ anyOf: [duration.schema(), { type: 'string', pattern: TEMPLATE }] }),
}

const time: Reader<Value> = {
  read(check, entry, where) {
    const found = textValue.read(check, entry, where)
    if (found?.t !== 'lit' || parseTime(String(found.v)) !== undefined) return found
    return refuse(check, 'MAG1041', entry.value, `${quote(String(found.v))} is not a time`, 'For example 2026-01-03T14:56:32Z or 2026-01-03T14:56:32+01:00.')
  },
  schema: () => ({ anyOf: [{ type: 'string', pattern: RFC3339.source }, { type: 'string', pattern: TEMPLATE }] }),
}

const failForm = {
  what: '`fail`',
  keys: {
    message: key('What the error says.', textValue, true),
    code: key('The error\'s code. Default FAILED.', textValue),
    details: key('Anything that explains it.', value),
  },
}

type Leaf = Exclude<Kind['type'], 'parallel' | 'switch' | 'steps'>

/** Kinds whose value holds no steps. */
export const LEAVES: { readonly [K in Leaf]: Key<Kind> } = {
  worker: key('One task for the worker of that name.', map(worker, (found): Kind => ({ type: 'worker', worker: found }))),
  run: key('A shell script: bash -eo pipefail.', map(script, (found): Kind => ({ type: 'run', script: found, env: {} }))),
  set: key('Computes values without a worker.', map(mapValue, (values): Kind => ({ type: 'set', values }))),
  sleep: key('A durable timer: a duration, or { until: time }.', shortOrLong(
    'a duration such as 30s or a map such as { until: time }',
    map(sleepFor, (found): Kind => ({ type: 'sleep', for: found })),
    shaped({ what: '`sleep`', keys: { until: key('An RFC 3339 time with a zone.', time, true) } },
      ({ until }): Kind | undefined => (until ? { type: 'sleep', until } : undefined)),
  )),
  ...OUTSIDE,
  return: key('Ends the whole run completed, with this result.', map(value, (found): Kind => ({ type: 'return', value: found }))),
  fail: key('Fails here: a message, or { message, code, details }.', shortOrLong(
    'a message or a map such as { message: text }',
    map(textValue, (message): Kind => ({ type: 'fail', message })),
    shaped(failForm, ({ message, ...more }): Kind | undefined => (message ? { type: 'fail', message, ...defined(more) } : undefined)),
  )),
}

export const CONTAINER_DOCS = {
  parallel: 'Branches that run side by side, each a list of steps.',
  switch: 'Cases in order: the first whose expression is true, else the default.',
  steps: 'A group of steps; with `while` or `until` a loop.',
} as const

const ORDER = ['needs', 'if'] as const
const COMMON = [...ORDER, 'continue_on_error', 'foreach'] as const
const RETRIED = [...COMMON, 'deadline', 'compensate', 'with', 'retry', 'fail_if', 'fail_message', 'fail_retry', 'concurrency', 'cache'] as const
const ATTEMPTS = [...RETRIED, 'timeout', 'on_crash', 'queue', 'priority'] as const

/** What each kind takes beside itself; a modifier that means nothing for a kind is an error there. */
export const TAKES: { readonly [K in Kind['type']]: ReadonlySet<Modifier> } = {
  worker: new Set([...ATTEMPTS, 'heartbeat', 'isolation', 'circuit_breaker']),
  run: new Set([...ATTEMPTS, 'cwd', 'env']),
  http: new Set(ATTEMPTS.filter((name) => name !== 'with')),
  workflow: new Set(RETRIED),
  wait: new Set([...COMMON, 'deadline', 'timeout', 'compensate']),
  approve: new Set([...COMMON, 'deadline', 'timeout', 'compensate', 'if_rejected']),
  set: new Set([...COMMON, 'compensate']),
  sleep: new Set([...COMMON, 'deadline', 'compensate']),
  parallel: new Set([...COMMON, 'deadline', 'compensate']),
  switch: new Set([...COMMON, 'deadline', 'compensate']),
  steps: new Set([...COMMON, 'deadline', 'compensate', 'while', 'until', 'max_iterations']),
  return: new Set(ORDER),
  fail: new Set(COMMON),
}

/** Words of other systems and of other places. */
export const STEP_HINTS: { readonly [word: string]: string } = {
  ...meaning('worker', 'task', 'action', 'handler', 'function', 'activity'), ...meaning('run', 'script', 'shell', 'command', 'cmd', 'exec'),
  ...meaning('needs', 'depends_on', 'dependsOn', 'depends-on', 'depends', 'after', 'requires'), ...meaning('if', 'when', 'condition', 'only_if'),
  ...meaning('with', 'args', 'params', 'parameters', 'input', 'arguments'), ...meaning('retry', 'retries', 'max_attempts', 'attempts', 'retires'),
  ...meaning('continue_on_error', 'on_error', 'ignore_errors', 'ignore_error', 'allow_failure'), ...meaning('compensate', 'undo', 'rollback', 'compensation', 'on_rollback'),
  ...meaning('id', 'name', 'step', 'key'), ...meaning('set', 'vars', 'variables', 'assign'), ...meaning('sleep', 'delay', 'pause'),
  ...meaning('cwd', 'working-directory', 'working_directory', 'dir', 'directory'), ...meaning('env', 'environment'),
  ...meaning('parallel', 'branches', 'fork'), ...meaning('foreach', 'for_each', 'each', 'for', 'map', 'matrix', 'loop'), ...meaning('max_iterations', 'max'),
  ...meaning('http', 'request', 'fetch', 'call'), ...meaning('workflow', 'child', 'subflow', 'sub_workflow'), ...meaning('wait', 'wait_for', 'signal', 'await', 'event'),
  ...meaning('approve', 'approval', 'confirm', 'manual'), ...meaning('switch', 'choice', 'cases', 'branch'), ...meaning('steps', 'group', 'do', 'sequence'),
  ...meaning('circuit_breaker', 'breaker', 'circuit'), ...meaning('cache', 'memoize', 'memo'), ...meaning('fail', 'throw', 'raise', 'error'),
  ...Object.fromEntries(['inputs', 'outputs', 'on_failure', 'finally', 'version', 'description', 'secrets'].map((word) => [word, `\`${word}\` is a key of the workflow, not of a step.`])),
}

export function meaning(key: string, ...words: string[]): Record<string, string> {
  return Object.fromEntries(words.map((word) => [word, key]))
}

/** "timeout-minutes: 5", as GitHub Actions writes it. */
const minutes: Reader<number> = map(number(0.001, 1e6), (found) => Math.round(found * 60_000))

export const STEP_ALIASES = {
  'continue-on-error': { key: 'continue_on_error' },
  'timeout-minutes': { key: 'timeout', reader: minutes },
  uses: { key: 'worker' },
}

/** Names in `with` of a shell step become variables. */
export function checkShellWith(check: Check, { value: node }: Entry): void {
  if (node.kind !== 'map') {
    wrongType(check, node, '`with` of a shell step', 'a map of variables')
    return
  }
  for (const { key: variable, keySpan } of node.entries) {
    if (!VARIABLE.test(variable)) {
      check.report.error('MAG1030', keySpan, `${quote(variable)} is not usable as the name of a variable`, nameHelp(VARIABLE))
    }
    refuseEnv(check, keySpan, variable)
  }
}

export { defined, ID, identifier, isWord }
