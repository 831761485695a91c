/**
 * One shell step: a process group of its own, which is gone as a whole before the step is settled. Values reach it as
 * environment variables only; the script's text is never built from them.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Json } from '../../model/json.ts'
import { LIMITS } from '../../model/limits.ts'
import type { Clock } from '../clock.ts'
import { clip } from '../outcome-text.ts'
import type { Attempt } from './attempt.ts'
import { endGroup, killGroup, KILL_AFTER_MS, noteGroup } from './process-group.ts'
import { shellCwd, shellEnv } from './shell-env.ts'
import { createSink, KEPT_BYTES, type Sink } from './shell-lines.ts'

/** How long the pipes of an ended script are listened to: a process that left its group may hold them open for ever. */
const PIPES_MS = 200
const MESSAGE_LINES = 5

type Child = ChildProcessByStdio<null, Readable, Readable>

export interface ShellOptions {
  attempt: Attempt
  /** `{ cwd, env }`. */
  input: Json
  clock: Clock
  projectDir: string
}

export interface ShellOutput {
  exit_code: number
  stdout: string
  stderr: string
  /** Where stdout is JSON. */
  json?: Json
}

/** A script that exits with something else than 0. `code` is `EXIT_<n>`; a signal counts as 128 + its number, as in shells. */
class ExitError extends Error {
  readonly code: string
  readonly details: ShellOutput

  constructor(output: ShellOutput) {
    const last = output.stderr.split('\n').filter((line) => line.trim() !== '').slice(-MESSAGE_LINES).join('\n')
    super(last === '' ? `the script ended with exit code ${output.exit_code}` : clip(last, 2_000))
    this.name = 'ExitError'
    this.code = `EXIT_${output.exit_code}`
    // Whole streams of a failed step would be kept with every retry.
    this.details = { exit_code: output.exit_code, stdout: clip(output.stdout, 16_384), stderr: clip(output.stderr, 16_384) }
    this.stack = ''
  }
}

/** Resolves with the output of exit code 0; rejects otherwise. Never before every process of its group has ended. */
export async function runShell({ attempt, input, clock, projectDir }: ShellOptions): Promise<ShellOutput> {
  const { task } = attempt
  if (task.target.kind !== 'shell') throw new Error('broken invariant: not a shell task')
  if (attempt.stop) throw new Error(attempt.stop.reason)
  const cwd = shellCwd(input, projectDir)
  if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) throw Object.assign(new Error(`cwd is no folder: ${cwd}`), { code: 'SHELL_INPUT', retryable: false })
  const env = shellEnv(input, process.env)
  const [command, ...args] = shellCommand(env['PATH'] ?? '')
  const child = spawn(command, [...args, '-c', task.target.script], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const budget = { left: LIMITS.logStepBytes }
  const stdout = listen(child.stdout, createSink(budget, (line) => attempt.write('info', line)))
  const stderr = listen(child.stderr, createSink(budget, (line) => attempt.write('warn', line)))
  const forget = noteGroup(child.pid)
  const code = await ended(child, attempt, clock).finally(forget)
  stdout.end()
  stderr.end()
  const output = outputOf(code, stdout, stderr)
  if (code !== 0) throw new ExitError(output)
  return output
}

function listen(stream: Readable, sink: Sink): Sink {
  stream.on('data', (chunk: Buffer) => sink.write(chunk))
  stream.on('error', () => undefined)
  return sink
}

let found: { path: string; command: [string, ...string[]] } | undefined

/** bash where there is one. `-e`, `pipefail`: a script stops at its first failing command. */
function shellCommand(path: string): [string, ...string[]] {
  if (found?.path !== path) found = { path, command: isOnPath('bash', path) ? ['bash', '-eo', 'pipefail'] : ['sh', '-e'] }
  return found.command
}

function isOnPath(name: string, path: string): boolean {
  return path.split(delimiter).some((dir) => {
    try {
      accessSync(join(dir, name), constants.X_OK)
      return dir !== ''
    } catch {
      return false
    }
  })
}

/** Exit code once the shell, its pipes and its whole group are gone. */
function ended(child: Child, attempt: Attempt, clock: Clock): Promise<number> {
  return new Promise((resolve, reject) => {
    let disarm: (() => void) | undefined
    const stop = (): void => {
      killGroup(child.pid, 'SIGTERM')
      disarm ??= clock.setTimer(KILL_AFTER_MS, () => killGroup(child.pid, 'SIGKILL'))
    }
    const { signal } = attempt
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    const finish = (code: number): void => {
      disarm?.()
      signal.removeEventListener('abort', stop)
      child.stdout.destroy()
      child.stderr.destroy()
      resolve(code)
    }
    child.on('error', (error) => {
      disarm?.()
      signal.removeEventListener('abort', stop)
      reject(error)
    })
    child.on('exit', (exitCode, exitSignal) => {
      const code = exitCode ?? 128 + signalNumber(exitSignal)
      // `tee >(sort)` may still be writing: it gets a moment. What else the script left in its group ends with it.
      whenClosed(child, clock, () => endGroup(child.pid, clock, () => whenClosed(child, clock, () => finish(code))))
    })
  })
}

function whenClosed(child: Child, clock: Clock, done: () => void): void {
  if (child.stdout.closed && child.stderr.closed) return done()
  const disarm = clock.setTimer(PIPES_MS, done)
  child.once('close', () => {
    disarm()
    done()
  })
}

const SIGNALS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15 }

function signalNumber(signal: NodeJS.Signals | null): number {
  return SIGNALS[signal ?? ''] ?? 0
}

/** What a step may return is bounded; a script that prints much must not fail for it. */
function outputOf(code: number, stdout: Sink, stderr: Sink): ShellOutput {
  const streams: ShellOutput = { exit_code: code, stdout: stdout.text(), stderr: stderr.text() }
  const json = stdout.truncated ? undefined : parsed(streams.stdout)
  const output = json === undefined ? streams : { ...streams, json }
  if (fits(output)) return output
  if (fits(streams)) return streams
  // Control characters take six bytes each.
  return { exit_code: code, stdout: clip(streams.stdout, KEPT_BYTES / 8), stderr: clip(streams.stderr, KEPT_BYTES / 8) }
}

function fits({ stdout, stderr, json }: ShellOutput): boolean {
  const few = stdout.length + stderr.length < KEPT_BYTES / 8
  return few || Buffer.byteLength(JSON.stringify([stdout, stderr, json])) < LIMITS.payloadBytes - 1_024
}

function parsed(text: string): Json | undefined {
  if (!/^\s*[[{"\d\-tfn]/.test(text)) return undefined
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}
