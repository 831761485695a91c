/** What a store that refuses, or whose answers are lost, does to runs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryStore } from '../../src/backend/memory.ts'
import { definitionOf, chain, nap, work } from './support/definitions.ts'
import { checkHistory, count, Library, Machine, ok } from './support/machine.ts'
import { shaky, type Fault } from './support/shaky.ts'
import { settled, VirtualClock } from './support/virtual-clock.ts'

const ID = 'TX-20260103-145632-refusals'
const HOUR = 3_600_000

async function world() {
  const clock = new VirtualClock()
  const store = createMemoryStore({ now: () => clock.now() })
  const faulty = shaky(store.open())
  const library = new Library()
  const backend = store.open()
  const open = (handle = faulty.backend) => Machine.open({ backend: handle, clock, library })
  return { clock, store, faulty, library, backend, open, machine: await open() }
}

for (const code of ['STORE_FULL', 'STORE_BUSY']) {
  test(`${code}: results are held, then written, none twice`, async () => {
    const { clock, faulty, library, backend, machine } = await world()
    const compiled = library.add(definitionOf([work('a'), work('b'), work('c', ['a', 'b'])]))
    const ids = Array.from({ length: 20 }, (_, i) => `${ID}-${i}`)
    for (const id of ids) await machine.start(id, compiled)
    faulty.code = code
    faulty.fault = () => 'before'
    faulty.commits.length = 0
    for (const task of [...machine.tasks.values()]) machine.finish(task)
    await clock.advance(10_000)
    assert.ok(machine.errors.length > 0 && machine.errors.every((error) => error.code === code && !error.fatal))
    assert.ok(faulty.commits.length <= 21, `${faulty.commits.length} tries in 10 s`)
    for (const id of ids) assert.equal((await backend.history(id, 0)).length, 3, 'nothing was written')
    faulty.fault = () => undefined
    await clock.advance(500)
    assert.equal(machine.tasks.size, 20)
    for (const task of [...machine.tasks.values()]) machine.finish(task)
    await settled()
    for (const id of ids) {
      const history = await backend.history(id, 0)
      checkHistory(compiled, id, history)
      assert.equal(history.at(-1)?.type, 'run.finished')
    }
    assert.equal(machine.given.length, 60)
    assert.deepEqual(machine.lost, [])
  })
}

test('a full disk does not make the process spin over parked runs that are due', async () => {
  const { clock, faulty, library, machine } = await world()
  await machine.start(ID, library.add(nap()))
  await settled()
  faulty.fault = () => 'before'
  faulty.commits.length = 0
  await clock.advance(HOUR + 10_000)
  assert.ok(faulty.commits.length <= 21, `${faulty.commits.length} tries in 10 s`)
  faulty.fault = () => undefined
  await clock.advance(500)
  assert.equal(machine.task('after').attempt, 1)
})

test('reads that fail for a while delay a wake and lose none', async () => {
  const { clock, faulty, library, machine } = await world()
  await machine.start(ID, library.add(nap()))
  await settled()
  faulty.code = 'STORE_BUSY'
  faulty.readFault = () => true
  await clock.advance(HOUR + 5_000)
  assert.ok(machine.errors.length > 0 && machine.errors.length < 15)
  faulty.readFault = () => false
  await clock.advance(1_000)
  assert.equal(machine.task('after').attempt, 1)
})

test('STORE_IO: said once, nothing is acknowledged, nothing written after it', async () => {
  const { clock, faulty, library, backend, machine, open, store } = await world()
  const compiled = library.add(chain(2))
  for (const id of [`${ID}-1`, `${ID}-2`]) await machine.start(id, compiled)
  faulty.code = 'STORE_IO'
  faulty.fault = () => 'before'
  const starting = assert.rejects(machine.start(`${ID}-3`, compiled), { code: /STORE_IO|LEASE_LOST/ })
  for (const task of [...machine.tasks.values()]) machine.finish(task)
  await starting
  await clock.advance(10_000)
  assert.deepEqual(machine.errors, [{ code: 'STORE_IO', fatal: true }])
  faulty.fault = () => undefined
  await machine.orchestrator.release()
  await clock.advance(10_000)
  assert.equal((await backend.history(`${ID}-1`, 0)).length, 2)
  assert.equal(await backend.run(`${ID}-3`), undefined)
  await backend.leave(machine.owner)
  const next = await open(store.open())
  await next.takeOrphans()
  await settled()
  assert.equal(next.tasks.size, 2, 'what was not acknowledged is done again')
})

test('a start that the store refuses is refused, and nothing is left of it', async () => {
  const { clock, faulty, library, backend, machine } = await world()
  const compiled = library.add(chain(1))
  faulty.fault = () => 'before'
  await assert.rejects(machine.start(ID, compiled), { code: 'STORE_FULL' })
  faulty.fault = () => undefined
  await clock.advance(10_000)
  assert.equal(machine.orchestrator.activeCount, 0)
  assert.equal(await backend.run(ID), undefined)
  assert.deepEqual(await machine.start(ID, compiled), { status: 'started', runId: ID })
})

test('a start whose answer is lost is started', async () => {
  const { faulty, library, machine } = await world()
  faulty.fault = () => 'after'
  assert.deepEqual(await machine.start(ID, library.add(chain(1))), { status: 'started', runId: ID })
  assert.equal(machine.tasks.size, 1)
})

/** Every commit's answer is lost once; the one sent again is refused by what was written. */
for (const pattern of [['after'], ['after', 'before'], ['before', 'after'], ['after', 'after']] satisfies Fault[][]) {
  test(`answers lost (${pattern.join(', ')}): every event once, every task once`, async () => {
    const { clock, faulty, library, backend, machine } = await world()
    const compiled = library.add(definitionOf([work('a'), work('b'), work('c', ['a', 'b'])]))
    await machine.start(ID, compiled)
    for (const path of ['a', 'b', 'c']) {
      const faults: Fault[] = [...pattern]
      faulty.fault = () => faults.shift()
      machine.finish(machine.task(path))
      await clock.advance(2_000)
    }
    const history = await backend.history(ID, 0)
    checkHistory(compiled, ID, history)
    assert.equal(history.length, 8)
    assert.deepEqual(machine.seen.get(ID), history)
    assert.equal(count(history, 'step.lost'), 0)
    assert.equal(machine.given.length, 3)
    assert.deepEqual(machine.lost, [])
    assert.equal((await machine.record(ID)).state, 'completed')
    assert.equal(machine.orchestrator.activeCount, 0)
  })
}

