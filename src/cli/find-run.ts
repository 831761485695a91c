/** From what was typed to a run: an id, a unique prefix, `@last`, `@last-failed`. */
import type { Backend, RunRecord } from '../backend/backend.ts'
import { MagError } from '../model/error.ts'
import type { RunState } from '../model/event.ts'
import { RUN_ID_PREFIX } from '../model/id.ts'
import { EXIT } from './errors.ts'

const BAD_ENDS: RunState[] = ['failed', 'compensated', 'compensation_failed', 'timed_out']
const MOST_CANDIDATES = 10

export async function findRun(backend: Backend, typed: string): Promise<RunRecord> {
  if (typed === '@last' || typed === '@last-failed') return lastRun(backend, typed)
  if (!RUN_ID_PREFIX.test(typed)) throw notFound(typed)
  const found = await backend.find(typed, MOST_CANDIDATES + 1)
  const exact = found.find((id) => id.toLowerCase() === typed.toLowerCase())
  const id = exact ?? found[0]
  if (id === undefined) throw notFound(typed)
  if (exact === undefined && found.length > 1) throw ambiguous(typed, found)
  const record = await backend.run(id)
  if (!record) throw notFound(typed)
  return record
}

async function lastRun(backend: Backend, typed: '@last' | '@last-failed'): Promise<RunRecord> {
  const { items } = await backend.list({ limit: 1, parent: null, ...(typed === '@last' ? {} : { states: BAD_ENDS }) })
  const [record] = items
  if (record) return record
  throw noRun(typed)
}

export function noRun(typed: string): MagError {
  if (!typed.startsWith('@')) return notFound(typed)
  const message = typed === '@last' ? 'there are no runs yet' : typed === '@last-failed' ? 'no run has failed' : `${typed} means no run`
  return new MagError('MAG2006', message, { exitCode: EXIT.notFound, hint: typed === '@last' ? 'mag run <workflow>' : 'mag list' })
}

export function notFound(typed: string): MagError {
  return new MagError('MAG2006', `no run ${JSON.stringify(typed).slice(1, -1).slice(0, 100)}`, { exitCode: EXIT.notFound, hint: 'mag list' })
}

function ambiguous(typed: string, found: string[]): MagError {
  const shown = found.slice(0, MOST_CANDIDATES)
  const message = `${typed} could be ${found.length > MOST_CANDIDATES ? `more than ${MOST_CANDIDATES}` : found.length} runs`
  return new MagError('MAG2007', [message, ...shown].join('\n'), { exitCode: EXIT.usage, hint: 'type more of the id' })
}
