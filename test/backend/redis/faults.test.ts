/** The store when connections, scripts and the server itself fail: what was acknowledged is there, and nothing is there twice. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Redis } from 'ioredis'
import type { Backend, Owner } from '../../../src/backend/backend.ts'
import { openRedis } from '../../../src/backend/redis/redis.ts'
import { append, created, creation, done, events, INFO, one, queued, rejectsWith, runId, signal } from '../fixtures.ts'
import { startProxy } from './proxy.ts'
import { NO_REDIS, startRedis, type RedisServer } from './server.ts'

const LEASE_MS = 600_000
const server = NO_REDIS === '' ? await startRedis(['--appendfsync', 'always']) : undefined
after(() => server?.stop())

let stores = 0

/** Two handles on a fresh namespace, the second not through the proxy, and an operator's own client. */
async function setting(port?: number, patienceMs?: number): Promise<{ backend: Backend; other: Backend; owner: Owner; operator: Redis; namespace: string; close(): Promise<void> }> {
  assert.ok(server)
  stores += 1
  const namespace = `fault-${stores}`
  const patience = { retryMs: 30, ...(patienceMs === undefined ? {} : { patienceMs }) }
  const backend = await openRedis({ address: `redis://127.0.0.1:${port ?? server.port}`, namespace, ...patience })
  const other = await openRedis({ address: `redis://127.0.0.1:${server.port}`, namespace, retryMs: 30 })
  const operator = new Redis({ port: server.port, host: '127.0.0.1' })
  operator.on('error', () => undefined)
  const owner = await backend.join(INFO, LEASE_MS)
  const close = async () => {
    await backend.close()
    await other.close()
    operator.disconnect()
  }
  return { backend, other, owner, operator, namespace, close }
}

function redisTest(name: string, work: (running: RedisServer) => Promise<void>): void {
  test(`redis: ${name}`, { skip: NO_REDIS || false }, async () => {
    assert.ok(server)
    await work(server)
  })
}

redisTest('connections cut between request and reply double nothing and lose nothing', async (running) => {
  const proxy = await startProxy(running.port)
  const { backend, other, owner, close } = await setting(proxy.port)
  proxy.cutEvery(12)
  const id = await created(backend, owner, 1)
  for (let seq = 1; seq < 25; seq++) {
    await append(backend, { runId: id, owner, expectedSeq: seq, events: events(seq, 1), tasks: [queued(id, seq)] })
    assert.equal(await backend.send(id, signal(`s${seq}`)), true)
  }
  const worker = await backend.join(INFO, LEASE_MS)
  const taken = await backend.claimTasks({ owner: worker, queues: ['default'], workers: ['charge'], limit: 100, leaseMs: LEASE_MS })
  for (const { task } of taken) assert.equal(await backend.settleTask(worker, { runId: id, token: task.token }, done(task.token)), true)
  proxy.cutEvery(0)
  assert.ok(proxy.cuts > 3, `${proxy.cuts} cuts`)
  assert.deepEqual(await other.history(id, 0), events(0, 25))
  assert.deepEqual(taken.map(({ task }) => task.token).sort((a, b) => a - b), Array.from({ length: 24 }, (_, index) => index + 1))
  const messages = (await other.inboxOf(id)).map((item) => item.message)
  assert.deepEqual(messages.filter((message) => message.type === 'signal').map((message) => message.id), Array.from({ length: 24 }, (_, index) => `s${index + 1}`))
  assert.equal(messages.filter((message) => message.type === 'outcome').length, 24)
  assert.equal((await other.processes()).length, 2)
  await close()
  proxy.close()
})

redisTest('a server killed in mid-write has everything that it acknowledged, and the handle goes on', async (running) => {
  const { backend, other, owner, close } = await setting()
  const acknowledged = new Map<string, number>()
  let writing = true
  const lanes = Array.from({ length: 8 }, async (_, lane) => {
    const id = await created(backend, owner, lane)
    for (let seq = 1; writing; seq++) {
      await append(backend, { runId: id, owner, expectedSeq: seq, events: events(seq, 1) })
      acknowledged.set(id, seq + 1)
    }
  })
  const reach = async (count: number) => {
    while ([...acknowledged.values()].reduce((sum, seq) => sum + seq, 0) < count) await new Promise((resolve) => setImmediate(resolve))
  }
  for (const round of [1, 2]) {
    await reach(round * 400)
    await running.kill()
    const before = new Map(acknowledged)
    await running.start()
    for (const [id, seq] of before) assert.ok((await other.history(id, 0)).length >= seq, `${id} has lost events`)
  }
  await reach([...acknowledged.values()].reduce((sum, seq) => sum + seq, 0) + 50)
  writing = false
  await Promise.all(lanes)
  for (const [id, seq] of acknowledged) assert.deepEqual(await other.history(id, 0), events(0, seq))
  await close()
})