test('an answer lost and the run taken away meanwhile: the new owner goes on, the old one stops', async () => {
  const { clock, faulty, library, backend, machine, open, store } = await world()
  const compiled = library.add(definitionOf([work('a'), work('b'), work('c', ['a', 'b'])]))
  await machine.start(ID, compiled)
  faulty.fault = () => 'after'
  machine.finish(machine.task('a'))
  await settled()
  const next = await open(store.open())
  await next.takeOver(ID, 'dead')
  faulty.fault = () => undefined
  await clock.advance(1_000)
  assert.deepEqual(machine.lost, [ID])
  assert.equal(machine.tasks.size, 0)
  next.finish(next.task('b'))
  await settled()
  next.finish(next.task('c'))
  await settled()
  const history = await backend.history(ID, 0)
  checkHistory(compiled, ID, history)
  assert.equal(count(history, 'step.completed'), 3)
})

test('a history that is not as remembered: the run is read again, not dropped', async () => {
  const { clock, library, backend, machine } = await world()
  const compiled = library.add(chain(2))
  await machine.start(ID, compiled)
  const task = machine.task('s1')
  // Somebody in this process's own name; nothing in mag does that.
  const event = { seq: 3, at: clock.now(), type: 'run.warning' as const, code: 'X', message: 'x' }
  await backend.commit([{ runId: ID, owner: machine.owner, expectedSeq: 2, events: [event] }])
  machine.finish(task)
  await settled()
  assert.deepEqual(machine.lost, [])
  machine.finish(machine.task('s1'), ok(task))
  await settled()
  machine.finish(machine.task('s2'))
  await settled()
  const history = await backend.history(ID, 0)
  checkHistory(compiled, ID, history)
  assert.equal((await machine.record(ID)).state, 'completed')
})

test('release tries what is held once more', async () => {
  const { faulty, library, backend, machine } = await world()
  await machine.start(ID, library.add(chain(2)))
  faulty.fault = () => 'before'
  machine.finish(machine.task('s1'))
  await settled()
  faulty.fault = () => undefined
  await machine.orchestrator.release()
  assert.equal(count(await backend.history(ID, 0), 'step.completed'), 1)
  assert.equal((await machine.record(ID)).owner, null)
})
