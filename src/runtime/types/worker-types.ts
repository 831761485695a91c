/**
 * What the workers of a project take and give, from the TypeScript types of their files: no worker code is run to learn it. Kept in the project's
 * cache with the hashes of all files that the types come from. Without TypeScript, or where it takes too long, there are no types and a reason.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { WorkerTypes } from '../../definition/types/steps.ts'
import { systemClock } from '../clock.ts'
import { discover } from '../loader/discover.ts'
import { OWN_FILE, OWN_FOLDER } from '../loader/own-file.ts'
import type { Answer, FoundWorker, Request } from './request.ts'

export interface ReadOptions {
  projectDir: string
  cacheDir: string
  /** Relative to the project. */
  dirs: string[]
  /** Types that take longer are given up. */
  timeoutMs?: number
  /** Where `typescript` is looked for; default: the project, then mag itself. */
  from?: string[]
}

export type ReadResult =
  | { workers: ReadonlyMap<string, WorkerTypes>; /** False: they came from the cache. */ fresh: boolean }
  /** Why there are none. */
  | { unchecked: string; hint: string }

const DEFAULT_TIMEOUT_MS = 20_000
const FORMAT = 1

export async function readWorkerTypes(options: ReadOptions): Promise<ReadResult> {
  const { projectDir, cacheDir, timeoutMs = DEFAULT_TIMEOUT_MS } = options
  const files = discover(projectDir, options.dirs).map(({ path }) => path)
  if (files.length === 0) return { workers: new Map(), fresh: false }
  const typescript = findTypeScript(options.from ?? [projectDir, OWN_FOLDER])
  if ('unchecked' in typescript) return typescript
  const basis = [String(FORMAT), process.env.MAG_VERSION ?? '', typescript.version, projectDir, ...files].join('\n')
  const cached = readCache(cacheDir, basis)
  if (cached) return { workers: byName(cached), fresh: false }
  const answer = await ask({ projectDir, files, library: libraryTypes(), typescript: typescript.path }, timeoutMs)
  if ('error' in answer) return { unchecked: answer.error, hint: 'mag validate checks the rest; see docs/types.md' }
  writeCache(cacheDir, basis, answer, projectDir)
  return { workers: byName(answer.workers), fresh: true }
}

/** A name that two files have is told elsewhere; nothing is known of its types. */
function byName(found: readonly FoundWorker[]): Map<string, WorkerTypes> {
  const workers = new Map<string, WorkerTypes>()
  const twice = new Set<string>()
  for (const { name, input, output } of found) {
    if (workers.has(name)) twice.add(name)
    workers.set(name, { input, output })
  }
  for (const name of twice) workers.delete(name)
  return workers
}

const NEEDED = 'install it: npm install --save-dev typescript@7'

function findTypeScript(from: readonly string[]): { path: string; version: string } | { unchecked: string; hint: string } {
  let older: string | undefined
  for (const dir of from) {
    try {
      const path = createRequire(join(dir, 'any.js')).resolve('typescript/package.json')
      const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string }
      if (Number.parseInt(version, 10) >= 7) return { path, version }
      older ??= version
    } catch {
      // Not there.
    }
  }
  return { unchecked: older === undefined ? 'TypeScript is not installed' : `TypeScript ${older} is installed, and 7 is needed`, hint: NEEDED }
}

/** The declarations of the running mag: they know what `worker()` makes of a function. */
function libraryTypes(): string {
  return OWN_FILE.endsWith('.ts') ? join(OWN_FOLDER, 'index.ts') : join(OWN_FOLDER, 'types/index.d.ts')
}

function ask(request: Request, timeoutMs: number): Promise<Answer> {
  const script = OWN_FILE.endsWith('.ts') ? join(OWN_FOLDER, 'runtime/types/read-types.ts') : join(OWN_FOLDER, 'read-types.js')
  return new Promise((resolve) => {
    // A group of its own: the checker is a process below, and both end together. Should this process be killed first, the system's limit ends them.
    const [command, ...args] = [...limited(timeoutMs), process.execPath, script]
    const child = spawn(command ?? process.execPath, args, { cwd: request.projectDir, stdio: ['pipe', 'pipe', 'pipe'], detached: true, env: { ...process.env, NODE_OPTIONS: '' } })
    let output = ''
    let errors = ''
    const kill = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // It has ended by itself.
      }
    }
    process.once('exit', kill)
    const disarm = systemClock.setTimer(timeoutMs, () => {
      kill()
      resolve({ error: `the types took longer than ${timeoutMs / 1_000} s` })
    })
    const done = (answer: Answer): void => {
      disarm()
      process.off('exit', kill)
      resolve(answer)
    }
    child.stdout.setEncoding('utf8').on('data', (part: string) => { output += part })
    child.stderr.setEncoding('utf8').on('data', (part: string) => { errors = (errors + part).slice(-2_000) })
    child.on('error', (error) => done({ error: error.message }))
    child.on('close', () => {
      kill()
      done(parsed(output) ?? { error: `the process that reads types ended: ${errors.trim().split('\n').at(-1) ?? ''}` })
    })
    child.stdin.on('error', () => undefined)
    child.stdin.end(JSON.stringify(request))
  })
}

/** In a shell that limits the time of the processors, so several times the time that is waited. */
function limited(timeoutMs: number): string[] {
  return process.platform === 'win32' ? [] : ['sh', '-c', `ulimit -t ${Math.ceil(timeoutMs / 1_000) * 4} 2>/dev/null; exec "$0" "$@"`]
}

function parsed(text: string): Answer | undefined {
  try {
    return JSON.parse(text) as Answer
  } catch {
    return undefined
  }
}

interface Cached {
  basis: string
  /** Every file that the types come from, with its hash; '' for one that is not there. */
  files: Array<[path: string, hash: string]>
  workers: FoundWorker[]
}

/** What decides how imports are found, beside the files themselves. */
const AROUND = ['tsconfig.json', 'package.json', 'package-lock.json', 'pnpm-lock.yaml', 'yarn.lock', 'node_modules/.package-lock.json']

function cachePath(cacheDir: string): string {
  return join(cacheDir, 'worker-types.json')
}

function readCache(cacheDir: string, basis: string): FoundWorker[] | undefined {
  try {
    const cached = JSON.parse(readFileSync(cachePath(cacheDir), 'utf8')) as Cached
    return cached.basis === basis && cached.files.every(([path, hash]) => hashOf(path) === hash) ? cached.workers : undefined
  } catch {
    return undefined
  }
}

/** A cache that cannot be written costs time, nothing else. */
function writeCache(cacheDir: string, basis: string, { workers, files }: Extract<Answer, { workers: unknown }>, projectDir: string): void {
  try {
    const all = [...new Set([...files, ...AROUND.map((name) => join(projectDir, name))])]
    const cached: Cached = { basis, files: all.map((path) => [path, hashOf(path)]), workers }
    mkdirSync(cacheDir, { recursive: true })
    const temporary = `${cachePath(cacheDir)}.${process.pid}`
    writeFileSync(temporary, JSON.stringify(cached))
    renameSync(temporary, cachePath(cacheDir))
  } catch {
    // Read-only folders are fine.
  }
}

function hashOf(path: string): string {
  return existsSync(path) ? createHash('sha256').update(readFileSync(path)).digest('base64url') : ''
}
