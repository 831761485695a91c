/** Canonical JSON and its SHA-256: what a run pins of its definition. Formatting and comments of the file do not change it. */
import type { Definition } from '../model/definition.ts'

/** Keys sorted, no spaces, absent members left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item === undefined ? null : item)).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const record = value as Record<string, unknown>
  const members: string[] = []
  for (const key of Object.keys(record).sort()) {
    if (record[key] !== undefined) members.push(`${JSON.stringify(key)}:${canonicalJson(record[key])}`)
  }
  return `{${members.join(',')}}`
}

export function hashDefinition(definition: Definition): string {
  return hashJson(definition)
}

export function hashJson(value: unknown): string {
  return `sha256:${cryptoOf().createHash('sha256').update(canonicalJson(value)).digest('hex')}`
}

/** Loading it costs 6 ms, and most starts find their definition's hash in the cache. */
function cryptoOf(): typeof import('node:crypto') {
  return process.getBuiltinModule('node:crypto')
}
