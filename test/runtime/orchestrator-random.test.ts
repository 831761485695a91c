/**
 * Several processes on one store, and whatever can happen to them: crashes, pauses past the lease, stops, refusals and
 * lost answers of the store, outcomes that come twice. Then everything heals, and every run must have ended properly.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Backend, RunRecord, SlotHolder } from '../../src/backend/backend.ts'
import { createMemoryStore } from '../../src/backend/memory.ts'
import { recover, runState, type Compiled } from '../../src/engine/transition.ts'
import { toArray } from '../../src/engine/vector.ts'
import type { Task } from '../../src/model/command.ts'
import type { Definition } from '../../src/model/definition.ts'
import { isFinal } from '../../src/model/event.ts'
import type { AttemptResult } from '../../src/model/message.ts'
import { definition } from '../engine/generate.ts'
import { checkHistory, LEASE_MS, Library, Machine, ok, outcomeOf } from './support/machine.ts'
import { shaky, type Fault, type Shaky } from './support/shaky.ts'
import { settled, VirtualClock } from './support/virtual-clock.ts'

/** SEED repeats a failure; RUNS makes a longer search. */
const parameters = { numRuns: Number(process.env.RUNS ?? 200), ...(process.env.SEED ? { seed: Number(process.env.SEED) } : {}) }

type How = 'ok' | 'throw' | 'fatal' | 'timeout' | 'aborted' | 'lost'
type Happening =
  | { do: How | 'started' | 'again' | 'by-inbox'; slot: number; pick: number }
  | { do: 'start' | 'crash' | 'pause' | 'stop' | 'orphans' | 'poll' | 'cancel'; slot: number }
  | { do: 'fault'; slot: number; faults: Fault[] }
  | { do: 'wait'; ms: number }

const slot = fc.nat(2)
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('ok' as const), slot, pick: fc.nat(20) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('throw', 'fatal', 'timeout', 'aborted', 'lost', 'started', 'again', 'by-inbox'), slot, pick: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('start', 'crash', 'pause', 'stop', 'orphans', 'orphans', 'poll', 'cancel'), slot }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fault' as const), slot, faults: fc.array(fc.constantFrom('before', 'after', undefined), { maxLength: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 1, 500, 5_000, 7_000, 10_000, LEASE_MS, 60_000) }) },
) as fc.Arbitrary<Happening>

/** Fails now and then, as its worker does; what it did is undone by itself or by its parent. */
const CHILD: Definition = {
  format: 1, name: 'child', env: {}, secrets: [], onFailure: [], finally: [],
  steps: [
    { id: 'm', needs: [], kind: { type: 'worker', worker: 'w' }, onCrash: 'retry', continueOnError: false, compensate: { worker: 'undo' } },
    { id: 'n', needs: ['m'], kind: { type: 'worker', worker: 'w' }, onCrash: 'retry', continueOnError: false },
  ],
}

interface Slot {
  machine: Machine
  store: Shaky
  /** Stands still as far as its lease is concerned; what it does all the same is what a process does that does not know. */
  paused: boolean
}

class World {
  readonly clock = new VirtualClock()
  readonly library = new Library()
  readonly memory = createMemoryStore({ now: () => this.clock.now() })
  readonly view = this.memory.open()
  readonly compiled: Compiled
  readonly child: Compiled
  readonly slots: Slot[] = []
  readonly all: Machine[] = []
  readonly runs: string[] = []
  readonly old: Task[] = []
  signals = 0

  constructor(generated: Definition) {
    this.compiled = this.library.add(generated)
    this.child = this.library.add(CHILD)
  }

  async boot(index: number): Promise<void> {
    const store = shaky(this.memory.open())
    const machine = await Machine.open({ backend: store.backend, clock: this.clock, library: this.library })
    this.slots[index] = { machine, store, paused: false }
    this.all.push(machine)
  }

  at(index: number): Slot {
    return this.slots[index % this.slots.length] ?? assert.fail('no slot')
  }

