import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createMemoryStore, type MemoryStore } from '../../src/backend/memory.ts'
import type { Task } from '../../src/model/command.ts'
import { chain, definitionOf, nap, work } from './support/definitions.ts'
import { checkHistory, count, Library, LEASE_MS, Machine, ok, outcomeOf, types } from './support/machine.ts'
import { settled, VirtualClock } from './support/virtual-clock.ts'

const HOUR = 3_600_000
const ID = 'TX-20260103-145632-orchestr'

class World {
  readonly clock = new VirtualClock()
  readonly library = new Library()
  readonly store: MemoryStore = createMemoryStore({ now: () => this.clock.now() })
  readonly backend = this.store.open()

  machine(answer?: (task: Task) => ReturnType<typeof ok> | undefined): Promise<Machine> {
    return Machine.open({ backend: this.store.open(), clock: this.clock, library: this.library, ...(answer ? { answer } : {}) })
  }
}

test('a chain of five runs to its end', async () => {
  const world = new World()
  const machine = await world.machine(ok)
  const compiled = world.library.add(chain(5))
  assert.deepEqual(await machine.start(ID, compiled), { status: 'started', runId: ID })
  await settled()
  const history = await world.backend.history(ID, 0)
  checkHistory(compiled, ID, history)
  const steps = [1, 2, 3, 4, 5].flatMap((n) => [`step.scheduled s${n}`, `step.completed s${n}`])
  assert.deepEqual(types(history), ['run.started', ...steps, 'run.finished'])
  assert.deepEqual(machine.seen.get(ID), history, 'listeners hear what is stored')
  assert.equal(machine.orchestrator.activeCount, 0)
  assert.equal(world.clock.timers, 0)
})

test("the run's record at its start, when parked, when woken, at its end", async () => {
  const world = new World()
  const machine = await world.machine()
  const began = world.clock.now()
  await machine.start(ID, world.library.add(definitionOf([work('a'), ...nap().steps.map((step, i) => (i === 0 ? { ...step, needs: ['a'] } : step))])))
  const mine = { owner: machine.owner.id, finishedAt: null, note: null, createdAt: began }
  const shown = async () => {
    const { state, wakeAt, owner, finishedAt, note, createdAt } = await machine.record(ID)
    return { state, wakeAt, owner, finishedAt, note, createdAt }
  }
  assert.deepEqual(await shown(), { ...mine, state: 'running', wakeAt: null })
  machine.finish(machine.task('a'))
  await settled()
  assert.deepEqual(await shown(), { ...mine, state: 'waiting', wakeAt: began + HOUR })
  await world.clock.advance(HOUR)
  assert.deepEqual(await shown(), { ...mine, state: 'running', wakeAt: null })
  machine.finish(machine.task('after'), { ok: false, how: 'thrown', error: { code: 'NOPE', message: 'no', retryable: false } })
  await settled()
  assert.deepEqual(await shown(), { ...mine, state: 'failed', wakeAt: null, owner: null, finishedAt: began + HOUR, note: 'after: NOPE' })
})

test('a run is started once per key', async () => {
  const world = new World()
  const machine = await world.machine()
  const compiled = world.library.add(chain(1))
  await machine.start(ID, compiled, { key: 'k', inputHash: 'one' })
  assert.deepEqual(await machine.start(`${ID}2`, compiled, { key: 'k', inputHash: 'one' }), { status: 'exists', runId: ID, sameInput: true })
  assert.deepEqual(await machine.start(`${ID}3`, compiled, { key: 'k', inputHash: 'two' }), { status: 'exists', runId: ID, sameInput: false })
  assert.equal(machine.orchestrator.activeCount, 1)
})

