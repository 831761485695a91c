/**
 * Steps in the language of files (LANGUAGE.md sections 2, 3): which keys there are, what each one means, which kinds take
 * them. Adding a key here is enough for the checker, the editors' schema and the docs.
 */
import {
  RETRY_DEFAULTS, type Backoff, type Compensation, type Kind, type OnCrash, type RetryPolicy, type Value,
} from '../model/definition.ts'
import { parseDuration } from '../model/duration.ts'
import { WORKER_NAME } from '../model/id.ts'
import { refuse, wrongType, type Check } from './check-context.ts'
import { key, map, nameHelp, namedMap, oneOf, oneOrMany, shaped, shortOrLong, standing, type Key, type Reader } from './reader.ts'
import { bool, condition, integer, limit, duration, mapValue, name, notDuration, number, TEMPLATE, text, textOf, textValue, value } from './reader-values.ts'
import type { Span } from './report.ts'
import { offsetInScalar } from './scalar-places.ts'
import { parseTime, RFC3339 } from './time.ts'
import { quote, type Entry, type ScalarNode } from './tree.ts'

export const ID = /^[A-Za-z][A-Za-z0-9_]{0,63}$/
/** CEL's own words and those it reserves: no identifier may be one. */
const CEL_WORDS: ReadonlySet<string> = new Set([
  'in', 'true', 'false', 'null', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'let', 'loop',
  'package', 'namespace', 'return', 'var', 'void', 'while',
])
export const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
/** Names of environment variables that change how a program is loaded or where it is found (catalogue I07). */
const DANGEROUS_ENV = /^(LD_|DYLD_|NODE_OPTIONS$|NODE_PATH$|BASH_ENV$|ENV$|IFS$|PATH$|PROMPT_COMMAND$|SHELLOPTS$|BASHOPTS$|PYTHONPATH$|PERL5OPT$|RUBYOPT$)/

/** An id that expressions can name. */
export function identifier(what: string): Reader<string> {
  return map(name(ID, what), (found, check, entry) => (isWord(check, entry.value.span, found, what) ? undefined : found))
}

/** Reports and says true where the name is a word of the expression language. */
export function isWord(check: Check, span: Span, found: string, what: string): boolean {
  if (!CEL_WORDS.has(found)) return false
  check.report.error('MAG1030', span, `"${found}" is a word of the expression language and not usable as ${what}`, `For example "${found}_1".`)
  return true
}

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

/** Without the members that are undefined. */
export function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, one]) => one !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

const compensationForm = {
  what: '`compensate`',
  keys: {
    worker: key('The worker that undoes the step.', worker, true),
    with: key('What it receives; default { context, output, error, outcome }.', standing('undo', mapValue)),
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
const env: Reader<Record<string, Value>> = namedMap(VARIABLE, 'the name of a variable', textValue, (check, { key: variable, keySpan }) => refuseEnv(check, keySpan, variable))

export function refuseEnv(check: Check, span: Span, variable: string): void {
  if (!DANGEROUS_ENV.test(variable)) return
  check.report.error('MAG1029', span, `The variable ${variable} decides which code runs and cannot be set here`, 'Set it inside the script where it is really meant.')
}

/** Keys beside the kind. `with` is checked with the kind: what it may be depends on it. */
export const MODIFIERS = {
  needs: key('Ids of steps of this list that must end first; default: the step above. `[]` starts at once.', oneOrMany(need)),
  if: key('An expression: false skips the step.', condition),
  with: key('What the worker receives; without it, the whole context.', mapValue),
  retry: key('Tries in all (the first one counts), or how to retry.', retry),
  timeout: key('Of one attempt. Default 5m.', limit),
  deadline: key('Of all attempts and delays together.', limit),
  fail_if: key('An expression over `output`: true means that the step failed.', standing('fail', condition)),
  fail_message: key('What the error says where `fail_if` is true.', standing('fail', textValue)),
  fail_retry: key('Whether a failure by `fail_if` is retried. Default false.', bool),
  continue_on_error: key('A failure is recorded and the run goes on.', bool),
  compensate: key('The worker that undoes this step if the run fails later.', compensate),
  on_crash: key('What an attempt whose process died becomes. Default retry.', oneOf<OnCrash>('retry', 'fail')),
  cwd: key('The folder the script runs in; default: the project.', textValue),
  env: key('Variables of the script.', env),
}

export type Modifier = keyof typeof MODIFIERS

/** Keys of the language that this version does not run yet. */
export const LATER_STEP_KEYS: ReadonlySet<string> = new Set([
  'http', 'workflow', 'wait', 'approve', 'switch', 'steps', 'foreach', 'while', 'until', 'max_iterations', 'heartbeat', 'circuit_breaker',
  'concurrency', 'queue', 'priority', 'isolation', 'cache', 'if_rejected', 'max_parallel',
])

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

type Leaf = Exclude<Kind['type'], 'parallel'>

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
  return: key('Ends the whole run completed, with this result.', map(value, (found): Kind => ({ type: 'return', value: found }))),
  fail: key('Fails here: a message, or { message, code, details }.', shortOrLong(
    'a message or a map such as { message: text }',
    map(textValue, (message): Kind => ({ type: 'fail', message })),
    shaped(failForm, ({ message, ...more }): Kind | undefined => (message ? { type: 'fail', message, ...defined(more) } : undefined)),
  )),
}

export const PARALLEL_DOC = 'Branches that run side by side, each a list of steps.'

const COMMON = ['needs', 'if', 'continue_on_error', 'deadline', 'compensate'] as const
const ATTEMPTS = [...COMMON, 'with', 'retry', 'timeout', 'fail_if', 'fail_message', 'fail_retry', 'on_crash'] as const

/** What each kind takes beside itself; a modifier that means nothing for a kind is an error there. */
export const TAKES: { readonly [K in Kind['type']]: ReadonlySet<Modifier> } = {
  worker: new Set(ATTEMPTS),
  run: new Set([...ATTEMPTS, 'cwd', 'env']),
  set: new Set(['needs', 'if', 'continue_on_error', 'compensate']),
  sleep: new Set(COMMON),
  parallel: new Set(COMMON),
  return: new Set(['needs', 'if']),
  fail: new Set(['needs', 'if', 'continue_on_error']),
}

/** Words of other systems and of other places. */
export const STEP_HINTS: { readonly [word: string]: string } = {
  ...meaning('worker', 'task', 'action', 'handler', 'function', 'activity'), ...meaning('run', 'script', 'shell', 'command', 'cmd', 'exec'),
  ...meaning('needs', 'depends_on', 'dependsOn', 'depends-on', 'depends', 'after', 'requires'), ...meaning('if', 'when', 'condition', 'only_if'),
  ...meaning('with', 'args', 'params', 'parameters', 'input', 'arguments'), ...meaning('retry', 'retries', 'max_attempts', 'attempts', 'retires'),
  ...meaning('continue_on_error', 'on_error', 'ignore_errors', 'ignore_error', 'allow_failure'), ...meaning('compensate', 'undo', 'rollback', 'compensation', 'on_rollback'),
  ...meaning('id', 'name', 'step', 'key'), ...meaning('set', 'vars', 'variables', 'assign'), ...meaning('sleep', 'delay', 'pause'),
  ...meaning('cwd', 'working-directory', 'working_directory', 'dir', 'directory'), ...meaning('env', 'environment'),
  ...meaning('parallel', 'branches', 'fork'), ...meaning('fail', 'throw', 'raise', 'error'),
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