redisTest('scripts that the server forgot are given to it again', async () => {
  const { backend, owner, operator, close } = await setting()
  const id = await created(backend, owner, 1)
  await operator.script('FLUSH')
  await append(backend, { runId: id, owner, expectedSeq: 1, events: events(1, 1) })
  await operator.script('FLUSH')
  assert.equal((await backend.history(id, 0)).length, 2)
  await close()
})

redisTest('a frozen server: the call is refused in its time, and goes on after it', async (running) => {
  const { backend, owner, close } = await setting(undefined, 1_000)
  const id = await created(backend, owner, 1)
  process.kill(running.pid, 'SIGSTOP')
  await rejectsWith(() => backend.renew(owner, LEASE_MS, 0), 'STORE_UNREACHABLE')
  process.kill(running.pid, 'SIGCONT')
  for (;;) {
    try {
      await append(backend, { runId: id, owner, expectedSeq: 1, events: events(1, 1) })
      break
    } catch (error) {
      assert.equal(error instanceof Error && 'code' in error && error.code, 'STORE_UNREACHABLE')
    }
  }
  await close()
})

redisTest('a full memory refuses new runs; those that run can end; and it goes on when there is space', async () => {
  const { backend, owner, operator, close } = await setting()
  const id = await created(backend, owner, 1)
  const used = Number(/used_memory:(\d+)/.exec(await operator.info('memory'))?.[1])
  await operator.config('SET', 'maxmemory', used - 100_000)
  try {
    await rejectsWith(() => one(backend, creation(runId(2), owner)), 'STORE_FULL')
    await append(backend, { runId: id, owner, expectedSeq: 1, events: events(1, 1), patch: { state: 'completed' } })
    assert.equal(await backend.renew(owner, LEASE_MS, 0), true)
  } finally {
    await operator.config('SET', 'maxmemory', 0)
  }
  assert.deepEqual(await one(backend, creation(runId(2), owner)), { status: 'ok' })
  assert.equal((await backend.history(id, 0)).length, 2)
  await close()
})

redisTest('a key whose run was never made leads to one run, whoever comes first', async () => {
  const { backend, other, owner, operator, namespace, close } = await setting()
  const partitions = Array.from({ length: 16 }, (_, index) => `mag:{${namespace}:${String(index).padStart(2, '0')}}`)
  // As a process leaves it that died after it reserved the key.
  for (const prefix of partitions) await operator.set(`${prefix}:k:order`, runId(7))
  const heir = await other.join(INFO, LEASE_MS)
  const [left, right] = await Promise.all([one(backend, creation(runId(1), owner, { key: 'order' })), one(other, creation(runId(2), heir, { key: 'order' }))])
  const late = await one(backend, creation(runId(7), owner, { key: 'order' }))
  assert.deepEqual([left.status, right.status].sort(), ['exists', 'ok'])
  const winner = left.status === 'ok' ? runId(1) : runId(2)
  assert.deepEqual(late, { status: 'exists', runId: winner, sameInput: true })
  assert.deepEqual((await other.list({ limit: 9 })).items.map((record) => record.id), [winner])
  await close()
})

redisTest('a fence that died half-way is finished by whoever claims', async () => {
  const { backend, other, owner, operator, namespace, close } = await setting()
  const id = await created(backend, owner, 1)
  const heir = await other.join(INFO, LEASE_MS)
  // The record says so, the partitions do not know yet.
  await operator.hset(`mag:{${namespace}:00}:p:${owner.id}`, 'state', 'fenced')
  assert.equal((await other.claim(id, heir)).status, 'ok')
  assert.deepEqual(await one(backend, { runId: id, owner, expectedSeq: 1, events: events(1, 1) }), { status: 'fenced' })
  await close()
})

redisTest('a store that was emptied, or came back older, is noticed by those who were there', async () => {
  const { backend, other, owner, operator, close } = await setting()
  const id = await created(backend, owner, 1)
  await operator.flushall()
  await rejectsWith(() => backend.renew(owner, LEASE_MS, 0), 'STORE_CHANGED')
  assert.deepEqual(await one(backend, { runId: id, owner, expectedSeq: 1, events: events(1, 1) }), { status: 'fenced' })
  assert.equal(await other.renew({ id: 'p999', epoch: 999 }, LEASE_MS, 0), false)
  await close()
})
