/** How long a command stays with a run. */
import { parseDuration } from '../model/duration.ts'
import { MagError } from '../model/error.ts'
import type { Options } from './args.ts'

export function limitsOf(options: Options): { timeoutMs?: number; wait?: boolean } {
  const timeoutMs = durationOption(options, 'timeout')
  return { ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(options.wait === false ? { wait: false } : {}) }
}

export function durationOption(options: Options, name: string): number | undefined {
  const given = options[name]
  if (typeof given !== 'string') return undefined
  const ms = parseDuration(given)
  if (ms === undefined) throw new MagError('MAG2000', `--${name} ${given} is no duration`, { hint: 'write 30s, 5m or 1h30m' })
  return ms
}

export function numberOption(options: Options, name: string, { fallback, most }: { fallback: number; most: number }): number {
  const given = options[name]
  if (typeof given !== 'string') return fallback
  const number = Number(given)
  if (!/^\d+$/.test(given) || number < 1 || number > most) throw new MagError('MAG2000', `--${name} ${given} is no whole number from 1 to ${most}`)
  return number
}
