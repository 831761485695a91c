import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compile, transition, type Run } from '../../src/engine/transition.ts'
import type { Task } from '../../src/model/command.ts'
import type { Definition } from '../../src/model/definition.ts'
import type { RunEvent } from '../../src/model/event.ts'
import type { Message, Outcome } from '../../src/model/message.ts'
import { definition, happening, type Happening } from './generate.ts'
import { checkAlways, checkFold, type Observed } from './invariants.ts'

/** SEED repeats a failure; RUNS makes a longer search. */
const parameters = { numRuns: Number(process.env.RUNS ?? 1_500), ...(process.env.SEED ? { seed: Number(process.env.SEED) } : {}) }
const ID = 'TX-20260103-145632-random'

class World {
  readonly compiled
  readonly messages: Array<{ message: Message; now: number }> = []
  run: Run | undefined
  history: RunEvent[] = []
  tasks: Task[] = []
  old: Task[] = []
  now = 1_000_000
  wakeAt: number | null = null

  constructor(generated: Definition) {
    this.compiled = compile(generated, 'sha256:test')
    this.tell({ type: 'start', id: ID, workflow: 'generated', definition: 'sha256:test', input: { x: 1 } })
  }

  tell(message: Message): void {
    const before = this.run
    const frozen = before ? JSON.stringify({ ...before, timers: null }) : ''
    const result = transition(this.compiled, before, [message], this.now)
    if (before) assert.equal(JSON.stringify({ ...before, timers: null }), frozen, 'a transition never changes the run it was given')
    if (before?.phase === 'done') assert.equal(result.events.length, 0, '1: a final run hears nothing')
    this.messages.push({ message, now: this.now })
    this.run = result.run
    this.wakeAt = result.wakeAt
    this.history.push(...result.events)
    for (const command of result.commands) if (command.type === 'task') this.tasks.push(command.task)
    checkAlways(this.observed())
  }

  observed(): Observed {
    assert.ok(this.run)
    return { compiled: this.compiled, run: this.run, history: this.history, wakeAt: this.wakeAt, now: this.now }
  }

  happen(one: Happening): void {
    switch (one.do) {
      case 'wait':
        this.now += one.ms
        return this.tell({ type: 'tick' })
      case 'cancel':
        return this.tell({ type: 'cancel' })
      case 'takeover':
        this.tasks = []
        return this.tell({ type: 'taken_over', owner: 'other', clean: false })
      case 'junk':
        return this.tell({ type: 'outcome', path: 'nobody', token: 3, result: { ok: true, output: {} } })
      case 'twice': {
        const old = this.old[one.pick % Math.max(1, this.old.length)]
        return old ? this.tell(outcomeOf(old, 'ok')) : undefined
      }
      default: {
        const task = this.tasks[one.pick % Math.max(1, this.tasks.length)]
        if (!task) return
        if (one.do === 'started') return this.tell({ type: 'started', path: task.path, token: task.token })
        this.finish(task, one.do)
        // What is handed back starts again only with a new owner.
        if (one.do === 'released') this.happen({ do: 'takeover' })
      }
    }
  }

  finish(task: Task, how: 'ok' | 'throw' | 'fatal' | 'timeout' | 'lost' | 'released' | 'aborted'): void {
    this.tasks.splice(this.tasks.indexOf(task), 1)
    this.old.push(task)
    this.tell(outcomeOf(task, how))
  }

  /** Liveness: every answer comes from now on. */
  drain(): void {
    for (let turns = 0; this.run?.phase !== 'done'; turns++) {
      assert.ok(turns < 2_000, '27: the run does not end')
      const task = this.tasks[0]
      if (task) this.finish(task, 'ok')
      else {
        assert.ok(this.wakeAt !== null, '27: nothing will ever move this run')
        this.now = Math.max(this.now, this.wakeAt)
        this.tell({ type: 'tick' })
      }
    }
  }
}

function outcomeOf(task: Task, how: 'ok' | 'throw' | 'fatal' | 'timeout' | 'lost' | 'released' | 'aborted'): Outcome {
  const base = { type: 'outcome' as const, path: task.path, token: task.token }
  if (how === 'ok') return { ...base, result: { ok: true, output: { by: task.path } } }
  const error = { code: how.toUpperCase(), message: how, retryable: how !== 'fatal' }
  return { ...base, result: { ok: false, how: how === 'throw' || how === 'fatal' ? 'thrown' : how, error } }
}

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
    assert.deepEqual({ ...joined.run, timers: null }, { ...world.run, timers: null })
  }), { ...parameters, numRuns: Math.ceil(parameters.numRuns / 5) })
})