describe('parking', () => {
  test('a sleeping run leaves memory and wakes at its time, once', async () => {
    const world = new World()
    const machine = await world.machine(ok)
    const compiled = world.library.add(nap())
    await machine.start(ID, compiled)
    await settled()
    assert.equal(machine.orchestrator.activeCount, 0)
    assert.equal(world.clock.timers, 1, 'one timer for all that is parked')
    await world.clock.advance(HOUR - 1)
    assert.equal(machine.given.length, 0, 'not early')
    await world.clock.advance(1)
    const history = await world.backend.history(ID, 0)
    checkHistory(compiled, ID, history)
    assert.deepEqual(types(history).slice(1), ['step.sleeping nap', 'step.completed nap', 'step.scheduled after', 'step.completed after', 'run.finished'])
  })

  test('a run that waits no longer than a second stays', async () => {
    const world = new World()
    const machine = await world.machine(ok)
    await machine.start(ID, world.library.add(nap('1s')))
    assert.equal(machine.orchestrator.activeCount, 1)
    assert.equal((await machine.record(ID)).wakeAt, null)
    await world.clock.advance(1_000)
    assert.equal((await machine.record(ID)).state, 'completed')
  })

  for (const restart of [false, true]) {
    test(`a thousand runs due at once wake once each${restart ? ', in another process' : ''}`, async () => {
      const world = new World()
      const first = await world.machine(ok)
      const compiled = world.library.add(nap())
      const ids = Array.from({ length: 1_000 }, (_, i) => `${ID}-${i}`)
      await Promise.all(ids.map((id) => first.start(id, compiled)))
      await settled()
      assert.equal(first.orchestrator.activeCount, 0)
      let machine = first
      if (restart) {
        await first.orchestrator.release()
        await first.backend.leave(first.owner)
        machine = await world.machine(ok)
        await machine.takeOrphans()
        await settled()
        assert.equal(machine.orchestrator.activeCount, 0, 'parked again')
      }
      await world.clock.advance(HOUR - 1)
      assert.equal(machine.given.length, 0)
      await world.clock.advance(1)
      assert.equal(machine.given.length, 1_000)
      for (const id of ids) {
        const history = await world.backend.history(id, 0)
        assert.equal(history.at(-1)?.type, 'run.finished')
        assert.equal(count(history, 'step.scheduled'), 1)
      }
      assert.equal(world.clock.timers, 0)
    })
  }

  test('parked runs wake while another run never lets the store rest', async () => {
    const world = new World()
    const machine = await world.machine((task) => (task.runId === ID ? ok(task) : { ok: true, output: null }))
    const compiled = world.library.add(nap())
    await Promise.all(Array.from({ length: 250 }, (_, i) => machine.start(`${ID}-${i}`, compiled)))
    await machine.start(`${ID}-late`, world.library.add(nap('61m')))
    await settled()
    await machine.start(ID, world.library.add(chain(3_000)))
    world.clock.jump(HOUR)
    await world.clock.advance(60_000)
    await settled()
    assert.equal((await machine.record(`${ID}-249`)).state, 'completed')
    assert.equal((await machine.record(`${ID}-late`)).state, 'completed')
  })

  test('handed back while it sleeps in memory, a run wakes at its time elsewhere', async () => {
    const world = new World()
    const first = await world.machine(ok)
    const compiled = world.library.add(nap('1s'))
    await first.start(ID, compiled)
    await first.orchestrator.release()
    await first.backend.leave(first.owner)
    assert.equal((await first.record(ID)).owner, null)
    const second = await world.machine(ok)
    await second.takeOrphans()
    await world.clock.advance(999)
    assert.equal(second.given.length, 0)
    await world.clock.advance(1)
    checkHistory(compiled, ID, await world.backend.history(ID, 0))
    assert.equal((await second.record(ID)).state, 'completed')
  })
})

describe('ownership', () => {
  test('a fenced owner writes nothing more; the new one completes the run', async () => {
    const world = new World()
    const old = await world.machine()
    const compiled = world.library.add(definitionOf([work('a'), work('b'), work('c', ['a', 'b'])]))
    await old.start(ID, compiled)
    old.finish(old.task('a'))
    await settled()
    const late = old.task('b')
    const next = await world.machine()
    assert.equal(await next.takeOver(ID), false, 'not while the lease lasts')
    world.clock.jump(LEASE_MS)
    assert.equal(await next.takeOver(ID), true)
    await settled()
    const before = await world.backend.history(ID, 0)
    old.finish(late)
    await settled()
    assert.deepEqual(old.lost, [ID])
    assert.deepEqual(old.cancelled, [`${ID}/${late.token}`])
    assert.equal(old.tasks.size, 0)
    assert.equal(old.orchestrator.owns(ID), false)
    assert.deepEqual(await world.backend.history(ID, 0), before, 'the old owner wrote nothing')
    await next.orchestrator.deliver(ID, outcomeOf(late))
    assert.deepEqual(await world.backend.history(ID, 0), before, 'the old attempt counts nowhere')
    next.finish(next.task('b'))
    await settled()
    next.finish(next.task('c'))
    await settled()
    const history = await world.backend.history(ID, 0)
    checkHistory(compiled, ID, history)
    assert.equal(history.at(-1)?.type, 'run.finished')
    assert.equal(count(history, 'step.completed'), 3)
  })

  test('abandon cancels every task and is silent from then on', async () => {
    const world = new World()
    const machine = await world.machine()
    const compiled = world.library.add(chain(2))
    await machine.start(ID, compiled)
    const starting = machine.start(`${ID}2`, compiled)
    starting.catch(() => undefined)
    const task = machine.task('s1')
    machine.orchestrator.abandon()
    await assert.rejects(starting, { code: 'LEASE_LOST' })
    assert.deepEqual(machine.cancelled, [`${ID}/${task.token}`])
    assert.deepEqual(machine.lost, [ID])
    await machine.orchestrator.deliver(ID, outcomeOf(task))
    await world.clock.advance(HOUR)
    assert.equal((await world.backend.history(ID, 0)).length, 2)
    await assert.rejects(machine.start(`${ID}3`, compiled), { code: 'LEASE_LOST' })
  })

  test('adopting twice at once takes over once', async () => {
    const world = new World()
    const old = await world.machine()
    const compiled = world.library.add(chain(1))
    await old.start(ID, compiled)
    await old.backend.leave(old.owner)
    const next = await world.machine()
    await Promise.all([next.takeOver(ID), next.takeOver(ID), next.orchestrator.wakeDue()])
    await settled()
    assert.equal(count(await world.backend.history(ID, 0), 'run.taken_over'), 1)
    assert.equal(next.given.length, 1)
    next.finish(next.task('s1'))
    await settled()
    assert.equal((await next.record(ID)).state, 'completed')
  })

  test('a run just claimed that a message reaches first is taken over all the same', async () => {
    const world = new World()
    const old = await world.machine()
    await old.start(ID, world.library.add(chain(1)))
    await old.backend.leave(old.owner)
    const next = await world.machine(ok)
    assert.equal((await next.backend.claim(ID, next.owner)).status, 'ok')
    await next.orchestrator.deliver(ID, { type: 'tick' })
    await next.orchestrator.adopt(ID)
    await settled()
    assert.equal(count(await world.backend.history(ID, 0), 'run.taken_over'), 1)
    assert.equal((await next.record(ID)).state, 'completed')
  })

  test('a timer due at the takeover starts its step once', async () => {
    const world = new World()
    const old = await world.machine()
    await old.start(ID, world.library.add(nap()))
    await settled()
    world.clock.jump(2 * HOUR)
    const next = await world.machine(ok)
    await Promise.all([next.takeOver(ID), next.orchestrator.wakeDue()])
    await world.clock.advance(0)
    assert.equal(next.given.length, 1)
    assert.equal((await next.record(ID)).state, 'completed')
  })
})

