/** Promises about reading: lists, pages, prefixes, due runs, histories, definitions. */
import assert from 'node:assert/strict'
import type { Backend } from '../../src/backend/backend.ts'
import { append, type Cases, created, events, INFO, LEASE_MS, rejectsWith, runId, START } from './fixtures.ts'

async function pages(backend: Backend, limit: number): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<Backend['list']>> = await backend.list({ limit, ...(cursor === null ? {} : { cursor }) })
    ids.push(...page.items.map((item) => item.id))
    cursor = page.nextCursor
  } while (cursor !== null)
  return ids
}

export const queryCases: Cases = {
  async 'list is newest first by (createdAt, id), in pages without gaps or repeats'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const times = [5, 1, 5, 3, 5, 9, 1]
    for (const [index, offset] of times.entries()) await created(backend, owner, index, { createdAt: START + offset })
    const expected = [5, 4, 2, 0, 3, 6, 1].map(runId)
    for (const limit of [1, 2, 3, 6, 7, 8]) assert.deepEqual(await pages(backend, limit), expected)
  },
  async 'a page that holds exactly the rest has no next cursor'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    for (const index of [1, 2]) await created(backend, owner, index)
    assert.equal((await backend.list({ limit: 2 })).nextCursor, null)
    assert.deepEqual(await (await open()).list({ limit: 5, states: [] }), { items: [], nextCursor: null })
  },
  async 'pages stay whole while newer runs arrive'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    for (const index of [1, 2, 3]) await created(backend, owner, index, { createdAt: START + index })
    const first = await backend.list({ limit: 2 })
    await created(backend, owner, 4, { createdAt: START + 4 })
    assert.ok(first.nextCursor)
    const second = await backend.list({ limit: 2, cursor: first.nextCursor })
    assert.deepEqual([...first.items, ...second.items].map((item) => item.id), [3, 2, 1].map(runId))
  },
  async 'list filters by states, workflow and time together'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const states = ['running', 'waiting', 'completed', 'failed'] as const
    for (const [index, state] of states.entries()) {
      await created(backend, owner, index, { workflow: index % 2 ? 'odd' : 'even', createdAt: START + index, patch: { state } })
    }
    const ids = async (filter: Omit<Parameters<Backend['list']>[0], 'limit'>) => (await backend.list({ limit: 9, ...filter })).items.map((item) => item.id)
    assert.deepEqual(await ids({ states: ['failed', 'running'] }), [runId(3), runId(0)])
    assert.deepEqual(await ids({ workflow: 'odd' }), [runId(3), runId(1)])
    assert.deepEqual(await ids({ since: START + 2 }), [runId(3), runId(2)])
    assert.deepEqual(await ids({ workflow: 'odd', since: START + 2, states: ['waiting', 'failed'] }), [runId(3)])
    assert.deepEqual(await ids({ workflow: 'none' }), [])
  },
  async 'a cursor that no page gave is refused'({ open }) {
    const backend = await open()
    await rejectsWith(() => backend.list({ limit: 1, cursor: 'x' }), 'STORE_CURSOR')
  },
  async 'find takes prefixes in either case'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const suffixes = ['abc001', 'abc002', 'abd001']
    for (const suffix of suffixes) {
      const id = `TX-20260103-145632-${suffix}`
      await backend.commit([{ runId: id, owner, expectedSeq: 0, events: [], create: { workflow: 'w', definition: 'd', inputHash: 'i', createdAt: START } }])
    }
    const all = suffixes.map((suffix) => `TX-20260103-145632-${suffix}`)
    for (const prefix of ['', 'T', 't', 'TX', 'tx-', 'TX-2026', 'tx-20260103-145632-AB']) assert.deepEqual(await backend.find(prefix, 9), all, prefix)
    assert.deepEqual(await backend.find('TX-20260103-145632-abc', 9), all.slice(0, 2))
    assert.deepEqual(await backend.find('tx-20260103-145632-ABC001', 9), all.slice(0, 1))
    assert.equal((await backend.find('TX', 2)).length, 2)
    for (const prefix of ['TX-2025', 'TX-20260103-145632-abc0011', '%', 'TX_', '*', "'"]) assert.deepEqual(await backend.find(prefix, 9), [], prefix)
  },
  async 'history pages never split a commit and never lose an event'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1, { count: 3 })
    let seq = 3
    for (const count of [1, 4, 2, 5]) {
      await append(backend, { runId: id, owner, expectedSeq: seq, events: events(seq, count) })
      seq += count
    }
    const all = events(0, seq)
    for (let after = 0; after <= seq + 1; after++) assert.deepEqual(await backend.history(id, after), all.slice(after), `after ${after}`)
    for (const limit of [1, 2, 3, 7]) {
      const read = []
      for (let more = await backend.history(id, 0, limit); more.length > 0; more = await backend.history(id, read.length, limit)) read.push(...more)
      assert.deepEqual(read, all)
    }
    assert.deepEqual(await backend.history(runId(9), 0), [])
  },
  async 'due runs are the owner\'s, earliest first; nobody\'s are orphans'({ open }) {
    const backend = await open()
    const [mine, theirs] = [await backend.join(INFO, LEASE_MS), await backend.join(INFO, LEASE_MS)]
    const waits = (offset: number, release = false) => ({ patch: { state: 'waiting' as const, wakeAt: START + offset, release } })
    await created(backend, mine, 1, waits(50))
    await created(backend, mine, 2, waits(10, true))
    await created(backend, theirs, 3, waits(5))
    await created(backend, mine, 4, waits(90))
    await created(backend, mine, 5)
    const due = async (now: number, limit = 9) => (await backend.due(mine, START + now, limit)).map((record) => record.id)
    assert.deepEqual([await due(49), await due(50), await due(100)], [[], [runId(1)], [runId(1), runId(4)]])
    assert.deepEqual(await due(100, 1), [runId(1)])
    assert.deepEqual((await backend.orphans(9)).map((record) => record.id), [runId(2)])
    assert.equal(await backend.nextWake(mine), START + 50)
    assert.equal(await backend.nextWake(theirs), START + 5)
  },
  async 'nothing waits: nextWake is null, and clearing wakeAt ends waiting'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    assert.equal(await backend.nextWake(owner), null)
    const id = await created(backend, owner, 1, { patch: { wakeAt: START } })
    await append(backend, { runId: id, owner, expectedSeq: 1, patch: { wakeAt: null } })
    assert.deepEqual([await backend.nextWake(owner), await backend.due(owner, START + 9, 9)], [null, []])
  },
  async 'definitions are immutable and shared'({ open }) {
    const [left, right] = [await open(), await open()]
    await left.putDefinition('h1', 'first: text\n')
    await left.putDefinition('h1', 'changed')
    await right.putDefinition('h1', 'changed too')
    await right.putDefinition('h2', '')
    assert.equal(await right.definition('h1'), 'first: text\n')
    assert.deepEqual([await left.definition('h2'), await left.definition('h3')], ['', undefined])
  },
  async 'logs come back in order, by path and after a number'({ open }) {
    const backend = await open()
    const owner = await backend.join(INFO, LEASE_MS)
    const id = await created(backend, owner, 1)
    const line = (path: string, message: string) => ({ runId: id, path, attempt: 1, at: START, level: 'info' as const, message })
    await backend.appendLogs([line('a', 'one'), line('b', 'two')])
    await backend.appendLogs([])
    await backend.appendLogs([{ ...line('a', 'three \0 \ud800'), level: 'error', fields: { n: [1, null] } }, { ...line('a', 'lost'), runId: runId(9) }])
    const all = await backend.logs(id, { limit: 9 })
    assert.deepEqual(all.map(({ no: _, ...rest }) => rest), [line('a', 'one'), line('b', 'two'), { ...line('a', 'three \0 \ud800'), level: 'error', fields: { n: [1, null] } }])
    assert.deepEqual((await backend.logs(id, { path: 'a', limit: 9 })).map((entry) => entry.message), ['one', 'three \0 \ud800'])
    assert.deepEqual(await backend.logs(id, { after: all[0]?.no ?? 0, limit: 1 }), [all[1]])
    assert.deepEqual(await backend.logs(runId(9), { limit: 9 }), [])
  },
  async 'check finds a sound store sound'({ open }) {
    const results = await (await open()).check()
    assert.ok(results.length > 0)
    assert.deepEqual(results.filter((result) => !result.ok), [])
  },
  async 'a closed handle refuses, closing twice is fine, other handles go on'({ open }) {
    const [left, right] = [await open(), await open()]
    const owner = await right.join(INFO, LEASE_MS)
    await left.close()
    await left.close()
    await rejectsWith(() => left.run(runId(1)), 'STORE_CLOSED')
    await rejectsWith(() => left.join(INFO, LEASE_MS), 'STORE_CLOSED')
    await rejectsWith(() => left.commit([]), 'STORE_CLOSED')
    await created(right, owner, 1)
  },
}
