/** `mag` on a real pseudo-terminal: util-linux's `script` makes one, and hands on what is typed and what is painted. */
import { spawnSync } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'
import { bin, startProgram, type Running, type RunOptions } from './mag.ts'

const version = spawnSync('script', ['--version'], { encoding: 'utf8' })
/** For a test's `skip`. */
export const noTerminal = version.status === 0 && /util-linux/.test(version.stdout) ? false : 'there is no util-linux script here to make a terminal'

export interface Terminal extends Running {
  type(keys: string): void
}

export const CTRL_C = '\u0003'

export function terminal(args: string[], options: RunOptions & { columns?: number; rows?: number }): Terminal {
  const { columns = 100, rows = 30, ...rest } = options
  const quoted = [process.execPath, bin, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  const command = `stty cols ${columns} rows ${rows}; exec ${quoted}`
  const running = startProgram('script', ['-qec', command, '/dev/null'], { ...rest, stdin: 'open', env: { SHELL: '/bin/sh', ...rest.env } })
  return { ...running, type: (keys) => void running.child.stdin?.write(keys) }
}

/** What stood on the screen, frame by frame: the painter encloses each in the marks of synchronised output. */
export function framesOf(output: string): string[] {
  return [...output.matchAll(/\u001b\[\?2026h([\s\S]*?)\u001b\[\?2026l/g)].map(([, frame = '']) => stripVTControlCharacters(frame).replaceAll('\r', ''))
}

export const plainText = (output: string): string => stripVTControlCharacters(output).replaceAll('\r', '')