describe('messages', () => {
  test('from another handle: handled once, removed with the commit', async () => {
    const world = new World()
    const machine = await world.machine()
    await machine.start(ID, world.library.add(chain(2)))
    await world.backend.send(ID, { type: 'cancel', by: 'somebody' })
    await Promise.all([machine.readInbox(), machine.readInbox(), machine.readInbox()])
    await settled()
    const history = await world.backend.history(ID, 0)
    assert.equal(count(history, 'run.cancel_requested'), 1)
    assert.deepEqual(await world.backend.inboxOf(ID), [])
    assert.equal(machine.cancelled.length, 1)
    assert.equal((await machine.record(ID)).state, 'cancelled')
  })

  test('one that changes nothing is removed as well', async () => {
    const world = new World()
    const machine = await world.machine()
    await machine.start(ID, world.library.add(chain(1)))
    await world.backend.send(ID, { type: 'outcome', path: 'nobody', token: 9, result: { ok: true, output: null } })
    await machine.readInbox()
    await settled()
    assert.deepEqual(await world.backend.inboxOf(ID), [])
    assert.equal((await world.backend.history(ID, 0)).length, 2)
  })

  test('to a parked run: it comes back', async () => {
    const world = new World()
    const machine = await world.machine()
    await machine.start(ID, world.library.add(nap()))
    await settled()
    assert.equal(machine.orchestrator.owns(ID), false)
    await world.backend.send(ID, { type: 'cancel' })
    await machine.readInbox()
    await settled()
    assert.equal((await machine.record(ID)).state, 'cancelled')
    assert.equal(machine.orchestrator.activeCount, 0)
  })

  test('to a parked run, changing nothing: it is parked again and still wakes', async () => {
    const world = new World()
    const machine = await world.machine(ok)
    await machine.start(ID, world.library.add(nap()))
    await settled()
    for (let i = 0; i < 5; i++) void machine.orchestrator.deliver(ID, { type: 'tick' })
    await settled()
    assert.equal(machine.orchestrator.activeCount, 0)
    await world.clock.advance(HOUR)
    assert.equal((await machine.record(ID)).state, 'completed')
  })

  test("to another process's run: not handled", async () => {
    const world = new World()
    const [one, two] = [await world.machine(), await world.machine()]
    await one.start(ID, world.library.add(chain(1)))
    await two.orchestrator.deliver(ID, { type: 'cancel' })
    await two.orchestrator.deliver('TX-nobody', { type: 'cancel' })
    await settled()
    assert.equal(two.orchestrator.activeCount, 0)
    assert.equal((await world.backend.history(ID, 0)).length, 2)
    assert.deepEqual(two.errors, [])
  })

  test('outcomes that come twice count once', async () => {
    const world = new World()
    const machine = await world.machine()
    const compiled = world.library.add(chain(2))
    await machine.start(ID, compiled)
    const task = machine.task('s1')
    for (let i = 0; i < 3; i++) void machine.orchestrator.deliver(ID, outcomeOf(task))
    await settled()
    void machine.orchestrator.deliver(ID, outcomeOf(task, { ok: false, how: 'lost', error: { code: 'LOST', message: '', retryable: true } }))
    await settled()
    const history = await world.backend.history(ID, 0)
    assert.deepEqual(types(history).slice(1), ['step.scheduled s1', 'step.completed s1', 'step.scheduled s2'])
  })
})
