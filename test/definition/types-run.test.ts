/** What types accept runs: random definitions that have no errors with types never fail on a missing value, and their results are of the type that was said. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkWorkflow } from '../../src/definition/check.ts'
import { createExpressions } from '../../src/definition/expression.ts'
import { misfitOf } from '../../src/definition/types/fit.ts'
import type { TypeSources } from '../../src/definition/types/model.ts'
import { typeOfJson, typeOfSchema } from '../../src/definition/types/schema-type.ts'
import { describeType, UNKNOWN } from '../../src/definition/types/type.ts'
import { compile, transition } from '../../src/engine/transition.ts'
import type { Definition } from '../../src/model/definition.ts'
import type { RunEvent } from '../../src/model/event.ts'
import type { Message } from '../../src/model/message.ts'
import type { Run } from '../../src/engine/run.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'

const SEED = 20_260_105
const INPUTS = {
  a: { type: 'boolean' }, b: { type: 'boolean' }, opt: { type: 'number', optional: true }, maybe: { type: ['number', 'null'] }, list: { type: 'array', items: { type: 'number' } },
}
const inputs = fc.record({ a: fc.boolean(), b: fc.boolean(), opt: fc.nat(3), maybe: fc.option(fc.nat(3)), list: fc.array(fc.nat(3), { maxLength: 3 }) }, { requiredKeys: ['a', 'b', 'maybe', 'list'] })

type Kind = 'set' | 'fail' | 'parallel' | 'switch' | 'group' | 'each' | 'loop' | 'return'
interface Shape {
  kind: Kind
  condition: number
  goesOn: boolean
  free: boolean
  values: Array<[key: number, value: number, of: number]>
  inside: Shape[][]
}

function shapes(depth: number): fc.Arbitrary<Shape[]> {
  const kinds: Kind[] = ['set', 'set', 'set', 'set', 'fail', ...(depth > 0 ? (['parallel', 'switch', 'group', 'each', 'loop', 'return'] as const) : [])]
  const shape: fc.Arbitrary<Shape> = fc.record({
    kind: fc.constantFrom(...kinds), condition: fc.nat(17), goesOn: fc.nat(3).map((n) => n === 0), free: fc.nat(7).map((n) => n === 0),
    values: fc.array(fc.tuple(fc.nat(1), fc.nat(15), fc.nat(2)), { minLength: 1, maxLength: 2 }),
    inside: depth > 0 ? fc.array(shapes(depth - 1), { minLength: 1, maxLength: 2 }) : fc.constant([]),
  })
  return fc.array(shape, { minLength: 1, maxLength: depth > 1 ? 5 : 2 })
}

interface Making {
  ids: string[]
  /** `item` and `index` stand here. */
  inLoop: boolean
  /** `error` stands here. */
  atEnd: boolean
}

function steps(making: Making, some: readonly Shape[]): Json[] {
  return some.map((shape) => {
    const before = [...making.ids]
    const id = `s${before.length}`
    making.ids.push(id)
    const pick = (n: number): string => before[before.length - 1 - (n % Math.max(1, before.length))] ?? 's0'
    const condition = conditionOf(shape.condition, pick(shape.condition))
    const values = Object.fromEntries(shape.values.map(([key, value, of]) => [`k${key}`, sampleOf(value, pick(of), making)]))
    return {
      id, ...kindOf(making, shape, values), ...(condition === undefined ? {} : { if: condition }), ...(shape.free ? { needs: [] } : {}),
      ...(shape.goesOn && shape.kind !== 'return' ? { continue_on_error: true } : {}),
    }
  })
}

function kindOf(making: Making, { kind, inside, condition }: Shape, values: { [key: string]: Json }): JsonObject {
  const lists = inside.length > 0 ? inside : [[]]
  const list = (at: number, inLoop = making.inLoop): Json[] => {
    const inner = { ...making, inLoop }
    return lists[at] && lists[at].length > 0 ? steps(inner, lists[at]) : [{ id: newId(making), set: { k0: 1 } }]
  }
  switch (kind) {
    case 'set': return { set: values }
    case 'fail': return { fail: 'no' }
    case 'return': return { return: values }
    case 'parallel': return { parallel: { one: list(0), two: list(1) } }
    case 'switch': return { switch: [{ case: 'inputs.a', steps: list(0) }, ...(condition % 2 === 0 ? [{ default: list(1) }] : [])] }
    case 'group': return { steps: list(0) }
    case 'each': return condition % 2 === 0 ? { foreach: 'inputs.list', steps: list(0, true) } : { foreach: { in: 'inputs.list' }, set: { ...values, own: '${{ item + index }}' } }
    case 'loop': return { until: 'index > 0', max_iterations: 3, steps: list(0) }
  }
}

function newId({ ids }: Making): string {
  ids.push(`s${ids.length}`)
  return ids.at(-1) ?? ''
}

function conditionOf(n: number, id: string): string | undefined {
  return [
    undefined, undefined, 'inputs.a', 'inputs.b', `steps.${id}.status == 'completed'`, `steps.${id}.output != null`, `has(steps.${id}.output.k0)`, `steps.${id}.status != 'skipped'`,
    'inputs.a && inputs.b', 'has(inputs.opt)', 'inputs.maybe != null', `steps.${id}.error == null`,
  ][n < 12 ? n : 0]
}

