/** Random definitions of every kind nested in every other, and random things that happen to their runs. */
import fc from 'fast-check'
import type { Definition, RetryPolicy, Step, Value } from '../../src/model/definition.ts'
import { RETRY_DEFAULTS } from '../../src/model/definition.ts'

const lit = (v: string): Value => ({ t: 'lit', v })

const retry: fc.Arbitrary<RetryPolicy | undefined> = fc.option(fc.record({
  attempts: fc.integer({ min: 1, max: 3 }), delayMs: fc.constantFrom(0, 100, 5_000), jitter: fc.boolean(),
}).map((some) => ({ ...RETRY_DEFAULTS, ...some })), { nil: undefined })

interface Shape {
  kind: 'worker' | 'set' | 'sleep' | 'parallel' | 'fail' | 'return' | 'run'
  needs: number[] | undefined
  retry: RetryPolicy | undefined
  compensate: boolean
  undoRetry: RetryPolicy | undefined
  continueOnError: boolean
  deadline: boolean
  onCrash: 'retry' | 'fail'
  branches: Shape[][]
}

function shape(depth: number): fc.Arbitrary<Shape> {
  const kinds = depth > 0
    ? fc.constantFrom('worker', 'worker', 'worker', 'parallel', 'parallel', 'sleep', 'set', 'run', 'fail', 'return')
    : fc.constantFrom('worker', 'worker', 'worker', 'sleep', 'set', 'run', 'fail')
  return fc.record({
    kind: kinds as fc.Arbitrary<Shape['kind']>, needs: fc.option(fc.array(fc.nat(5), { maxLength: 3 }), { nil: undefined, freq: 2 }),
    retry, compensate: fc.boolean(), undoRetry: retry, continueOnError: fc.boolean(), deadline: fc.boolean(),
    onCrash: fc.constantFrom('retry', 'fail'),
    branches: depth > 0 ? fc.array(fc.array(shape(depth - 1), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }) : fc.constant([]),
  })
}

function steps(shapes: Shape[], counter: { n: number }): Step[] {
  const ids: string[] = []
  return shapes.map((one, i) => {
    const id = `s${counter.n++}`
    const needs = one.needs ? [...new Set(one.needs.filter((need) => need < i).map((need) => ids[need] ?? ''))] : ids.slice(-1)
    ids.push(id)
    const leaf = one.kind === 'worker' || one.kind === 'run'
    return {
      id, needs, kind: kindOf(one, counter), onCrash: one.onCrash, continueOnError: one.continueOnError,
      ...(leaf && one.retry ? { retry: one.retry } : {}), ...(one.deadline && (leaf || one.kind === 'parallel') ? { deadlineMs: 20_000 } : {}),
      ...(leaf && one.compensate ? { compensate: { worker: 'undo', ...(one.undoRetry ? { retry: one.undoRetry } : {}) } } : {}),
    }
  })
}

function kindOf(one: Shape, counter: { n: number }): Step['kind'] {
  switch (one.kind) {
    case 'worker':
      return { type: 'worker', worker: 'w' }
    case 'run':
      return { type: 'run', script: 'true', env: {} }
    case 'set':
      return { type: 'set', values: { t: 'map', entries: [['k', lit('v')]] } }
    case 'sleep':
      return { type: 'sleep', for: lit('7s') }
    case 'fail':
      return { type: 'fail', message: lit('told to') }
    case 'return':
      return { type: 'return', value: lit('early') }
    case 'parallel':
      return { type: 'parallel', branches: one.branches.map((branch, i) => ({ name: `b${i}`, steps: steps(branch, counter) })) }
  }
}

export const definition: fc.Arbitrary<Definition> = fc.record({
  main: fc.array(shape(2), { minLength: 1, maxLength: 6 }),
  onFailure: fc.array(shape(0), { maxLength: 2 }), finally: fc.array(shape(0), { maxLength: 2 }),
  timeout: fc.boolean(),
}).map((parts) => {
  const counter = { n: 0 }
  return {
    format: 1, name: 'generated', env: {}, secrets: [], steps: steps(parts.main, counter), onFailure: steps(parts.onFailure, counter),
    finally: steps(parts.finally, counter), ...(parts.timeout ? { timeoutMs: 60_000 } : {}),
  }
})

export type Happening =
  | { do: 'ok' | 'throw' | 'fatal' | 'timeout' | 'lost' | 'released' | 'aborted' | 'started' | 'twice'; pick: number }
  | { do: 'wait'; ms: number }
  | { do: 'cancel' | 'takeover' | 'junk' }

export const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('ok' as const), pick: fc.nat(20) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('throw', 'fatal', 'timeout', 'lost', 'released', 'aborted', 'started', 'twice'), pick: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 1, 100, 5_000, 7_000, 10_000, 20_000, 60_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('cancel', 'takeover', 'junk') }) },
) as fc.Arbitrary<Happening>
