/** Promises about unusual data, and about handles that work at the same time. */
import assert from 'node:assert/strict'
import type { Backend, Owner } from '../../src/backend/backend.ts'
import type { Json } from '../../src/model/json.ts'
import { append, type Cases, created, done, events, INFO, LEASE_MS, one, queued, runId, signal } from './fixtures.ts'

const UNUSUAL: Record<string, Json> = {
  unicode: 'žluťoučký kůň 🐎 \u202e \u0000 \uffff',
  'lone surrogates': ['\ud800', 'a\udfff', { '\ud83d': 1 }],
  'control characters': '\0\u0001\b\r\n\t\u2028\u007f',
  numbers: [0, 1e308, -1e-308, 5e-324, 2 ** 53, 0.1 + 0.2],
  'keys that reach prototypes': JSON.parse('{"__proto__":{"polluted":true},"constructor":1,"prototype":[],"toString":null}') as Json,
  'words of SQL and Lua': ["'; DROP TABLE run; --", '$1 ? :a @b %s', 'nil', '{{1}}'],
  empties: [null, '', [], {}, [[]], { '': '' }],
}

async function hammer(backend: Backend, owner: Owner, lane: number, count: number): Promise<void> {
  const id = await created(backend, owner, lane)
  for (let seq = 1; seq < count; seq++) await append(backend, { runId: id, owner, expectedSeq: seq, events: events(seq, 1) })
  await append(backend, { runId: id, owner, expectedSeq: count, patch: { state: 'completed' } })
}

export const dataCases: Cases = {
  async 'unusual data comes back as it went in'({ open }) {
    const [backend, reader] = [await open(), await open()]
    const owner = await backend.join(INFO, LEASE_MS)
    for (const [index, [name, data]] of Object.entries(UNUSUAL).entries()) {
      const note = JSON.stringify(name) + String(UNUSUAL['control characters'])
      const id = await created(backend, owner, index, { patch: { note } })
      await append(backend, { runId: id, owner, expectedSeq: 1, events: events(1, 1, data), tasks: [{ ...queued(id, 1), task: { ...queued(id, 1).task, input: data } }] })
      await backend.send(id, signal('s', data))
      await backend.putDefinition(`hash-${index}`, JSON.stringify(data) + name)
      const [event] = await reader.history(id, 1)
      assert.deepEqual(event, events(1, 1, data)[0], name)
      assert.deepEqual((await reader.inboxOf(id))[0]?.message, signal('s', data), name)
      const [claim] = await reader.claimTasks({ owner, queues: ['default'], workers: ['charge'], limit: 1, leaseMs: 9 })
      assert.deepEqual(claim?.task.input, data, name)
      assert.equal(await reader.definition(`hash-${index}`), JSON.stringify(data) + name)
      assert.equal((await reader.run(id))?.note, note)
    }
    assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
  },
  async 'a text of two megabytes fits everywhere'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const big = 'é'.repeat(1024 * 1024)
    const id = await created(backend, owner, 1)
    await append(backend, { runId: id, owner, expectedSeq: 1, events: events(1, 2, big) })
    await backend.send(id, done(1, big))
    await backend.putDefinition('big', big)
    const reader = await open()
    assert.deepEqual(await reader.history(id, 1), events(1, 2, big))
    assert.deepEqual((await reader.inboxOf(id))[0]?.message, done(1, big))
    assert.equal(await reader.definition('big'), big)
  },
  async 'a commit of a thousand events is one'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1, { count: 1_000 })
    assert.equal((await backend.history(id, 0, 5)).length, 1_000)
    assert.deepEqual(await one(backend, { runId: id, owner, expectedSeq: 999, events: events(999, 1) }), { status: 'conflict', seq: 1_000 })
  },
  async 'nobody can change what is stored, neither the giver nor a reader'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const output = { list: [1] }
    const given = events(0, 1, output)
    const commit = backend.commit([{ runId: runId(1), owner, expectedSeq: 0, events: given, create: { workflow: 'w', definition: 'd', inputHash: 'i', createdAt: 1 } }])
    output.list.push(2)
    await commit
    const read = await backend.history(runId(1), 0)
    assert.deepEqual(read, events(0, 1, { list: [1] }))
    read.length = 0
    const record = await backend.run(runId(1))
    assert.ok(record)
    record.state = 'failed'
    assert.equal((await backend.history(runId(1), 0)).length, 1)
    assert.equal((await backend.run(runId(1)))?.state, 'pending')
  },
  async 'two handles hammering one store lose nothing'({ open }) {
    const handles = [await open(), await open()]
    await Promise.all(handles.map(async (backend, side) => {
      const owner = await backend.join(INFO, LEASE_MS)
      await Promise.all(Array.from({ length: 8 }, (_, lane) => hammer(backend, owner, side * 100 + lane, 20)))
    }))
    const reader = await open()
    const { items } = await reader.list({ limit: 99 })
    assert.equal(items.length, 16)
    for (const { id, state } of items) {
      assert.equal(state, 'completed')
      assert.deepEqual(await reader.history(id, 0), events(0, 20))
    }
  },
  async 'two handles of one owner racing for the same place never both win'({ open }) {
    const handles = [await open(), await open()]
    const [first] = handles
    assert.ok(first)
    const owner = await first.join(INFO, LEASE_MS)
    const id = await created(first, owner, 1)
    let seq = 1
    for (let round = 0; round < 30; round++) {
      const results = await Promise.all(handles.map((handle, side) => one(handle, { runId: id, owner, expectedSeq: seq, events: events(seq, 1 + ((round + side) % 3)) })))
      const winner = results.findIndex((result) => result.status === 'ok')
      assert.equal(results.filter((result) => result.status === 'ok').length, 1)
      seq += 1 + ((round + winner) % 3)
      const loser = results[1 - winner]
      assert.ok(loser?.status === 'conflict')
      assert.equal(loser.seq, seq)
    }
    assert.equal((await first.history(id, 0)).length, seq)
  },
}