  /** `pause`: how far the promises get before the next thing happens; all the way from 8 on. */
  async happen(one: Happening, pause: number): Promise<void> {
    if (one.do === 'wait') return this.pass(one.ms)
    const index = one.slot % this.slots.length
    const { machine, store } = this.at(index)
    switch (one.do) {
      case 'start':
        return this.start(machine)
      case 'crash':
        machine.deaf = true
        machine.orchestrator.abandon()
        machine.tasks.clear()
        await this.boot(index)
        break
      case 'pause':
        this.at(index).paused = true
        break
      case 'stop':
        for (const task of [...machine.tasks.values()]) this.finish(machine, task, 'released')
        await machine.orchestrator.release()
        await machine.backend.leave(machine.owner)
        await this.boot(index)
        break
      case 'orphans':
        await machine.takeOrphans().catch((error: { code: string }) => assert.match(error.code, /STORE_FENCED/))
        break
      case 'poll':
        await machine.readInbox()
        break
      case 'cancel':
        for (const id of this.runs.slice(-1)) await this.view.send(id, { type: 'cancel' })
        break
      case 'fault': {
        const faults = [...one.faults]
        store.fault = () => faults.shift()
        break
      }
      default:
        await this.tell(machine, one.do, one.pick)
    }
    for (let i = 0; i < pause; i++) await null
    if (pause < 8) return
    await settled()
    this.checkTasks()
  }

  async tell(machine: Machine, how: How | 'started' | 'again' | 'by-inbox', pick: number): Promise<void> {
    const tasks = how === 'again' ? this.old : [...machine.tasks.values()]
    const task = tasks[pick % Math.max(1, tasks.length)]
    if (!task) return
    if (how === 'again') return machine.orchestrator.deliver(task.runId, outcomeOf(task))
    if (how === 'started') return machine.orchestrator.deliver(task.runId, { type: 'started', path: task.path, token: task.token })
    if (how === 'by-inbox') {
      machine.tasks.delete(`${task.runId}/${task.token}`)
      this.old.push(task)
      return void (await this.view.send(task.runId, outcomeOf(task)))
    }
    this.finish(machine, task, how)
  }

  finish(machine: Machine, task: Task, how: How | 'released'): void {
    this.old.push(task)
    machine.finish(task, resultOf(task, how))
  }

  async start(machine: Machine): Promise<void> {
    if (this.runs.length >= 4) return
    const id = `TX-20260103-145632-random-${this.runs.length}`
    this.runs.push(id)
    await machine.start(id, this.compiled, { input: { x: 1 }, children: { child: this.child.hash } }).catch((error: { code: string }) => assert.match(error.code, /STORE_FULL|LEASE_LOST/))
    await settled()
  }

  /** Time, with the renewals of whoever is not paused. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left >= 0; left -= LEASE_MS / 3) {
      await this.clock.advance(Math.min(left, LEASE_MS / 3))
      await this.renew()
    }
  }

  async renew(): Promise<void> {
    for (const [index, { machine, paused }] of this.slots.entries()) {
      if (paused || (await machine.backend.renew(machine.owner, LEASE_MS, 0))) continue
      machine.orchestrator.abandon()
      await this.boot(index)
    }
  }

  /** Every answer comes, every process lives: then every run ends. */
  async heal(): Promise<void> {
    for (const one of this.slots) {
      one.paused = false
      one.store.fault = () => undefined
    }
    for (let turn = 0; ; turn++) {
      await this.pass(500)
      for (const { machine } of this.slots) {
        await machine.takeOrphans()
        await machine.readInbox()
      }
      await settled()
      let busy = false
      for (const { machine } of this.slots) {
        for (const task of [...machine.tasks.values()]) {
          busy = true
          machine.finish(task)
        }
      }
      await settled()
      await this.answerPeople()
      const open = await this.open()
      if (open.length === 0) return
      assert.ok(turn < 3_000, `runs do not end: ${JSON.stringify(open)}`)
      if (!busy) await this.pass(Math.min(60_000, Math.max(0, (this.clock.next ?? 0) - this.clock.now())))
    }
  }

