/**
 * `npm run bench:redis`: mag over a real redis-server of its own, beside the least that an engine over Redis must do and, where
 * BULLMQ names a folder that has it installed, beside BullMQ. Alternating, medians. ROUNDS narrows it.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'

const root = new URL('..', import.meta.url).pathname
const rounds = Number(process.env.ROUNDS ?? 3)
/** As many as the peers' harness: with fewer, Node's warming up is measured. */
const RUNS = 10_000
const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

interface Server {
  port: number
  stop(): Promise<void>
}

async function redis(fsync: string): Promise<Server> {
  const dir = mkdtempSync(join(tmpdir(), 'mag-bench-redis-'))
  const port = 17_000 + (process.pid % 10_000)
  const child: ChildProcess = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'yes', '--appendfsync', fsync], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (text: Buffer) => text.toString().includes('Ready to accept') && resolve())
    child.on('exit', () => reject(new Error('redis-server ended')))
  })
  child.removeAllListeners('exit')
  return {
    port,
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

type Figures = Record<string, number>

function startDrive(engine: string, work: string, port: number): Promise<Figures> {
  const child = spawn(process.execPath, [join(root, 'bench/drive.mjs'), join(root, 'bench', engine), work], {
    env: { ...process.env, REDIS_PORT: String(port), MAG_BENCH_STORE: 'redis', RUNS: String(RUNS) }, stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (text: Buffer) => {
    output += text.toString()
  })
  return new Promise((resolve, reject) => child.on('close', (code) => (code === 0 ? resolve(JSON.parse(output) as Figures) : reject(new Error(`${engine} ended with ${code}`)))))
}

/** What Redis has carried out, inside scripts too, and what it keeps. */
async function spent(port: number): Promise<{ commands: number; bytes: number }> {
  const client = new Redis({ port, host: '127.0.0.1' })
  const stats = await client.info('commandstats')
  const commands = [...stats.matchAll(/cmdstat_(?!info|ping)[^:]+:calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0)
  const bytes = Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1])
  client.disconnect()
  return { commands, bytes }
}

async function measured(fsync: string, engines: string[], work: string, field: string): Promise<Map<string, number>> {
  const values = new Map<string, number[]>(engines.map((engine) => [engine, []]))
  for (let round = 0; round < rounds; round++) {
    for (const engine of engines) {
      const server = await redis(fsync)
      try {
        values.get(engine)?.push((await startDrive(engine, work, server.port))[field] ?? Number.NaN)
      } finally {
        await server.stop()
      }
    }
  }
  return new Map([...values].map(([engine, all]) => [engine, median(all)]))
}

if (spawnSync('redis-server', ['--version']).status !== 0) throw new Error('bench:redis needs redis-server')
const engines = ['adapter.mjs', 'reference-redis.mjs', ...(process.env.BULLMQ ? ['bullmq.mjs'] : [])]
const w2 = await measured('everysec', engines, 'w2', 'stepsPerSecond')
const ours = w2.get('adapter.mjs') ?? Number.NaN
for (const [engine, value] of w2) console.log(`W2 everysec  ${engine.padEnd(20)} ${value} steps/s  mag is ${(ours / value).toFixed(2)} ×`)
const always = (await measured('always', ['adapter.mjs'], 'w2', 'stepsPerSecond')).get('adapter.mjs') ?? Number.NaN
console.log(`W2 always    adapter.mjs          ${always} steps/s  ${(always / ours).toFixed(2)} × everysec`)
const w3 = await measured('everysec', ['adapter.mjs', 'reference-redis.mjs'], 'w3', 'p50Ms')
for (const [engine, value] of w3) console.log(`W3 everysec  ${engine.padEnd(20)} p50 ${value.toFixed(3)} ms  mag is ${((w3.get('adapter.mjs') ?? Number.NaN) / value).toFixed(2)} ×`)
const server = await redis('everysec')
try {
  const before = await spent(server.port)
  await startDrive('adapter.mjs', 'w2', server.port)
  const after = await spent(server.port)
  const steps = (RUNS + 300) * 5
  console.log(`per step: ${((after.commands - before.commands) / steps).toFixed(1)} Redis commands, ${Math.round((after.bytes - before.bytes) / steps)} bytes kept, payload included`)
  const two = await Promise.all([startDrive('adapter.mjs', 'w2', server.port), startDrive('adapter.mjs', 'w2', server.port)])
  console.log(`two processes together: ${two.reduce((sum, figures) => sum + (figures['stepsPerSecond'] ?? 0), 0)} steps/s`)
} finally {
  await server.stop()
}
