/**
 * The process's streams. Written with `fs.writeSync`, because the first touch of `process.stdout` costs milliseconds of
 * start-up; a reader that went away (`| head -1`) ends the process quietly.
 */
import { fstatSync, writeSync } from 'node:fs'
import { MagError } from '../model/error.ts'

export type Stream = 1 | 2

/** Thrown when nobody reads stdout any more; `main` ends with 0. */
export class ReaderGone extends Error {}

export function write(stream: Stream, text: string): void {
  const bytes = Buffer.from(text)
  for (let from = 0; from < bytes.length; ) {
    try {
      from += writeSync(stream, bytes, from)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
      else if (stream === 2) return
      else if (code === 'EPIPE' || code === 'EBADF' || code === 'EIO') throw new ReaderGone()
      else throw new MagError('MAG2041', `the standard output cannot be written: ${message}`, { exitCode: 7, hint: 'the run, if there was one, is kept: mag status @last' })
    }
  }
}

/** Asking Node loads its streams: only character devices are worth it, and not /dev/null and its kin (major 1 on Linux). */
export function isTty(stream: 0 | Stream): boolean {
  try {
    const { rdev, isCharacterDevice } = statOf(stream)
    if (!isCharacterDevice || (process.platform === 'linux' && rdev >> 8 === 1)) return false
  } catch {
    return false
  }
  return stream === 0 ? process.stdin.isTTY === true : (stream === 1 ? process.stdout : process.stderr).isTTY === true
}

function statOf(stream: number): { rdev: number; isCharacterDevice: boolean } {
  const stat = fstatSync(stream)
  return { rdev: stat.rdev, isCharacterDevice: stat.isCharacterDevice() }
}

const NO_SCREEN_COLUMNS = 1_000

/** The size of the terminal behind a stream; a pipe is wide and endless. */
export function sizeOf(stream: Stream): { columns: number; rows: number | undefined } {
  if (!isTty(stream)) return { columns: NO_SCREEN_COLUMNS, rows: undefined }
  const { columns, rows } = stream === 1 ? process.stdout : process.stderr
  return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 }
}

/** Whether the marks can be shown; a locale that says otherwise is believed. */
export function isUnicode(env: NodeJS.ProcessEnv): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG
  if (locale) return /utf-?8/i.test(locale)
  return env.TERM !== 'linux'
}
