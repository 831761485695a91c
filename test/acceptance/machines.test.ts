/** Servers, workers and clients as processes of their own over one Redis (D2, D3, D11, D13, D14, D15, S18). */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { chaos } from '../fault/redis-chaos.ts'
import { freePort, NO_REDIS, startRedis } from '../backend/redis/server.ts'
import { installInto, mag, project, start } from './mag.ts'

const skip = NO_REDIS || false
const server = NO_REDIS === '' ? await startRedis() : undefined
after(() => server?.stop())
const address = `redis://127.0.0.1:${server?.port}`

const FILES = {
  'package.json': '{"name":"shop","type":"module"}',
  'workflows/greet.yaml': 'name: greet\nsteps:\n  - { id: hello, worker: hello }\n  - { id: again, worker: hello }\n',
  'workers/hello.ts': "import { worker } from 'multiagents'\nexport default worker('hello', async () => ({ pid: process.pid }))\n",
}

test('servers, workers and clients killed at random: nothing is lost, nothing is committed twice, nothing is stuck', { skip }, async () => {
  const verdict = await chaos({ runs: 24, kills: 12, seed: 7 })
  const { lost, stuck, doubleCommitted, effectsMissing } = verdict
  assert.deepEqual({ lost, stuck, doubleCommitted, effectsMissing }, { lost: [], stuck: [], doubleCommitted: [], effectsMissing: [] })
  assert.ok(Object.values(verdict.kills).reduce((sum, count) => sum + count, 0) >= 6, JSON.stringify(verdict.kills))
})

test('a server without workers drives, a worker process serves, a client follows and says so', { skip }, async (t) => {
  const cwd = project(t, FILES)
  installInto(cwd)
  const env = { MAG_STORE: address }
  const orchestrator = start(['serve', '--no-workers'], { cwd, env })
  await orchestrator.saw(/serving redis:.* no workers.*appendfsync/)
  const pool = start(['workers', 'start', '--concurrency', '3'], { cwd, env })
  await pool.saw('serving steps of')
  const { code, stdout, stderr } = await mag(['run', 'greet'], { cwd, env })
  assert.equal(code, 0, stderr)
  assert.match(stderr, new RegExp(`driven by server ${orchestrator.child.pid} on .*following it`))
  assert.ok(stdout.includes(`"pid":${pool.child.pid}`), stdout)
  for (const each of [orchestrator, pool]) {
    each.child.kill('SIGTERM')
    assert.equal((await each.done).code, 143)
  }
  // Without a server the same command does it itself.
  const alone = await mag(['run', 'greet'], { cwd, env })
  assert.equal(alone.code, 0, alone.stderr)
  assert.doesNotMatch(alone.stderr, /driven by/)
})

test('two projects on one Redis do not see each other, and one address is used for everything', { skip }, async (t) => {
  const [shop, other] = [project(t, FILES), project(t, { ...FILES, 'package.json': '{"name":"other","type":"module"}' })]
  installInto(shop)
  installInto(other)
  const env = { MAG_STORE: address }
  assert.equal((await mag(['run', 'greet', '-q'], { cwd: shop, env })).code, 0)
  assert.equal((await mag(['list', '-o', 'ids'], { cwd: other, env })).stdout, '')
  assert.notEqual((await mag(['list', '-o', 'ids'], { cwd: shop, env })).stdout, '')
  assert.notEqual((await mag(['list', '-o', 'ids'], { cwd: other, env: { MAG_STORE: `${address}?namespace=shop` } })).stdout, '')
})

test('Redis that is down: one message with host, port and hint, no stack, exit 7', { skip }, async (t) => {
  const cwd = project(t, FILES)
  installInto(cwd)
  const port = await freePort()
  const { code, stderr, stdout } = await mag(['run', 'greet'], { cwd, env: { MAG_STORE: `redis://user:secret@127.0.0.1:${port}` } })
  assert.equal(code, 7)
  assert.equal(stdout, '')
  assert.match(stderr, new RegExp(`^error STORE_UNREACHABLE: cannot reach Redis at redis://127\\.0\\.0\\.1:${port}.*\\n {2}hint .*\\n$`))
})

test('Redis that restarts in the middle of a run: the run goes on and completes', { skip }, async (t) => {
  const own = await startRedis(['--appendfsync', 'always'])
  try {
    const cwd = project(t, {
      ...FILES, 'workflows/slow.yaml': 'name: slow\nsteps:\n  - { id: first, worker: hello }\n  - { id: nap, sleep: 2s }\n  - { id: last, worker: hello }\n',
    })
    installInto(cwd)
    const run = start(['run', 'slow', '--progress', 'plain'], { cwd, env: { MAG_STORE: `redis://127.0.0.1:${own.port}` } })
    await run.saw(/first +completed/)
    await own.kill()
    await own.start()
    const { code, stderr } = await run.done
    assert.equal(code, 0, stderr)
  } finally {
    await own.stop()
  }
})
