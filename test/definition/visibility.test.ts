/** What a step may read is what it waits for, directly or not: compared with a slow search, for any graph of needs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkWorkflow } from '../../src/definition/check.ts'

interface Planned {
  id: string
  /** Undefined: the step above. */
  needs: string[] | undefined
  /** Branches, in a parallel step. */
  branches: Planned[][]
}

interface Placed {
  step: Planned
  list: Planned[]
  around: Placed | undefined
}

let count = 0

/** Lists of steps, two levels of branches deep; needs are numbers of steps of the same list, and may form circles or not. */
const lists = (depth: number): fc.Arbitrary<Array<{ needs: number[] | undefined; branches: unknown[] }>> => fc.array(fc.record({
  needs: fc.option(fc.array(fc.nat(7), { maxLength: 3 }), { nil: undefined, freq: 2 }),
  branches: depth === 0 ? fc.constant([]) : fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(lists(depth - 1), { minLength: 1, maxLength: 2 }) }),
}), { minLength: 1, maxLength: depth === 2 ? 7 : 3 }) as never

function planned(raw: Array<{ needs: number[] | undefined; branches: unknown[] }>, acyclic: boolean): Planned[] {
  const ids = raw.map(() => `s${count++}`)
  return raw.map(({ needs, branches }, i) => ({
    id: ids[i] ?? '', branches: branches.map((branch) => planned(branch as never, acyclic)),
    needs: needs && [...new Set(needs.map((n) => n % (acyclic ? Math.max(1, i) : raw.length)).filter((n) => n !== i).map((n) => ids[n] ?? ''))],
  }))
}

function placed(list: Planned[], around?: Placed): Placed[] {
  return list.flatMap((step) => {
    const here: Placed = { step, list, around }
    return [here, ...step.branches.flatMap((branch) => placed(branch, here))]
  })
}

function after(list: Planned[], step: Planned): Planned[] {
  if (step.needs) return list.filter(({ id }) => step.needs?.includes(id))
  const above = list[list.indexOf(step) - 1]
  return above ? [above] : []
}

function waitsFor(list: Planned[], from: Planned, target: Planned): boolean {
  const seen = new Set<Planned>()
  const queue = after(list, from)
  for (let next = queue.pop(); next; next = queue.pop()) {
    if (seen.has(next)) continue
    seen.add(next)
    queue.push(...after(list, next))
  }
  return seen.has(target)
}

function chain(at: Placed | undefined): Placed[] {
  return at ? [at, ...chain(at.around)] : []
}

/** By the language's words: it depends on the step, or on a finished container around it. */
function mayRead(reader: Placed, target: Placed): boolean {
  return chain(reader).some((own) => chain(target).some((other) => own.list === other.list && own.step !== other.step && waitsFor(own.list, own.step, other.step)))
}

function fileOf(list: Planned[], reader: Planned, target: Planned): unknown[] {
  return list.map((step) => ({
    id: step.id, ...(step.needs ? { needs: step.needs } : {}), ...(step === reader ? { if: `steps.${target.id}.status == 'failed'` } : {}),
    ...(step.branches.length > 0 ? { parallel: Object.fromEntries(step.branches.map((branch, i) => [`b${i}`, fileOf(branch, reader, target)])) } : { run: 'x' }),
  }))
}

function hasCircle(list: Planned[]): boolean {
  return list.some((step) => waitsFor(list, step, step) || step.branches.some(hasCircle))
}

function holds(list: Planned[], from: number, to: number): void {
  const all = placed(list)
  const reader = all[from % all.length]
  const target = all[to % all.length]
  assert.ok(reader && target)
  const text = JSON.stringify({ steps: fileOf(list, reader.step, target.step) }, null, 1)
  const { problems, definition } = checkWorkflow({ file: 'workflows/a.json', text })
  const codes = problems.filter(({ severity }) => severity === 'error').map(({ code }) => code)
  assert.equal(codes.includes('MAG1036'), hasCircle(list), text)
  // Where a list has a circle, that is what is told of it.
  if (!hasCircle(list)) assert.equal(codes.includes('MAG1025'), reader === target || !mayRead(reader, target), text)
  assert.equal(definition === undefined, codes.length > 0)
  if (definition) for (const [i, { needs }] of definition.steps.entries()) assert.deepEqual([...needs].sort(), after(list, list[i] ?? assert.fail()).map(({ id }) => id).sort())
}

test('what a step may read, without circles and with them', () => {
  for (const acyclic of [true, false]) {
    fc.assert(fc.property(lists(2), fc.nat(1_000), fc.nat(1_000), (raw, from, to) => holds(planned(raw, acyclic), from, to)), { numRuns: 1_500, seed: 20_260_103 })
  }
})
