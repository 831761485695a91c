/** Promises about who may write: processes, leases, fences, claims. */
import assert from 'node:assert/strict'
import { append, type Cases, created, creation, events, INFO, LEASE_MS, one, rejectsWith, runId, signal, START } from './fixtures.ts'

export const ownerCases: Cases = {
  async 'join lists the process with what it said about itself'({ open }) {
    const backend = await open()
    const info = { ...INFO, role: 'worker' as const, queues: ['default', 'ü'], workers: ['charge'], concurrency: 4 }
    const owner = await backend.join(info, LEASE_MS)
    const [record, ...others] = await (await open()).processes()
    assert.ok(record)
    const { joinedAt, leaseUntil, ...rest } = record
    assert.deepEqual(rest, { ...info, ...owner, state: 'live', busy: 0 })
    assert.equal(leaseUntil - joinedAt, LEASE_MS)
    assert.deepEqual(others, [])
  },
  async 'every join is another process with a later epoch'({ open }) {
    const [left, right] = [await open(), await open()]
    const owners = [await left.join(INFO, LEASE_MS), await right.join(INFO, LEASE_MS), await left.join(INFO, LEASE_MS)]
    assert.equal(new Set(owners.map((owner) => owner.id)).size, 3)
    assert.equal(new Set(owners.map((owner) => owner.epoch)).size, 3)
  },
  async 'renew moves the lease on and says how busy'({ open, advance }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const before = (await backend.processes())[0]?.leaseUntil ?? 0
    await advance(4_000)
    assert.equal(await backend.renew(owner, LEASE_MS, 3), true)
    const after = (await backend.processes())[0]
    assert.deepEqual([(after?.leaseUntil ?? 0) - before, after?.busy], [4_000, 3])
  },
  async 'renew tells the unknown, the fenced and those who left'({ open }) {
    const backend = await open()
    const [fenced, left] = [await backend.join(INFO, LEASE_MS), await backend.join(INFO, LEASE_MS)]
    await backend.fence(fenced.id, 'dead')
    await backend.leave(left)
    for (const owner of [fenced, left, { id: 'p999', epoch: 999 }, { id: 'nobody', epoch: 1 }]) assert.equal(await backend.renew(owner, LEASE_MS, 0), false)
  },
  async 'a lease that lapsed unnoticed can be renewed, and its owner writes on'({ open, advance }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1)
    await advance(LEASE_MS * 2)
    assert.equal(await backend.renew(owner, LEASE_MS, 0), true)
    await append(backend, { runId: id, owner, expectedSeq: 1, events: events(1, 1) })
  },
  async 'leave is idempotent and lets others take the runs'({ open }) {
    const [left, right] = [await open(), await open()]
    const [owner, heir] = [await left.join(INFO, LEASE_MS), await right.join(INFO, LEASE_MS)]
    const id = await created(left, owner, 1)
    await left.leave(owner)
    await left.leave(owner)
    assert.equal((await right.processes()).find((process) => process.id === owner.id)?.state, 'left')
    assert.deepEqual((await right.orphans(5)).map((record) => record.id), [id])
    const claim = await right.claim(id, heir)
    assert.equal(claim.status === 'ok' && claim.previousOwner, owner.id)
    assert.deepEqual(await one(left, { runId: id, owner, expectedSeq: 1, events: events(1, 1) }), { status: 'fenced' })
  },
  async 'a live lease cannot be fenced without proof'({ open, advance }) {
    const [left, right] = [await open(), await open()]
    const owner = await left.join(INFO, LEASE_MS)
    const id = await created(left, owner, 1)
    await advance(LEASE_MS - 1)
    assert.equal(await right.fence(owner.id), false)
    await append(left, { runId: id, owner, expectedSeq: 1, events: events(1, 1) })
  },
  async 'a lapsed lease can be fenced, and the fence is for ever'({ open, advance }) {
    const [left, right] = [await open(), await open()]
    const owner = await left.join(INFO, LEASE_MS)
    const id = await created(left, owner, 1)
    await append(left, { runId: id, owner, expectedSeq: 1, events: events(1, 1) })
    await advance(LEASE_MS + 1)
    assert.equal(await right.fence(owner.id), true)
    assert.equal(await right.fence(owner.id), true)
    assert.deepEqual(await one(left, { runId: id, owner, expectedSeq: 2, events: events(2, 1) }), { status: 'fenced' })
    assert.deepEqual(await one(left, creation(runId(2), owner)), { status: 'fenced' })
    assert.equal(await left.renew(owner, LEASE_MS, 0), false)
    assert.deepEqual(await left.history(id, 0), events(0, 2))
  },
  async 'proof of death fences at once'({ open }) {
    const [left, right] = [await open(), await open()]
    const owner = await left.join(INFO, LEASE_MS)
    const id = await created(left, owner, 1)
    assert.equal(await right.fence(owner.id, 'dead'), true)
    assert.equal((await right.processes())[0]?.state, 'fenced')
    assert.deepEqual(await one(left, { runId: id, owner, expectedSeq: 1, events: events(1, 1) }), { status: 'fenced' })
  },
  async 'the same process id with another epoch may not write'({ open }) {
    const backend = await open()
    const [owner, other] = [await backend.join(INFO, LEASE_MS), await backend.join(INFO, LEASE_MS)]
    const id = await created(backend, owner, 1)
    for (const forged of [{ ...owner, epoch: owner.epoch - 1 }, { ...owner, epoch: other.epoch }, { ...other, epoch: owner.epoch }]) {
      assert.deepEqual(await one(backend, { runId: id, owner: forged, expectedSeq: 1, events: events(1, 1) }), { status: 'fenced' })
    }
  },
  async 'a process that is not the owner is fenced, whatever it expects'({ open }) {
    const backend = await open()
    const [owner, other] = [await backend.join(INFO, LEASE_MS), await backend.join(INFO, LEASE_MS)]
    const id = await created(backend, owner, 1)
    for (const expectedSeq of [1, 2]) {
      assert.deepEqual(await one(backend, { runId: id, owner: other, expectedSeq, events: events(expectedSeq, 1) }), { status: 'fenced' })
    }
  },
  async 'a released run is nobody\'s until somebody claims it'({ open }) {
    const [left, right] = [await open(), await open()]
    const [owner, heir] = [await left.join(INFO, LEASE_MS), await right.join(INFO, LEASE_MS)]
    const id = await created(left, owner, 1)
    await append(left, { runId: id, owner, expectedSeq: 1, events: events(1, 1), patch: { release: true } })
    assert.deepEqual(await one(left, { runId: id, owner, expectedSeq: 2, events: events(2, 1) }), { status: 'fenced' })
    const claim = await right.claim(id, heir)
    assert.ok(claim.status === 'ok')
    assert.deepEqual([claim.previousOwner, claim.record.owner], [null, heir.id])
    await append(right, { runId: id, owner: heir, expectedSeq: 2, events: events(2, 1) })
    assert.deepEqual(await one(left, { runId: id, owner, expectedSeq: 2, events: events(2, 1) }), { status: 'fenced' })
  },
  async 'a run handed over without an event is still fenced from its former owner'({ open }) {
    const [left, right] = [await open(), await open()]
    const [owner, heir] = [await left.join(INFO, LEASE_MS), await right.join(INFO, LEASE_MS)]
    const id = await created(left, owner, 1)
    // The release comes through another handle of the same process, so that the first has not seen it.
    await append(right, { runId: id, owner, expectedSeq: 1, patch: { release: true } })
    assert.equal((await right.claim(id, heir)).status, 'ok')
    assert.deepEqual(await one(left, { runId: id, owner, expectedSeq: 1, events: events(1, 1) }), { status: 'fenced' })
  },
  async 'an heir in the same process may write what its forerunner owned'({ open }) {
    const backend = await open()
    const [owner, heir] = [await backend.join(INFO, LEASE_MS), await backend.join(INFO, LEASE_MS)]
    const id = await created(backend, owner, 1)
    await backend.leave(owner)
    assert.equal((await backend.claim(id, heir)).status, 'ok')
    await append(backend, { runId: id, owner: heir, expectedSeq: 1, events: events(1, 1) })
    assert.deepEqual(await one(backend, { runId: id, owner, expectedSeq: 2, events: events(2, 1) }), { status: 'fenced' })
  },
  async 'claim answers held, with the holder, while the owner may write'({ open, advance }) {
    const [left, right] = [await open(), await open()]
    const [owner, heir] = [await left.join(INFO, LEASE_MS), await right.join(INFO, LEASE_MS * 10)]
    const id = await created(left, owner, 1)
    for (const wait of [0, LEASE_MS * 2]) {
      await advance(wait)
      const claim = await right.claim(id, heir)
      assert.equal(claim.status === 'held' && claim.by.id, owner.id)
    }
    assert.equal(await right.fence(owner.id), true)
    assert.equal((await right.claim(id, heir)).status, 'ok')
  },
  async 'claim is idempotent for the owner itself'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1)
    const claim = await backend.claim(id, owner)
    assert.equal(claim.status === 'ok' && claim.previousOwner, owner.id)
    await append(backend, { runId: id, owner, expectedSeq: 1, events: events(1, 1) })
  },
  async 'claim tells missing and final runs apart'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1, { patch: { state: 'cancelled' } })
    assert.deepEqual(await backend.claim(runId(9), owner), { status: 'missing' })
    const claim = await backend.claim(id, owner)
    assert.deepEqual(claim, { status: 'final', record: await backend.run(id) })
  },
  async 'a process that was fenced cannot claim'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1, { patch: { release: true } })
    await backend.fence(owner.id, 'dead')
    await rejectsWith(() => backend.claim(id, owner), 'STORE_FENCED')
  },
  async 'of many who claim one run, one gets it'({ open }) {
    const handles = await Promise.all(Array.from({ length: 5 }, open))
    const owners = await Promise.all(handles.map((handle) => handle.join(INFO, LEASE_MS)))
    const [first, starter] = [handles[0], owners[0]]
    assert.ok(first && starter)
    const id = await created(first, starter, 1, { patch: { release: true } })
    const claims = await Promise.all(handles.map((handle, index) => handle.claim(id, owners[index] ?? starter)))
    const won = claims.filter((claim) => claim.status === 'ok')
    assert.equal(won.length, 1)
    for (const claim of claims) if (claim.status === 'held') assert.equal(claim.by.id, won[0]?.record.owner)
  },
  async 'orphans are the open runs of nobody, of those who left, were fenced or lapsed'({ open, advance }) {
    const backend = await open()
    const [lapsed, left, fenced] = [await backend.join(INFO, LEASE_MS), await backend.join(INFO, LEASE_MS * 9), await backend.join(INFO, LEASE_MS * 9)]
    const live = await backend.join(INFO, LEASE_MS * 9)
    const expected = [await created(backend, lapsed, 1), await created(backend, left, 2), await created(backend, fenced, 3)]
    expected.push(await created(backend, live, 4, { patch: { release: true } }))
    await created(backend, live, 5)
    await created(backend, left, 6, { patch: { state: 'completed' } })
    await backend.leave(left)
    await backend.fence(fenced.id, 'dead')
    await advance(LEASE_MS)
    assert.deepEqual((await backend.orphans(10)).map((record) => record.id).sort(), expected)
    assert.equal((await backend.orphans(2)).length, 2)
  },
  async 'orphans that were told something come first, sleepers last'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const sleeper = await created(backend, owner, 1, { patch: { state: 'waiting', wakeAt: START + 9_000, release: true } })
    const told = await created(backend, owner, 2, { patch: { state: 'waiting', wakeAt: START + 9_000, release: true } })
    const idle = await created(backend, owner, 3, { patch: { release: true } })
    await backend.send(told, signal('go'))
    assert.deepEqual((await backend.orphans(10)).map((record) => record.id), [told, idle, sleeper])
    assert.deepEqual((await backend.orphans(2)).map((record) => record.id), [told, idle])
  },
}
