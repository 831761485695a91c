/** The same on a real file and in real time: what the memory store cannot show is that commits are grouped and answers come late. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Backend } from '../../src/backend/backend.ts'
import { openBackend } from '../../src/backend/open.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { chain, definitionOf, nap, work } from './support/definitions.ts'
import { checkHistory, count, Library, Machine, ok } from './support/machine.ts'

const ID = 'TX-20260103-145632-onafile'

async function files(t: TestContext, handles: number): Promise<Backend[]> {
  const projectDir = mkdtempSync(`${tmpdir()}/mag-orchestrator-`)
  const opened: Backend[] = []
  for (let i = 0; i < handles; i++) opened.push(await openBackend('sqlite:store.db', { now: () => systemClock.now(), projectDir }))
  t.after(async () => {
    for (const backend of opened) await backend.close()
    rmSync(projectDir, { recursive: true })
  })
  return opened
}

async function until(what: string, reached: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await reached()) return
    await delay(20)
  }
  assert.fail(`never: ${what}`)
}

const completed = async (backend: Backend) => (await backend.list({ states: ['completed'], limit: 1_000 })).items.length

test('200 chains side by side', async (t) => {
  const [backend] = await files(t, 1)
  assert.ok(backend)
  const library = new Library()
  const machine = await Machine.open({ backend, clock: systemClock, library, answer: ok })
  const compiled = library.add(chain(5))
  await backend.putDefinition(compiled.hash, '{}')
  const ids = Array.from({ length: 200 }, (_, i) => `${ID}-${i}`)
  await Promise.all(ids.map((id) => machine.start(id, compiled)))
  await until('all completed', async () => (await completed(backend)) === 200)
  for (const id of ids) {
    const history = await backend.history(id, 0)
    checkHistory(compiled, id, history)
    assert.equal(history.length, 12)
  }
  assert.equal(machine.given.length, 1_000)
  await machine.orchestrator.release()
  await backend.leave(machine.owner)
})

for (const how of ['leaves', 'dies'] as const) {
  test(`sleeping runs whose process ${how} wake in another, at their time, once`, async (t) => {
    const [first, second] = await files(t, 2)
    assert.ok(first && second)
    const library = new Library()
    const one = await Machine.open({ backend: first, clock: systemClock, library, answer: ok })
    const compiled = library.add(nap('1500ms'))
    await first.putDefinition(compiled.hash, '{}')
    const began = systemClock.now()
    const ids = Array.from({ length: 120 }, (_, i) => `${ID}-${i}`)
    await Promise.all(ids.map((id) => one.start(id, compiled)))
    await one.orchestrator.idle()
    assert.equal(one.orchestrator.activeCount, 0)
    if (how === 'leaves') {
      await one.orchestrator.release()
      await first.leave(one.owner)
    } else one.orchestrator.abandon()
    const two = await Machine.open({ backend: second, clock: systemClock, library, answer: ok })
    for (const id of ids) assert.ok(await two.takeOver(id, 'dead'))
    await until('all completed', async () => (await completed(second)) === 120)
    assert.equal(one.given.length, 0)
    assert.equal(two.given.length, 120)
    for (const id of ids) {
      const history = await second.history(id, 0)
      checkHistory(compiled, id, history)
      assert.equal(count(history, 'step.scheduled'), 1)
      assert.ok((history.find((event) => event.type === 'step.scheduled')?.at ?? 0) >= began + 1_500, 'not early')
    }
    await two.orchestrator.release()
    await second.leave(two.owner)
  })
}

test('fenced between two steps, with results of the old owner under way', async (t) => {
  const [first, second] = await files(t, 2)
  assert.ok(first && second)
  const library = new Library()
  const one = await Machine.open({ backend: first, clock: systemClock, library })
  const two = await Machine.open({ backend: second, clock: systemClock, library, answer: ok })
  const compiled = library.add(definitionOf([work('a'), work('b'), work('c', ['a', 'b'])]))
  await first.putDefinition(compiled.hash, '{}')
  const ids = Array.from({ length: 30 }, (_, i) => `${ID}-${i}`)
  await Promise.all(ids.map((id) => one.start(id, compiled)))
  for (const task of [...one.tasks.values()]) if (task.path === 'a') one.finish(task)
  const taken = Promise.all(ids.map((id) => two.takeOver(id, 'dead')))
  for (const task of [...one.tasks.values()]) one.finish(task)
  await taken
  await two.takeOrphans()
  await until('all completed', async () => (await completed(second)) === 30)
  for (const id of ids) checkHistory(compiled, id, await second.history(id, 0))
  one.orchestrator.abandon()
  await delay(1)
  assert.equal(one.tasks.size, 0)
  await two.orchestrator.release()
  await second.leave(two.owner)
})
