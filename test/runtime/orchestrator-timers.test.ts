/** What decides when: wakes of runs, and whether a start is worth telling. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Task } from '../../src/model/command.ts'
import type { Message } from '../../src/model/message.ts'
import { createStarts } from '../../src/runtime/starts.ts'
import { createWakes } from '../../src/runtime/wakes.ts'
import { createMemoryBackend } from '../../src/backend/memory.ts'
import { chain } from './support/definitions.ts'
import { count, Library, Machine } from './support/machine.ts'
import { VirtualClock } from './support/virtual-clock.ts'

type Action = { do: 'set'; run: number; in: number } | { do: 'clear'; run: number } | { do: 'parked'; in: number } | { do: 'pass'; ms: number }

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('set' as const), run: fc.nat(8), in: fc.integer({ min: -5, max: 60 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('clear' as const), run: fc.nat(8) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('parked' as const), in: fc.integer({ min: -5, max: 60 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat(30) }) },
)

test('wakes: each once, never early, as a plain list of times has it', () => {
  fc.assert(fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
    const clock = new VirtualClock(1_000)
    const heard: string[] = []
    const wakes = createWakes(clock, (run) => heard.push(`${run}@${clock.now()}`), () => heard.push(`parked@${clock.now()}`))
    const times = new Map<string, number>()
    let parked = Number.POSITIVE_INFINITY
    for (const one of actions) {
      const now = clock.now()
      if (one.do === 'set') {
        wakes.set(`r${one.run}`, now + one.in)
        times.set(`r${one.run}`, now + one.in)
      } else if (one.do === 'clear') {
        wakes.clear(`r${one.run}`)
        times.delete(`r${one.run}`)
      } else if (one.do === 'parked') {
        wakes.parked(now + one.in)
        parked = Math.min(parked, now + one.in)
      } else {
        const expected: string[] = []
        for (const [run, at] of times) {
          if (at > now + one.ms) continue
          expected.push(`${run}@${Math.max(at, now)}`)
          times.delete(run)
        }
        if (parked <= now + one.ms) {
          expected.push(`parked@${Math.max(parked, now)}`)
          parked = Number.POSITIVE_INFINITY
        }
        heard.length = 0
        clock.pass(one.ms)
        assert.deepEqual([...heard].sort(), expected.sort())
      }
      assert.ok(clock.timers <= 1, 'one timer for all')
    }
    wakes.stop()
    heard.length = 0
    clock.pass(1_000)
    assert.deepEqual(heard, [], 'silent after stop')
  }), { numRuns: 500 })
})

test('wakes: set and forgotten many times over, nothing piles up', () => {
  const clock = new VirtualClock()
  const heard: string[] = []
  const wakes = createWakes(clock, (run) => heard.push(run), () => undefined)
  wakes.set('kept', clock.now() + 10)
  for (let i = 0; i < 10_000; i++) {
    wakes.set(`r${i}`, clock.now() + 1_000_000 - i)
    wakes.clear(`r${i}`)
  }
  clock.pass(2_000_000)
  assert.deepEqual(heard, ['kept'])
})

describe('starts', () => {
  const taskOf = (token: number): Task => ({
    runId: 'run', workflow: 'w', path: `s${token}`, stepId: `s${token}`, purpose: 'step', attempt: 1, token,
    target: { kind: 'worker', worker: 'w' }, input: null, idempotencyKey: `run/s${token}`,
  })

  test('told once, of what has lasted 40 ms; not of what ended before', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(50), fc.nat(200)), { maxLength: 40 }), (attempts) => {
      const clock = new VirtualClock(0)
      const told = new Map<number, number[]>()
      const starts = createStarts(clock, (_run, message: Message) => {
        if (message.type === 'started') told.set(message.token, [...(told.get(message.token) ?? []), clock.now()])
      })
      const lives = attempts.map(([gap, length], i) => ({ task: taskOf(i + 1), from: gap * (i + 1), to: gap * (i + 1) + length }))
      const moments = lives.flatMap(({ task, from, to }) => [
        { at: from, order: 0, act: () => starts.started(task, 'p') }, { at: to, order: 1, act: () => starts.ended(task) },
      ]).sort((a, b) => a.at - b.at || a.order - b.order)
      for (const { at, act } of moments) {
        clock.pass(at - clock.now())
        act()
      }
      clock.pass(1_000)
      for (const { task, from, to } of lives) {
        const times = told.get(task.token) ?? []
        if (to - from < 40) assert.deepEqual(times, [], `${to - from} ms`)
        if (to - from > 80) assert.equal(times.length, 1, `${to - from} ms`)
        for (const at of times) assert.ok(at >= from + 40 && at <= from + 80 && at <= to)
      }
      assert.equal(clock.timers, 0, 'idle when nothing runs')
    }), { numRuns: 300 })
  })

  test('in the history: none for a fast step, one for a slow one', async () => {
    const clock = new VirtualClock()
    const library = new Library()
    const machine = await Machine.open({ backend: createMemoryBackend({ now: () => clock.now() }), clock, library })
    const starts = createStarts(clock, (runId, message) => void machine.orchestrator.deliver(runId, message))
    await machine.start('run', library.add(chain(2)))
    for (const [path, ms] of [['s1', 39], ['s2', 500]] as const) {
      const task = machine.task(path)
      starts.started(task, 'p')
      await clock.advance(ms)
      starts.ended(task)
      machine.finish(task)
      await clock.advance(0)
    }
    await clock.advance(1_000)
    const history = await machine.backend.history('run', 0)
    assert.equal(count(history, 'step.started'), 1)
    assert.equal(history.find((event) => event.type === 'step.started')?.path, 's2')
    assert.equal(history.at(-1)?.type, 'run.finished')
  })
})
