/** Random definitions of every kind nested in every other, and random things that happen to their runs. */
import fc from 'fast-check'
import type { Definition, Expression, Kind, RetryPolicy, Step, Value } from '../../src/model/definition.ts'
import { RETRY_DEFAULTS } from '../../src/model/definition.ts'
import type { Json } from '../../src/model/json.ts'

const lit = (v: Json): Value => ({ t: 'lit', v })

const retry: fc.Arbitrary<RetryPolicy | undefined> = fc.option(fc.record({
  attempts: fc.integer({ min: 1, max: 3 }), delayMs: fc.constantFrom(0, 100, 5_000), jitter: fc.boolean(),
}).map((some) => ({ ...RETRY_DEFAULTS, ...some })), { nil: undefined })

const expr = (src: string): Expression => ({ t: 'expr', src })

const LEAVES = ['worker', 'worker', 'worker', 'run', 'http', 'sleep', 'set', 'fail', 'wait', 'approve', 'workflow'] as const
const CONTAINERS = ['parallel', 'parallel', 'switch', 'steps', 'loop', 'return'] as const

interface Shape {
  kind: (typeof LEAVES)[number] | (typeof CONTAINERS)[number]
  needs: number[] | undefined
  retry: RetryPolicy | undefined
  compensate: boolean
  undoRetry: RetryPolicy | undefined
  continueOnError: boolean
  deadline: boolean
  timeout: boolean
  onCrash: 'retry' | 'fail' | 'ask'
  foreach: number | undefined
  gated: 'slot' | 'cache' | 'circuit' | undefined
  /** Which case of a switch is taken; how often a loop goes round; whether a rejection fails. */
  choice: number
  branches: Shape[][]
}

function shape(depth: number): fc.Arbitrary<Shape> {
  const kinds = depth > 0 ? fc.constantFrom(...LEAVES, ...CONTAINERS) : fc.constantFrom(...LEAVES)
  return fc.record({
    kind: kinds as fc.Arbitrary<Shape['kind']>, needs: fc.option(fc.array(fc.nat(5), { maxLength: 3 }), { nil: undefined, freq: 2 }),
    retry, compensate: fc.boolean(), undoRetry: retry, continueOnError: fc.boolean(), deadline: fc.boolean(), timeout: fc.boolean(),
    onCrash: fc.constantFrom('retry', 'fail', 'ask'), foreach: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined, freq: 5 }),
    gated: fc.option(fc.constantFrom('slot', 'cache', 'circuit'), { nil: undefined, freq: 5 }), choice: fc.nat(3),
    branches: depth > 0 ? fc.array(fc.array(shape(depth - 1), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }) : fc.constant([]),
  })
}

function steps(shapes: Shape[], counter: { n: number }): Step[] {
  const ids: string[] = []
  return shapes.map((one, i) => {
    const id = `s${counter.n++}`
    const needs = one.needs ? [...new Set(one.needs.filter((need) => need < i).map((need) => ids[need] ?? ''))] : ids.slice(-1)
    ids.push(id)
    return { id, needs, kind: kindOf(one, counter), continueOnError: one.continueOnError, ...modifiers(one) }
  })
}

function modifiers(one: Shape): Partial<Step> {
  const task = one.kind === 'worker' || one.kind === 'run' || one.kind === 'http'
  const may = task || one.kind === 'workflow'
  const waits = one.kind === 'wait' || one.kind === 'approve'
  const container = one.branches.length > 0 && ['parallel', 'switch', 'steps', 'loop'].includes(one.kind)
  return {
    onCrash: one.onCrash,
    ...(may && one.retry ? { retry: one.retry } : {}), ...(one.deadline && (may || waits || container) ? { deadlineMs: 20_000 } : {}),
    ...(waits && one.timeout ? { timeoutMs: 30_000 } : {}),
    ...(may && one.compensate ? { compensate: { worker: 'undo', ...(one.undoRetry ? { retry: one.undoRetry } : {}) } } : {}),
    ...(one.foreach !== undefined && one.kind !== 'return' ? { foreach: { in: lit(Array.from({ length: one.foreach }, (_, i) => i)), as: 'item', maxParallel: 1 + one.choice } } : {}),
    ...(task && one.gated === 'slot' ? { concurrency: { key: lit('k'), limit: 1, whenFull: 'queue' as const } } : {}),
    ...(task && one.gated === 'cache' ? { cache: { key: lit('k') } } : {}),
    ...(one.kind === 'worker' && one.gated === 'circuit' ? { circuitBreaker: { failures: 3, recoveryMs: 1_000 } } : {}),
  }
}

