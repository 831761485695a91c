/**
 * The one place that says what went wrong: what, where, why, and what to type next. A stack trace only with --debug, or
 * where the fault is mag's own.
 */
import { MagError, type Location } from '../model/error.ts'
import { clean } from '../view/clean.ts'
import { span, type Line } from '../view/span.ts'
import type { Paint } from './colour.ts'

export const EXIT = {
  ok: 0, failed: 1, usage: 2, timedOut: 3, cancelled: 4, waiting: 5, notFound: 6, unavailable: 7, compensated: 8, compensationFailed: 9,
  conflict: 10, fault: 70, timeout: 124, interrupted: 130, terminated: 143,
} as const

const SHORT_OF = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOSPC', 'EDQUOT', 'EIO', 'EAGAIN'])

/** What the operating system refuses is no fault in mag: a folder that may not be read, a file where a folder belongs. */
export function systemRefusal(error: unknown): MagError | undefined {
  if (!(error instanceof Error) || error instanceof MagError) return undefined
  const { code, syscall, path, message } = error as NodeJS.ErrnoException
  if (typeof code !== 'string' || typeof syscall !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return undefined
  if (syscall === 'uv_cwd') return new MagError('MAG2003', 'the current folder does not exist any more', { hint: 'cd to one that does; --dir names a project', cause: error })
  const why = message.replace(/^E[A-Z0-9]+: /, '').replace(/, .*$/s, '')
  return new MagError('MAG2004', `${path ? `${path} cannot be used: ` : ''}${why} (${code}, ${syscall})`, { exitCode: SHORT_OF.has(code) ? EXIT.unavailable : EXIT.usage, hint: 'mag doctor', cause: error })
}

/** What to type next: each refusal says something, if only where its code is explained. */
export function hintOf(error: MagError): string {
  return error.hint ?? `mag explain ${error.code}`
}

export function exitCodeOfError(error: unknown): number {
  return error instanceof MagError ? error.exitCode : EXIT.fault
}

export interface ErrorOptions {
  debug: boolean
  /** A code frame, where the caller has the file's text. */
  frame?: (location: Location) => string[]
}

export function errorLines(error: unknown, { debug, frame }: ErrorOptions): Line[] {
  if (!(error instanceof MagError)) return faultLines(error)
  const lines: Line[] = [[span('error', 'bad'), span(` ${error.code}: `), ...firstLine(error.message)], ...restOf(error.message)]
  const { location } = error
  if (location) {
    lines.push([span(`  ${clean(location.file)}:${location.line}:${location.column}`, 'dim')])
    for (const text of frame?.(location) ?? []) lines.push([span(`  ${clean(text)}`)])
  }
  for (const text of hintOf(error).split('\n')) lines.push([span('  hint  ', 'dim'), span(clean(text), 'command')])
  if (debug) lines.push(...stackLines(error))
  return lines
}

function firstLine(message: string): Line {
  return [span(clean(message.split('\n')[0] ?? ''))]
}

function restOf(message: string): Line[] {
  return message.split('\n').slice(1).map((text) => [span(`  ${clean(text)}`)])
}

function faultLines(error: unknown): Line[] {
  const message = error instanceof Error ? error.message : String(error)
  return [
    [span('error', 'bad'), span(' MAG0070: a fault in mag itself: '), ...firstLine(message)], ...restOf(message), ...stackLines(error),
    [span('  hint  ', 'dim'), span('please report it with the lines above; the run, if there was one, is kept: mag list', 'command')],
  ]
}

function stackLines(error: unknown): Line[] {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const lines: Line[] = stack.split('\n').filter((text) => /^\s+at /.test(text)).map((text) => [span(`    ${clean(text.trim())}`, 'dim')])
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : undefined
  return cause ? [...lines, [span(`    caused by ${clean(cause.message)}`, 'dim')], ...stackLines(cause)] : lines
}

export function printError(error: unknown, options: ErrorOptions & { paint: Paint; put: (text: string) => void }): void {
  options.put(errorLines(error, options).map((line) => `${options.paint(line)}\n`).join(''))
}