  /** Signals, approvals, words about what is in doubt: whatever anybody waits for. */
  async answerPeople(): Promise<void> {
    for (const { id, definition: hash } of await this.open()) {
      const { run } = recover(this.library.get(hash), id, await this.view.history(id, 0))
      for (const { status, step, wait } of toArray(run.steps)) {
        if (status === 'in_doubt') await this.view.send(id, { type: 'resolve', path: step.path, as: 'retry' })
        else if (status !== 'waiting') continue
        else if (wait === undefined) await this.view.send(id, { type: 'approve', path: step.path, approved: true })
        else await this.view.send(id, { type: 'signal', id: `g${this.signals++}`, name: wait, data: null })
      }
    }
  }

  async open(): Promise<RunRecord[]> {
    return (await this.view.list({ limit: 100_000 })).items.filter((record) => !isFinal(record.state))
  }

  checkTasks(): void {
    for (const { machine } of this.slots) {
      for (const { runId } of machine.tasks.values()) assert.ok(machine.orchestrator.owns(runId), 'a pool works for the runs of its process only')
    }
  }

  async check(): Promise<void> {
    // One that a process took just as its run went elsewhere and ended: the next one who asks frees it.
    for (const { runId } of await slotsLeft(this.view)) assert.ok(isFinal((await this.view.run(runId))?.state ?? 'pending'), 'only what has ended may be forgotten with a slot')
    const given = this.all.flatMap((machine) => machine.given.map((task) => `${task.runId}/${task.token}`))
    assert.equal(new Set(given).size, given.length, 'no attempt is given out twice')
    const ids = (await this.view.list({ limit: 100_000 })).items.map((record) => record.id)
    for (const id of ids) {
      const history = await this.view.history(id, 0)
      if (history.length === 0) continue
      const record = await this.view.run(id)
      const compiled = this.library.get(record?.definition ?? '')
      checkHistory(compiled, id, history)
      assert.equal(history.at(-1)?.type, 'run.finished')
      assert.equal(runState(recover(compiled, id, history).run), record?.state, 'the record says what the history folds to')
      assert.equal(record?.owner, null)
      for (const machine of this.all) {
        for (const event of machine.seen.get(id) ?? []) assert.equal(JSON.stringify(event), JSON.stringify(history[event.seq - 1]), 'nobody hears what is not durable')
      }
    }
    for (const { machine } of this.slots) assert.equal(machine.orchestrator.activeCount, 0, 'what has ended leaves memory')
    assert.deepEqual(this.all.flatMap((machine) => machine.errors.filter((error) => error.fatal)), [])
  }
}

async function slotsLeft(view: Backend): Promise<SlotHolder[]> {
  return [...(await view.slots({ key: 'step:k' })), ...(await view.slots({ key: 'run:run' }))]
}

function resultOf(task: Task, how: How | 'released'): AttemptResult {
  if (how === 'ok') return ok(task)
  const error = { code: how.toUpperCase(), message: how, retryable: how !== 'fatal' }
  return { ok: false, how: how === 'throw' || how === 'fatal' ? 'thrown' : how, error }
}

test('whatever happens to its processes, every run ends, and its history is that of one careful process', async () => {
  await fc.assert(fc.asyncProperty(definition, fc.integer({ min: 2, max: 3 }), fc.array(fc.tuple(happening, fc.nat(16)), { minLength: 5, maxLength: 60, size: '+1' }), async (generated, slots, happenings) => {
    const world = new World(generated)
    for (let i = 0; i < slots; i++) await world.boot(i)
    await world.start(world.at(0).machine)
    for (const [one, pause] of happenings) await world.happen(one, pause)
    await world.heal()
    await world.check()
  }), parameters)
})
