/** Drives the built command line as a user's shell would: real processes, real files, a project folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, type TestContext } from 'node:test'

export const root = new URL('../..', import.meta.url).pathname
export const bin = join(root, 'bin/mag')

export interface Result {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  cwd: string
  env?: Record<string, string>
  /** Its text; `open`: the test writes to `child.stdin` itself. */
  stdin?: string | 'open'
}

/** A project in a temporary folder, removed with the test. */
export function project(t: TestContext, files: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), 'mag-test-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  return dir
}

/** A project with the repository's own samples. */
export function samples(t: TestContext, files: Record<string, string> = {}): string {
  const dir = project(t, files)
  for (const name of ['workers', 'workflows', 'examples']) cpSync(join(root, name), join(dir, name), { recursive: true })
  return dir
}

/** As `npm install` would leave it: programs in the project import 'multiagents'. */
export function installInto(dir: string): void {
  mkdirSync(join(dir, 'node_modules'), { recursive: true })
  symlinkSync(root, join(dir, 'node_modules/multiagents'), 'dir')
}

/** Ids of the runs in the project's store, without making one. */
export async function runsIn(dir: string): Promise<string[]> {
  if (!existsSync(join(dir, '.mag/mag.db'))) return []
  const { stdout } = await mag(['list', '-o', 'ids', '--limit', '10000'], { cwd: dir })
  return stdout.split('\n').filter((id) => id !== '')
}

export interface Event {
  seq: number
  at: string
  type: string
  path?: string
  [key: string]: unknown
}

/** What happened in a run, from `mag history`. */
export async function historyOf(dir: string, id = '@last'): Promise<Event[]> {
  const { stdout, stderr } = await mag(['history', id, '-o', 'jsonl'], { cwd: dir })
  if (stdout === '') throw new Error(`no history: ${stderr}`)
  return stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Event)
}

export async function statusOf(dir: string, id = '@last'): Promise<Document> {
  const { stdout, stderr } = await mag(['status', id, '-o', 'json'], { cwd: dir })
  if (stdout === '') throw new Error(`no status: ${stderr}`)
  return JSON.parse(stdout) as Document
}

export interface Running {
  child: ChildProcess
  /** Resolves once the text has stood in standard error or output. */
  saw(text: string | RegExp): Promise<void>
  done: Promise<Result>
}

export function start(args: string[], options: RunOptions): Running {
  return startProgram(process.execPath, [bin, ...args], options)
}

const running = new Set<ChildProcess>()
// A test that failed half-way must not keep the whole file waiting for its processes.
after(() => {
  for (const child of running) child.kill('SIGKILL')
})

/** Any program, watched as `start` watches mag. */
export function startProgram(program: string, args: string[], options: RunOptions): Running {
  const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: options.cwd, LANG: 'C.UTF-8', TERM: 'xterm', ...options.env }
  const child = spawn(program, args, { cwd: options.cwd, env, stdio: ['pipe', 'pipe', 'pipe'] })
  running.add(child)
  child.once('close', () => running.delete(child))
  let stdout = ''
  let stderr = ''
  let waiting: Array<{ text: string | RegExp; resolve: () => void }> = []
  const look = (): void => {
    const all = stdout + stderr
    waiting = waiting.filter(({ text, resolve }) => {
      const there = typeof text === 'string' ? all.includes(text) : text.test(all)
      if (there) resolve()
      return !there
    })
  }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk
    look()
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
    look()
  })
  child.stdin.on('error', () => undefined)
  if (options.stdin !== 'open') child.stdin.end(options.stdin ?? '')
  const done = new Promise<Result>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  const saw = (text: string | RegExp) =>
    new Promise<void>((resolve, reject) => {
      waiting.push({ text, resolve })
      look()
      void done.then((result) => reject(new Error(`ended (${result.code}) before ${text}:\n${result.stdout}${result.stderr}`)))
    })
  return { child, saw, done }
}

export function mag(args: string[], options: RunOptions): Promise<Result> {
  return start(args, options).done
}

export interface Step {
  id: string
  path: string
  state: string
  attempts: number
  reason?: string
  worker?: string
  startedAt?: string
  finishedAt?: string
  durationMs?: number
  error?: ErrorDocument
  compensation?: { state: string; worker: string; outcome: string; attempts: number; error?: ErrorDocument }
}

export interface ErrorDocument {
  code: string
  message: string
  retryable: boolean
  step?: string
  attempt?: number
  details?: Record<string, unknown>
  location?: { file: string; line: number; column: number }
}

export interface Document {
  schema: string
  transactionId: string
  state: string
  output: unknown
  currentStep: string | null
  currentSteps: string[]
  steps: Step[]
  stepResults: Record<string, Record<string, unknown>>
  warnings: Array<{ code: string; message: string }>
  error: ErrorDocument | null
  exitCode: number | null
  [key: string]: unknown
}

/** `mag run … -o json`: the exit code and the closing document. */
export async function runJson(args: string[], options: RunOptions): Promise<{ code: number | null; doc: Document; stderr: string }> {
  const { code, stdout, stderr } = await mag(['run', ...args, '-o', 'json'], options)
  try {
    return { code, doc: JSON.parse(stdout) as Document, stderr }
  } catch {
    throw new Error(`not a document (exit ${code}): ${stdout}\n${stderr}`)
  }
}

export function states(doc: Document): Record<string, string> {
  return Object.fromEntries(doc.steps.map((step) => [step.path, step.state]))
}