function sampleOf(n: number, id: string, { inLoop, atEnd }: Making): Json {
  const value = [
    1, 'text', `\${{ steps.${id}.output.k0 }}`, `\${{ steps.${id}.output.?k0.orValue(0) }}`, '${{ context.k0 }}', '${{ context.?k1.orValue(false) }}', '${{ inputs.opt + 1 }}', '${{ inputs.maybe + 1 }}',
    '${{ has(inputs.opt) ? inputs.opt : null }}', `\${{ steps.${id}.status }}`, `\${{ steps.${id}.output == null ? 'none' : steps.${id}.output.k0 }}`, inLoop ? '${{ item + index }}' : '${{ size(inputs.list) }}', atEnd ? '${{ error.message }}' : 2,
    atEnd ? "${{ error == null ? run.state : error.message }}" : 3, true, false,
  ][n]
  return value ?? null
}

const expressions = createExpressions()

interface Ran {
  events: RunEvent[]
  /** What workers were given. */
  given: Json[]
}

/** Workers give nothing back. */
function runToEnd(definition: Definition, input: JsonObject): Ran {
  const compiled = compile(definition, 'sha256:types', expressions)
  const ran: Ran = { events: [], given: [] }
  let now = 1_000_000
  let run: Run | undefined
  let wakeAt: number | null = null
  const tell = (message: Message): void => {
    const result = transition(compiled, run, [message], now)
    run = result.run
    wakeAt = result.wakeAt
    ran.events.push(...result.events)
    for (const command of result.commands) {
      if (command.type !== 'task') continue
      const { path, token, input: received } = command.task
      ran.given.push(received)
      tell({ type: 'outcome', path, token, result: { ok: true, output: {} } })
    }
  }
  tell({ type: 'start', id: 'TX-20260103-145632-random', workflow: definition.name, definition: 'sha256:types', input, children: {} })
  for (let turns = 0; run?.phase !== 'done'; turns++) {
    assert.ok(turns < 100 && wakeAt !== null, 'the run ends')
    now = Math.max(now, wakeAt)
    tell({ type: 'tick' })
  }
  return ran
}

/** Mostly empty: what may not have run is mostly read wrongly there. */
const section = fc.oneof({ weight: 4, arbitrary: fc.constant<Shape[]>([]) }, { weight: 1, arbitrary: shapes(0) })

test('a definition without errors never fails on a value, and its result is of its type', () => {
  let accepted = 0
  let refused = 0
  fc.assert(fc.property(shapes(2), fc.tuple(section, section), fc.array(inputs, { minLength: 4, maxLength: 4 }), fc.nat(9), (some, [onFailure, last], given, of) => {
    const making: Making = { ids: [], inLoop: false, atEnd: false }
    const list = steps(making, some)
    const id = making.ids[of % making.ids.length] ?? 's0'
    const text = JSON.stringify({ inputs: INPUTS, outputs: { one: `\${{ steps.${id}.output.k0 }}`, two: `\${{ steps.${id}.output }}` }, steps: list, ...(onFailure.length > 0 ? { on_failure: steps({ ...making, atEnd: true }, onFailure) } : {}), ...(last.length > 0 ? { finally: steps({ ...making, atEnd: true }, last) } : {}) })
    const plain = checkWorkflow({ file: 'workflows/w.json', text })
    const { definition, types, problems } = checkWorkflow({ file: 'workflows/w.json', text }, { worker: () => undefined })
    if (!definition || !types) {
      refused += plain.definition ? 1 : 0
      return
    }
    accepted++
    for (const input of given) {
      const { events } = runToEnd(definition, input as JsonObject)
      const failed = events.find((event) => event.type === 'step.failed' && event.error.code === 'EXPRESSION')
      assert.equal(failed, undefined, `${JSON.stringify(input)}\n${text}\n${JSON.stringify(failed)}`)
      const ended = events.at(-1)
      if (ended?.type !== 'run.finished' || ended.state !== 'completed' || ended.output === undefined) continue
      const misfit = misfitOf(typeOfJson(ended.output), types.result, 'whole')
      assert.equal(misfit, undefined, `${JSON.stringify(input)}\n${text}\ngave ${JSON.stringify(ended.output)}, which is not ${misfit && `${misfit.path.join('.')}: ${describeType(misfit.wanted)}`}`)
      assert.ok(problems.every(({ severity }) => severity === 'warning'))
    }
  }), { numRuns: 7_000, seed: SEED })
  assert.ok(accepted > 150 && refused > 500, `${accepted} accepted, ${refused} refused for their types`)
})

/** What the worker of the last step takes. */
const NEED = typeOfSchema({ type: 'object', properties: { k0: { type: 'number' }, k1: { type: ['string', 'boolean'] }, maybe: { type: 'number' } }, required: ['k0', 'k1'] })
const needy: TypeSources = { worker: () => ({ input: NEED, output: UNKNOWN }) }

test('where the context is said to lack what a worker needs, or to have it of another type, every run shows it', () => {
  let told = 0
  let shown = 0
  fc.assert(fc.property(shapes(1), fc.array(inputs, { minLength: 4, maxLength: 4 }), (some, given) => {
    const making: Making = { ids: [], inLoop: false, atEnd: false }
    const list = [...steps(making, some), { id: 'last', worker: 'need' }]
    const text = JSON.stringify({ inputs: INPUTS, steps: list })
    const { definition } = checkWorkflow({ file: 'workflows/w.json', text })
    const { problems } = checkWorkflow({ file: 'workflows/w.json', text }, needy)
    if (!definition || !problems.some(({ code }) => code === 'MAG1070' || code === 'MAG1071')) return
    told++
    for (const input of given) {
      for (const received of runToEnd(definition, input as JsonObject).given) {
        shown++
        assert.ok(misfitOf(typeOfJson(received), NEED, 'part'), `${JSON.stringify(input)}\n${text}\n${JSON.stringify(problems)}\ngave ${JSON.stringify(received)}, which fits`)
      }
    }
  }), { numRuns: 3_000, seed: SEED + 1 })
  assert.ok(told > 100 && shown > 100, `${told} told, ${shown} shown`)
})
