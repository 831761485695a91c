/** A real redis-server for tests: on a free loopback port, in a folder of its own, ended with the test. */
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Empty where there is a server; otherwise why the tests are skipped. A continuous integration without one fails. */
export const NO_REDIS: string = spawnSync('redis-server', ['--version']).status === 0 ? '' : 'NOT TESTED: redis-server is not installed (apt-get install redis-server)'
if (NO_REDIS !== '') {
  console.error(`\n*** ${NO_REDIS} ***\n`)
  assert.notEqual(process.env['CI'], 'true', NO_REDIS)
}

export interface RedisServer {
  readonly port: number
  readonly folder: string
  readonly pid: number
  /** SIGKILL, and the same server again on the same files. */
  kill(signal?: NodeJS.Signals): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}

/** Runs until `stop`. `settings`: further arguments, such as `--appendfsync always`. */
export async function startRedis(settings: string[] = []): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'mag-redis-'))
  const port = await freePort()
  let child: ChildProcess | undefined
  const server: RedisServer = {
    port, folder,
    get pid() {
      return child?.pid ?? 0
    },
    async start() {
      child = await launch('redis-server', [
        '--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes', '--daemonize', 'no', ...settings,
      ])
    },
    async kill(signal = 'SIGKILL') {
      await end(child, signal)
      child = undefined
    },
    async stop() {
      await end(child, 'SIGKILL')
      child = undefined
      rmSync(folder, { recursive: true, force: true })
    },
  }
  await server.start()
  return server
}

/** Resolves when the program says that it takes connections. */
export function launch(program: string, args: string[], ready = /Ready to accept connections|Sentinel ID is/): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  return new Promise((resolve, reject) => {
    let output = ''
    const listen = (text: Buffer) => {
      output += text.toString()
      if (!ready.test(output)) return
      child.stdout.off('data', listen)
      child.stdout.resume()
      resolve(child)
    }
    child.stdout.on('data', listen)
    child.stderr.resume()
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`${program} ended with ${code}: ${output.slice(-2_000)}`)))
  })
}

export function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill(signal)
  })
}
