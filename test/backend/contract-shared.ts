/** Promises about what runs share: slots, values, children, and final runs that are opened again. */
import assert from 'node:assert/strict'
import { append, type Cases, created, creation, events, INFO, LEASE_MS, one, runId } from './fixtures.ts'

const slot = (key: string, no: number, path = 'a') => ({ key, runId: runId(no), path })

export const sharedCases: Cases = {
  async 'a key has as many slots as its limit says, over all handles'({ open }) {
    const [left, right] = [await open(), await open()]
    assert.deepEqual(await left.takeSlot({ ...slot('k', 1), limit: 2 }), { taken: true })
    assert.deepEqual(await right.takeSlot({ ...slot('k', 2), limit: 2 }), { taken: true })
    const full = await right.takeSlot({ ...slot('k', 3), limit: 2 })
    assert.deepEqual(!full.taken && full.holders.map(({ key, runId: run, path }) => [key, run, path]), [['k', runId(1), 'a'], ['k', runId(2), 'a']])
    assert.deepEqual(await right.takeSlot({ ...slot('other', 3), limit: 1 }), { taken: true })
  },
  async 'a slot that is held is granted to its holder again, and freed once for all'({ open }) {
    const [left, right] = [await open(), await open()]
    await left.takeSlot({ ...slot('k', 1), limit: 1 })
    assert.deepEqual(await right.takeSlot({ ...slot('k', 1), limit: 1 }), { taken: true })
    await left.freeSlots([slot('k', 1), slot('k', 1), slot('nobody', 9)])
    assert.deepEqual(await right.takeSlot({ ...slot('k', 2), limit: 1 }), { taken: true })
  },
  async 'two steps of one run are two holders'({ open }) {
    const backend = await open()
    await backend.takeSlot({ ...slot('k', 1, 'a'), limit: 1 })
    assert.equal((await backend.takeSlot({ ...slot('k', 1, 'b[2]/ü'), limit: 1 })).taken, false)
    await backend.freeSlots([slot('k', 1, 'a')])
    assert.equal((await backend.takeSlot({ ...slot('k', 1, 'b[2]/ü'), limit: 1 })).taken, true)
  },
  async 'slots are listed by key and by run, with the time since when'({ open }) {
    const backend = await open()
    await backend.takeSlot({ ...slot('k', 1), limit: 5 })
    await backend.takeSlot({ ...slot('l', 1, ''), limit: 5 })
    await backend.takeSlot({ ...slot('k', 2), limit: 5 })
    assert.deepEqual((await backend.slots({ key: 'k' })).map((holder) => holder.runId), [runId(1), runId(2)])
    const own = await backend.slots({ runId: runId(1) })
    assert.deepEqual(own.map(({ key, path }) => [key, path]).sort(), [['k', 'a'], ['l', '']])
    for (const { since } of own) assert.ok(Number.isSafeInteger(since) && since > 0)
    assert.deepEqual(await backend.slots({ key: 'nobody' }), [])
  },
  async 'of many that want the last slot at once one gets it'({ open }) {
    const handles = await Promise.all([open(), open(), open()])
    const results = await Promise.all(Array.from({ length: 30 }, (_, i) => (handles[i % 3] ?? assert.fail()).takeSlot({ ...slot('k', i), limit: 1 })))
    assert.equal(results.filter((result) => result.taken).length, 1)
  },
  async 'a value is what was put last, for every handle, and any JSON'({ open }) {
    const [left, right] = [await open(), await open()]
    assert.equal(await right.value('k'), undefined)
    const value = { text: 'ü\u0000', list: [1, null, true, {}], deep: { a: { b: 1e300 } } }
    assert.equal(await left.putValue({ key: 'k', value }), true)
    assert.deepEqual((await right.value('k'))?.value, value)
    assert.equal(await right.putValue({ key: 'k', value: null }), true)
    assert.deepEqual((await left.value('k'))?.value, null)
  },
  async 'a value with a version is put only where that is what is there'({ open }) {
    const [left, right] = [await open(), await open()]
    assert.equal(await left.putValue({ key: 'k', value: 1, version: 7 }), false)
    assert.equal(await left.putValue({ key: 'k', value: 1, version: 0 }), true)
    assert.equal(await right.putValue({ key: 'k', value: 2, version: 0 }), false)
    const seen = await right.value('k')
    assert.ok(seen)
    assert.equal(await right.putValue({ key: 'k', value: 2, version: seen.version }), true)
    assert.equal(await left.putValue({ key: 'k', value: 3, version: seen.version }), false)
    assert.equal((await left.value('k'))?.value, 2)
  },
  async 'a value whose time is over is gone, and can be made anew'({ open, advance }) {
    const backend = await open()
    await backend.putValue({ key: 'k', value: 'old', ttlMs: 1_000 })
    assert.equal((await backend.value('k'))?.value, 'old')
    await advance(1_001)
    assert.equal(await backend.value('k'), undefined)
    assert.equal(await backend.putValue({ key: 'k', value: 'new', version: 0 }), true)
    assert.equal((await backend.value('k'))?.value, 'new')
  },
  async 'a run names its parent, and is found by it or left out for it'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    await created(backend, owner, 1)
    const child = creation(runId(2), owner)
    assert.deepEqual(await one(backend, { ...child, create: { ...(child.create ?? assert.fail()), parent: runId(1) } }), { status: 'ok' })
    assert.equal((await backend.run(runId(2)))?.parent, runId(1))
    assert.equal((await backend.run(runId(1)))?.parent, null)
    const ids = async (parent?: string | null) => (await backend.list({ limit: 10, ...(parent === undefined ? {} : { parent }) })).items.map((record) => record.id)
    assert.deepEqual(await ids(runId(1)), [runId(2)])
    assert.deepEqual(await ids(null), [runId(1)])
    assert.deepEqual((await ids()).length, 2)
    assert.deepEqual(await ids(runId(2)), [])
  },
  async 'a final run is opened again for its retry, with its history as it was'({ open }) {
    const [left, right] = [await open(), await open()]
    const [owner, heir] = [await left.join(INFO, LEASE_MS), await right.join(INFO, LEASE_MS)]
    const id = await created(left, owner, 1)
    await append(left, { runId: id, owner, expectedSeq: 1, events: events(1, 1), patch: { state: 'failed', finishedAt: 5, note: 'x', release: true } })
    assert.equal((await right.claim(id, heir)).status, 'final')
    const reopened = await right.reopen(id, heir)
    assert.equal(reopened.status === 'ok' && reopened.record.owner, heir.id)
    const record = await left.run(id)
    assert.deepEqual([record?.state, record?.finishedAt, record?.note], ['running', null, null])
    assert.deepEqual(await one(left, { runId: id, owner, expectedSeq: 2, events: events(2, 1) }), { status: 'fenced' })
    await append(right, { runId: id, owner: heir, expectedSeq: 2, events: events(2, 1) })
    assert.equal((await left.history(id, 0)).length, 3)
  },
  async 'what is open is not opened again: a live owner keeps it'({ open }) {
    const [left, right] = [await open(), await open()]
    const [owner, heir] = [await left.join(INFO, LEASE_MS), await right.join(INFO, LEASE_MS)]
    const id = await created(left, owner, 1)
    assert.equal((await right.reopen(id, heir)).status, 'held')
    assert.equal((await right.reopen(runId(99), heir)).status, 'missing')
    await append(left, { runId: id, owner, expectedSeq: 1, events: events(1, 1) })
  },
}
