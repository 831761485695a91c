/**
 * Servers, workers and clients over one Redis, killed at random with SIGKILL while runs go on. What a step does is noted in a
 * ledger by its idempotency key, outside of mag. The verdict: no run lost, none stuck, every step committed once, every
 * effect there.
 */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openRedis } from '../../src/backend/redis/redis.ts'
import { startRedis } from '../backend/redis/server.ts'

const root = new URL('../..', import.meta.url).pathname
const STEPS = ['a', 'b', 'c', 'd', 'e']

export interface Verdict {
  runs: number
  kills: Record<string, number>
  lost: string[]
  stuck: string[]
  doubleCommitted: string[]
  effectsMissing: string[]
  /** Steps that began more than once: at-least-once, deduplicated by their key. */
  startedAgain: number
  /** From a kill to the next step of any run that goes on, not measured: the whole time is. */
  seconds: number
}

export interface Chaos {
  runs: number
  kills: number
  seed: number
  log?: (line: string) => void
}

interface Member {
  role: string
  child: ChildProcess
}

function writeProject(dir: string): void {
  for (const folder of ['workflows', 'workers', 'node_modules']) mkdirSync(join(dir, folder))
  symlinkSync(root, join(dir, 'node_modules/multiagents'), 'dir')
  writeFileSync(join(dir, 'package.json'), '{"name":"chaos","type":"module"}')
  writeFileSync(join(dir, 'workflows/chaos.yaml'), `name: chaos\nsteps:\n${STEPS.map((id) => `  - { id: ${id}, worker: mark }\n`).join('')}`)
  writeFileSync(join(dir, 'workers/mark.ts'), `
import { appendFileSync } from 'node:fs'
import { worker } from 'multiagents'
export default worker('mark', async (_context, task) => {
  appendFileSync(process.env.LEDGER ?? '', task.idempotencyKey + '\\n')
  await new Promise((resolve) => setTimeout(resolve, 15))
  return { done: true }
})
`)
}

/** Rejects never for what the runs did: that is the verdict's to say. */
export async function chaos({ runs, kills, seed, log = () => undefined }: Chaos): Promise<Verdict> {
  const server = await startRedis()
  const dir = mkdtempSync(join(tmpdir(), 'mag-chaos-'))
  const ledger = join(dir, 'ledger')
  writeFileSync(ledger, '')
  writeProject(dir)
  const address = `redis://127.0.0.1:${server.port}`
  const env = { ...process.env, MAG_STORE: address, LEDGER: ledger }
  const members = new Set<Member>()
  const begun = performance.now()
  let over = false
  let state = seed >>> 0
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 8) % below
  }

  function start(role: string, args: string[]): Promise<number | null> {
    const child = spawn(process.execPath, [join(root, 'bin/mag'), ...args], { cwd: dir, env, stdio: ['ignore', 'ignore', 'pipe'] })
    const member = { role, child }
    let errors = ''
    child.stderr?.on('data', (text: Buffer) => {
      errors = (errors + text.toString()).slice(-2_000)
    })
    members.add(member)
    return new Promise((resolve) => child.on('close', (code) => {
      members.delete(member)
      if (code !== null && code !== 0 && !over) log(`${role} ended with ${code}: ${errors}`)
      resolve(code)
    }))
  }
  /** As systemd would: started again whenever it ends. */
  async function keep(role: string, args: string[]): Promise<void> {
    while (!over) await start(role, args)
  }
  /** A client whose process was killed asks again with the same key. */
  async function client(index: number): Promise<void> {
    for (;;) if ((await start('client', ['run', 'chaos', '--id', `order-${index}`, '-q', '--progress', 'none'])) === 0) return
  }

  const kept = [keep('server', ['serve']), keep('orchestrator', ['serve', '--no-workers']), keep('workers', ['workers', 'start']), keep('workers', ['workers', 'start'])]
  let next = 0
  const clients = Array.from({ length: 4 }, async () => {
    while (next < runs) await client(next++)
  })
  const submitted = Promise.all(clients)
  let done = false
  void submitted.then(() => {
    done = true
  })
  const killed: Record<string, number> = {}
  for (let count = 0; count < kills && !done; count++) {
    await new Promise((resolve) => setTimeout(resolve, 150 + random(500)))
    const living = [...members]
    const victim = living[random(living.length)]
    victim?.child.kill('SIGKILL')
    if (victim) killed[victim.role] = (killed[victim.role] ?? 0) + 1
  }
  await submitted
  over = true
  for (const { child } of members) child.kill('SIGTERM')
  await Promise.all(kept)
  try {
    return await judge({ address, ledger, runs, kills: killed, seconds: Math.round((performance.now() - begun) / 1_000) })
  } finally {
    await server.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

async function judge({ address, ledger, runs, kills, seconds }: { address: string; ledger: string; runs: number; kills: Record<string, number>; seconds: number }): Promise<Verdict> {
  const verdict: Verdict = { runs, kills, lost: [], stuck: [], doubleCommitted: [], effectsMissing: [], startedAgain: 0, seconds }
  const arrivals = new Map<string, number>()
  for (const key of readFileSync(ledger, 'utf8').split('\n')) if (key !== '') arrivals.set(key, (arrivals.get(key) ?? 0) + 1)
  const backend = await openRedis({ address, namespace: 'chaos' })
  const { items } = await backend.list({ limit: runs * 2 })
  const byKey = new Map(items.map((record) => [record.key, record]))
  assert.equal(items.length, byKey.size, 'a key has two runs')
  for (let index = 0; index < runs; index++) {
    const record = byKey.get(`order-${index}`)
    if (!record) verdict.lost.push(`order-${index}`)
    else if (record.state !== 'completed') verdict.stuck.push(`${record.id} ${record.state}`)
    else {
      const completed = (await backend.history(record.id, 0)).flatMap((event) => (event.type === 'step.completed' ? [event.path] : []))
      if (completed.sort().join() !== STEPS.join()) verdict.doubleCommitted.push(`${record.id} ${completed.join()}`)
      for (const step of STEPS) if (![...arrivals.keys()].some((key) => key.startsWith(record.id) && key.endsWith(step))) verdict.effectsMissing.push(`${record.id}/${step}`)
    }
  }
  for (const count of arrivals.values()) if (count > 1) verdict.startedAgain += count - 1
  await backend.close()
  return verdict
}
