/**
 * Hands a new run to whichever server is there: it is created as nobody's, with its start as a message. Should this process
 * die between the two, nothing was acknowledged; the same key again finds the run and sends the start once more, and a run
 * that has begun ignores it.
 */
import type { Backend, Owner } from '../backend/backend.ts'
import { isFinal } from '../model/event.ts'
import { MagError } from '../model/error.ts'
import type { Message } from '../model/message.ts'
import type { StartRequest } from './start-request.ts'

export interface Submitted {
  runId: string
  created: boolean
  final: boolean
  sameInput: boolean
}

export async function submitRun(backend: Backend, owner: Owner, request: StartRequest & { now: number }): Promise<Submitted> {
  const { id, workflow, compiled, input, key, inputHash, children, now } = request
  const keyed = key === undefined ? {} : { key }
  const [result] = await backend.commit([{
    runId: id, owner, expectedSeq: 0, events: [], create: { workflow, definition: compiled.hash, inputHash, createdAt: now, ...keyed }, patch: { state: 'pending', release: true },
  }])
  const start = (runId: string): Message => ({ type: 'start', id: runId, workflow, definition: compiled.hash, input, ...keyed, ...(children ? { children } : {}) })
  if (result?.status === 'ok') {
    await backend.send(id, start(id))
    return { runId: id, created: true, final: false, sameInput: true }
  }
  if (result?.status !== 'exists') throw new MagError('LEASE_LOST', 'this process may not write to the store any more', { exitCode: 7, hint: 'try again' })
  const { runId, sameInput } = result
  const record = await backend.run(runId)
  if (sameInput && record?.state === 'pending' && (await backend.history(runId, 0, 1)).length === 0) await backend.send(runId, start(runId))
  return { runId, created: false, final: record ? isFinal(record.state) : false, sameInput }
}
