/** Promises about commits: creation, fences, batches, messages handled with them. */
import assert from 'node:assert/strict'
import { append, type Cases, created, creation, done, events, INFO, LEASE_MS, one, queued, runId, signal, START } from './fixtures.ts'

export const commitCases: Cases = {
  async 'a created run can be read back with every field'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1, { key: 'order-7', patch: { state: 'waiting', wakeAt: START + 5, note: 'asleep' } })
    const record = await backend.run(id)
    assert.deepEqual(record, {
      id, workflow: 'order', definition: 'hash-1', key: 'order-7', parent: null, state: 'waiting', seq: 1, owner: owner.id, wakeAt: START + 5,
      createdAt: START, updatedAt: record?.updatedAt, finishedAt: null, note: 'asleep',
    })
    assert.deepEqual(await backend.history(id, 0), events(0, 1))
  },
  async 'a run that is created without a patch is pending and its creator\'s'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const { patch: _, ...commit } = creation(runId(1), owner)
    assert.deepEqual(await one(backend, commit), { status: 'ok' })
    const record = await backend.run(runId(1))
    assert.deepEqual([record?.state, record?.owner, record?.wakeAt], ['pending', owner.id, null])
  },
  async 'a run may be created without events, and released at once'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1, { count: 0, patch: { release: true } })
    assert.deepEqual([(await backend.run(id))?.owner, await backend.history(id, 0)], [null, []])
    assert.equal((await backend.claim(id, owner)).status, 'ok')
    await append(backend, { runId: id, owner, expectedSeq: 0, events: events(0, 2) })
    assert.deepEqual(await backend.history(id, 0), events(0, 2))
  },
  async 'creating the same id again answers exists and writes nothing'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1)
    assert.deepEqual(await one(backend, creation(id, owner, { count: 3 })), { status: 'exists', runId: id, sameInput: true })
    assert.deepEqual(await backend.history(id, 0), events(0, 1))
  },
  async 'creating with a key in use names the run that has it'({ open }) {
    const backend = await open()
    const other = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const second = await other.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1, { key: 'k' })
    assert.deepEqual(await one(other, creation(runId(2), second, { key: 'k' })), { status: 'exists', runId: id, sameInput: true })
    assert.equal(await backend.run(runId(2)), undefined)
    assert.deepEqual(await backend.history(runId(2), 0), [])
  },
  async 'exists tells other input and other workflow from the same'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1, { key: 'k' })
    const differing = [{ key: 'k', inputHash: 'input-2' }, { key: 'k', workflow: 'other' }]
    for (const options of differing) {
      assert.deepEqual(await one(backend, creation(runId(2), owner, options)), { status: 'exists', runId: id, sameInput: false })
    }
  },
  async 'runs without keys never meet'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const results = await backend.commit([creation(runId(1), owner), creation(runId(2), owner), creation(runId(3), owner)])
    assert.deepEqual(results.map((result) => result.status), ['ok', 'ok', 'ok'])
  },
  async 'a key stays taken after its run has ended'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1, { key: 'k', patch: { state: 'completed' } })
    assert.deepEqual(await one(backend, creation(runId(2), owner, { key: 'k' })), { status: 'exists', runId: id, sameInput: true })
  },
  async 'a commit behind, ahead or in the middle of the history conflicts and tells where it stands'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1, { count: 4 })
    for (const expectedSeq of [0, 1, 3, 5, 40]) {
      for (const count of [1, 2, 6]) {
        assert.deepEqual(await one(backend, { runId: id, owner, expectedSeq, events: events(expectedSeq, count) }), { status: 'conflict', seq: 4 })
      }
    }
    assert.deepEqual(await backend.history(id, 0), events(0, 4))
  },
  async 'a conflicting commit without events writes nothing either'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1, { count: 2 })
    assert.deepEqual(await one(backend, { runId: id, owner, expectedSeq: 1, events: [], patch: { note: 'no' } }), { status: 'conflict', seq: 2 })
    assert.equal((await backend.run(id))?.note, null)
  },
  async 'a commit to a run that does not exist conflicts at 0'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    assert.deepEqual(await one(backend, { runId: runId(9), owner, expectedSeq: 3, events: events(3, 1) }), { status: 'conflict', seq: 0 })
    assert.equal(await backend.run(runId(9)), undefined)
  },
  async 'of two handles that saw the same history one wins'({ open }) {
    const [left, right] = [await open(), await open()]
    const owner = await left.join(INFO, LEASE_MS)
    const id = await created(left, owner, 1)
    await append(right, { runId: id, owner, expectedSeq: 1, events: events(1, 1) })
    await append(left, { runId: id, owner, expectedSeq: 2, events: events(2, 2) })
    const commit = { runId: id, owner, expectedSeq: 4 }
    const results = await Promise.all([one(left, { ...commit, events: events(4, 1) }), one(right, { ...commit, events: events(4, 3) })])
    assert.deepEqual(results.map((result) => result.status).sort(), ['conflict', 'ok'])
    const history = await left.history(id, 0)
    assert.deepEqual(history, events(0, results[0]?.status === 'ok' ? 5 : 7))
  },
  async 'absent fields of a patch stay, null clears'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1, { patch: { state: 'waiting', wakeAt: START + 9, note: 'a' } })
    await append(backend, { runId: id, owner, expectedSeq: 1, patch: { note: 'b' } })
    const kept = await backend.run(id)
    assert.deepEqual([kept?.state, kept?.wakeAt, kept?.note, kept?.owner], ['waiting', START + 9, 'b', owner.id])
    await append(backend, { runId: id, owner, expectedSeq: 1, patch: { wakeAt: null, note: null, state: 'running' } })
    const cleared = await backend.run(id)
    assert.deepEqual([cleared?.state, cleared?.wakeAt, cleared?.note], ['running', null, null])
  },
  async 'the record may lag behind the history but never leads'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1)
    await append(backend, { runId: id, owner, expectedSeq: 1, events: events(1, 3) })
    assert.ok(((await backend.run(id))?.seq ?? 99) <= 4)
    await append(backend, { runId: id, owner, expectedSeq: 4, events: events(4, 1), patch: { state: 'waiting' } })
    assert.equal((await backend.run(id))?.seq, 5)
  },
  async 'a final state ends ownership, waiting, messages and tasks'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1, { patch: { state: 'waiting', wakeAt: START } })
    await backend.send(id, signal('s'))
    await append(backend, { runId: id, owner, expectedSeq: 1, tasks: [queued(id, 1)] })
    await append(backend, { runId: id, owner, expectedSeq: 1, events: events(1, 1), patch: { state: 'failed', finishedAt: START + 9, note: 'boom' } })
    const record = await backend.run(id)
    assert.deepEqual([record?.owner, record?.wakeAt, record?.finishedAt, record?.note], [null, null, START + 9, 'boom'])
    assert.deepEqual([await backend.inboxOf(id), await backend.due(owner, START + 9, 5), await backend.orphans(5)], [[], [], []])
    assert.deepEqual(await backend.claimTasks({ owner, queues: ['default'], workers: ['charge'], limit: 5, leaseMs: 1 }), [])
    assert.equal(await backend.send(id, signal('late')), true)
    assert.deepEqual(await backend.inboxOf(id), [])
  },
  async 'a final run takes no more commits'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1, { patch: { state: 'completed' } })
    assert.deepEqual(await one(backend, { runId: id, owner, expectedSeq: 1, events: events(1, 1) }), { status: 'fenced' })
    assert.equal((await backend.claim(id, owner)).status, 'final')
  },
  async 'each commit of a batch has a result of its own, in order'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const stranger = { id: owner.id, epoch: owner.epoch + 1_000 }
    await created(backend, owner, 1, { key: 'k' })
    const results = await backend.commit([
      creation(runId(2), owner),
      { runId: runId(1), owner, expectedSeq: 7, events: events(7, 1) },
      creation(runId(3), owner, { key: 'k' }),
      { runId: runId(1), owner: stranger, expectedSeq: 1, events: events(1, 1) },
      { runId: runId(1), owner, expectedSeq: 1, events: events(1, 2) },
      { runId: runId(1), owner, expectedSeq: 3, events: events(3, 1) },
    ])
    assert.deepEqual(results, [
      { status: 'ok' }, { status: 'conflict', seq: 1 }, { status: 'exists', runId: runId(1), sameInput: true }, { status: 'fenced' }, { status: 'ok' }, { status: 'ok' },
    ])
    assert.deepEqual(await backend.history(runId(1), 0), events(0, 4))
    assert.deepEqual(await backend.history(runId(2), 0), events(0, 1))
    assert.equal(await backend.run(runId(3)), undefined)
  },
  async 'an empty batch has no results'({ open }) {
    assert.deepEqual(await (await open()).commit([]), [])
  },
  async 'a malformed commit rejects and leaves its neighbours alone'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1)
    const gap = backend.commit([{ runId: id, owner, expectedSeq: 1, events: events(5, 1) }])
    const good = one(backend, { runId: id, owner, expectedSeq: 1, events: events(1, 1) })
    await assert.rejects(gap, /dense/)
    assert.deepEqual(await good, { status: 'ok' })
    assert.deepEqual(await backend.history(id, 0), events(0, 2))
  },
  async 'commits of one turn all become durable'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const results = await Promise.all(Array.from({ length: 200 }, (_, index) => one(backend, creation(runId(index), owner))))
    assert.ok(results.every((result) => result.status === 'ok'))
    const reader = await open()
    assert.equal((await reader.list({ limit: 500 })).items.length, 200)
  },
  async 'messages come back once each, in order, until a commit handles them'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1)
    for (const name of ['a', 'b', 'c']) assert.equal(await backend.send(id, signal(name)), true)
    const items = await backend.inboxOf(id)
    assert.deepEqual(items.map((item) => item.message), [signal('a'), signal('b'), signal('c')])
    assert.deepEqual(await backend.inbox(owner, 10), items)
    assert.deepEqual(await backend.inbox(owner, 2), items.slice(0, 2))
    await append(backend, { runId: id, owner, expectedSeq: 1, events: events(1, 1), handled: items.slice(0, 2).map((item) => item.id) })
    assert.deepEqual(await backend.inboxOf(id), items.slice(2))
  },
  async 'handled messages and events go together or not at all'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1)
    await backend.send(id, signal('a'))
    const handled = (await backend.inboxOf(id)).map((item) => item.id)
    assert.equal((await one(backend, { runId: id, owner, expectedSeq: 9, events: events(9, 1), handled, tasks: [queued(id, 1)] })).status, 'conflict')
    assert.equal((await backend.inboxOf(id)).length, 1)
    assert.deepEqual(await backend.claimTasks({ owner, queues: ['default'], workers: ['charge'], limit: 9, leaseMs: 9 }), [])
    await append(backend, { runId: id, owner, expectedSeq: 1, handled })
    assert.deepEqual(await backend.inboxOf(id), [])
  },
  async 'a commit cannot handle another run\'s message, and an inbox id is never used twice'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const [first, second] = [await created(backend, owner, 1), await created(backend, owner, 2)]
    await backend.send(first, signal('a'))
    const [item] = await backend.inboxOf(first)
    assert.ok(item)
    await append(backend, { runId: second, owner, expectedSeq: 1, handled: [item.id] })
    assert.equal((await backend.inboxOf(first)).length, 1)
    await append(backend, { runId: first, owner, expectedSeq: 1, handled: [item.id] })
    await backend.send(first, done(1))
    await append(backend, { runId: first, owner, expectedSeq: 1, handled: [item.id] })
    assert.equal((await backend.inboxOf(first)).length, 1)
  },
  async 'a message to a run that does not exist is refused'({ open }) {
    const backend = await open()
    assert.equal(await backend.send(runId(9), signal('a')), false)
    assert.deepEqual(await backend.inboxOf(runId(9)), [])
  },
  async 'the inbox holds only what the owner\'s own runs were told'({ open }) {
    const backend = await open()
    const [mine, theirs] = [await backend.join(INFO, LEASE_MS), await backend.join(INFO, LEASE_MS)]
    const own = await created(backend, mine, 1)
    const other = await created(backend, theirs, 2)
    const free = await created(backend, mine, 3, { patch: { release: true } })
    for (const id of [other, own, free, own]) await backend.send(id, signal(id))
    assert.deepEqual((await backend.inbox(mine, 10)).map((item) => item.runId), [own, own])
    assert.deepEqual((await backend.inbox(theirs, 10)).map((item) => item.runId), [other])
    assert.equal((await backend.inboxOf(free)).length, 1)
  },
}
