import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { transition, type Run } from '../../src/engine/transition.ts'
import type { RunEvent } from '../../src/model/event.ts'
import { definition, happening } from './generate.ts'
import { checkFold } from './invariants.ts'
import { shown, World } from './world.ts'

/** SEED repeats a failure; RUNS makes a longer search. */
const parameters = { numRuns: Number(process.env.RUNS ?? 1_500), ...(process.env.SEED ? { seed: Number(process.env.SEED) } : {}) }
test('invariants hold after every event, whatever happens, and every run ends', () => {
  fc.assert(fc.property(definition, fc.array(happening, { maxLength: 40 }), (generated, happenings) => {
    const world = new World(generated)
    for (const one of happenings) world.happen(one)
    checkFold(world.observed())
    world.drain()
    checkFold(world.observed())
  }), parameters)
})

test('the same messages give the same events (28)', () => {
  fc.assert(fc.property(definition, fc.array(happening, { maxLength: 30 }), (generated, happenings) => {
    const world = new World(generated)
    for (const one of happenings) world.happen(one)
    let run: Run | undefined
    const again: RunEvent[] = []
    for (const { message, now } of world.messages) {
      const result = transition(world.compiled, run, [message], now)
      run = result.run
      again.push(...result.events)
    }
    assert.deepEqual(again, world.history)
  }), { ...parameters, numRuns: Math.ceil(parameters.numRuns / 5) })
})

test('messages joined in one turn lead where the same messages one by one do', () => {
  fc.assert(fc.property(definition, fc.array(fc.nat(20), { maxLength: 20 }), (generated, picks) => {
    const world = new World(generated)
    for (const pick of picks) world.happen({ do: 'ok', pick })
    const messages = world.messages.map(({ message }) => message)
    const joined = transition(world.compiled, undefined, messages, world.now)
    assert.equal(shown(joined.run), world.run && shown(world.run))
  }), { ...parameters, numRuns: Math.ceil(parameters.numRuns / 5) })
})
