/** Between the contract's values and what scripts take and give. Pure. */
import type { RunState } from '../../model/event.ts'
import { isFinal } from '../../model/event.ts'
import type { Commit, CommitResult, RunPatch, RunRecord } from '../backend.ts'
import { checkShape, servedBy } from '../common.ts'
import { refusal } from './fault.ts'
import type { Encoded } from './lanes.ts'

export function encodeCommit(commit: Commit, partition: number): Encoded {
  checkShape(commit)
  const { runId, owner, expectedSeq, events, create, patch, handled, tasks, withdrawn } = commit
  const args = [runId, owner.id, String(owner.epoch), String(expectedSeq), String(events.length), events.length > 0 ? JSON.stringify(events) : '']
  if (create) args.push('C', create.workflow, create.definition, create.key ?? '', create.inputHash, String(create.createdAt), create.parent ?? '')
  if (handled && handled.length > 0) args.push('H', String(handled.length), ...handled.map(String))
  if (withdrawn && withdrawn.length > 0) args.push('W', String(withdrawn.length), ...withdrawn.map(String))
  for (const { queue, priority, task } of tasks ?? []) args.push('T', queue, String(priority), servedBy(task), String(task.token), JSON.stringify(task))
  if (patch) args.push(...encodePatch(patch))
  args.push('E')
  let bytes = 0
  for (const text of args) bytes += text.length
  return { partition, creates: create !== undefined, args, bytes }
}

function encodePatch(patch: RunPatch): string[] {
  const fields: string[] = []
  if (patch.state !== undefined) fields.push('s', patch.state)
  if (patch.wakeAt !== undefined) fields.push('a', patch.wakeAt === null ? '' : String(patch.wakeAt))
  if (patch.finishedAt !== undefined) fields.push('f', patch.finishedAt === null ? '' : String(patch.finishedAt))
  // As JSON text, so that even half a surrogate pair survives the way through UTF-8.
  if (patch.note !== undefined) fields.push('n', patch.note === null ? '' : JSON.stringify(patch.note))
  const parts = ['P', String(fields.length), ...fields]
  if (patch.state !== undefined && isFinal(patch.state)) parts.push('F')
  if (patch.release) parts.push('R')
  return parts
}

/** `void`: the run's key went to another run meanwhile. */
export function decodeWord(word: string, commit: Commit): CommitResult | 'void' {
  switch (word[0]) {
    case 'k':
      return { status: 'ok' }
    case 'f':
      return { status: 'fenced' }
    case 'v':
      return 'void'
    case 'c':
      return { status: 'conflict', seq: Number(word.slice(1)) }
    case 'x':
      return { status: 'exists', runId: commit.runId, sameInput: word === 'x1' }
    default:
      throw new Error(`broken invariant: a commit was answered with "${word}"`)
  }
}

export function pairs(flat: unknown): Record<string, string> {
  const fields: Record<string, string> = {}
  if (!Array.isArray(flat)) return fields
  for (let index = 0; index < flat.length; index += 2) fields[String(flat[index])] = String(flat[index + 1])
  return fields
}

const numberOrNull = (text: string | undefined): number | null => (text === undefined || text === '' ? null : Number(text))

export function decodeRecord(id: string, flat: unknown): RunRecord | undefined {
  const { w, d, k, p, s, q, o, a, c, u, f, n } = pairs(flat)
  if (w === undefined) return undefined
  return {
    id, workflow: w, definition: d ?? '', key: k ?? null, parent: p ?? null, state: s as RunState, seq: Number(q), owner: o === undefined || o === '' ? null : o,
    wakeAt: numberOrNull(a), createdAt: Number(c), updatedAt: Number(u), finishedAt: numberOrNull(f),
    note: n === undefined || n === '' ? null : parseJson<string>(n, id),
  }
}

export function parseJson<T>(text: string, what: string): T {
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw refusal('STORE_CORRUPT', `what Redis holds for ${what} is no JSON`, 'mag doctor', error)
  }
}

/** Redis' replies, where a list is expected. */
export function list(reply: unknown): unknown[] {
  return Array.isArray(reply) ? reply : []
}