function kindOf(one: Shape, counter: { n: number }): Kind {
  const lists = (one.branches.length > 0 ? one.branches : [[]]).map((branch) => steps(branch, counter))
  switch (one.kind) {
    case 'worker':
      return { type: 'worker', worker: 'w' }
    case 'run':
      return { type: 'run', script: 'true', env: {} }
    case 'http':
      return { type: 'http', request: lit({ method: 'GET', url: 'http://example.com' }), expect: ['2xx'] }
    case 'workflow':
      return { type: 'workflow', workflow: 'child' }
    case 'wait':
      return { type: 'wait', signal: lit(`signal${one.choice % 2}`) }
    case 'approve':
      return { type: 'approve', message: lit('well?'), ifRejected: one.choice % 2 === 0 ? 'fail' : 'continue' }
    case 'set':
      return { type: 'set', values: { t: 'map', entries: [['k', lit('v')]] } }
    case 'sleep':
      return { type: 'sleep', for: lit('7s') }
    case 'fail':
      return { type: 'fail', message: lit('told to') }
    case 'return':
      return { type: 'return', value: lit('early') }
    case 'parallel':
      return { type: 'parallel', branches: lists.map((list, i) => ({ name: `b${i}`, steps: list })) }
    case 'switch':
      return { type: 'switch', cases: lists.map((list, i) => ({ when: expr(String(i === one.choice)), steps: list })) }
    case 'steps':
      return { type: 'steps', steps: lists.flat() }
    case 'loop':
      return { type: 'steps', steps: lists[0] ?? [], loop: one.choice === 3 ? { while: expr('true'), max: 2 } : { until: expr(`steps.${lists[0]?.[0]?.id ?? ''}.status != "" && index >= ${one.choice % 3}`), max: 4 } }
  }
}

export const definition: fc.Arbitrary<Definition> = fc.record({
  main: fc.array(shape(3), { minLength: 1, maxLength: 6 }),
  onFailure: fc.array(shape(0), { maxLength: 2 }), finally: fc.array(shape(0), { maxLength: 2 }),
  timeout: fc.boolean(), concurrency: fc.option(fc.constantFrom('queue', 'fail'), { nil: undefined, freq: 5 }),
}).map((parts) => {
  const counter = { n: 0 }
  return {
    format: 1, name: 'generated', env: {}, secrets: [], steps: steps(parts.main, counter), onFailure: steps(parts.onFailure, counter),
    finally: steps(parts.finally, counter), ...(parts.timeout ? { timeoutMs: 60_000 } : {}),
    ...(parts.concurrency ? { concurrency: { key: lit('run'), limit: 1, whenFull: parts.concurrency } } : {}),
  } satisfies Definition
})

type Ended = 'ok' | 'throw' | 'fatal' | 'timeout' | 'lost' | 'released' | 'aborted'
export type Happening =
  | { do: Ended | 'started' | 'twice'; pick: number }
  | { do: 'wait'; ms: number }
  | { do: 'cancel' | 'takeover' | 'junk' | 'pause' | 'unpause' | 'retry' | 'undo' }
  | { do: 'signal' | 'yes' | 'no' | 'resolve' | 'pass' | 'closed' | 'child'; pick: number }

export const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('ok' as const), pick: fc.nat(20) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('throw', 'fatal', 'timeout', 'lost', 'released', 'aborted', 'started', 'twice'), pick: fc.nat(20) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('signal', 'yes', 'no', 'resolve', 'pass', 'pass', 'closed', 'child'), pick: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 1, 100, 5_000, 7_000, 10_000, 20_000, 60_000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('cancel', 'takeover', 'junk', 'pause', 'unpause', 'retry', 'undo') }) },
) as fc.Arbitrary<Happening>
