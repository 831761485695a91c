/** The name that was meant: a near miss, or one with the same beginning (`timeout_ms` for `timeout`). */
import { nearest } from '../model/nearest.ts'

export function nearName(typed: string, names: Iterable<string>): string | undefined {
  const known = [...names]
  const word = typed.toLowerCase()
  const near = nearest(typed, known)
  // Of one or two letters, every short name is near.
  if (near !== undefined && (typed.length > 2 || near.toLowerCase().includes(word.charAt(0)))) return near
  const beginning = word.slice(0, Math.max(5, word.length - 2))
  return known.find((name) => name.length >= 5 && (word.startsWith(name.toLowerCase()) || name.toLowerCase().startsWith(beginning)))
}
