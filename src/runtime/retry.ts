/** A final run that goes on: checked first, then opened again and told so. */
import type { Backend, Owner, ProcessRecord } from '../backend/backend.ts'
import { planRetry, recover, type Compiled } from '../engine/transition.ts'
import { isFinal, type RunEvent } from '../model/event.ts'
import type { Orchestrator } from './orchestrator.ts'
import { livenessOf } from './process.ts'

export interface RetryParts {
  backend: Backend
  owner: Owner
  orchestrator: Orchestrator
  compiled(hash: string): Promise<Compiled>
}

export async function retryRun(parts: RetryParts, runId: string, options: { from?: string; by?: string }): Promise<'owned' | 'missing' | { heldBy: ProcessRecord } | { refused: string }> {
  const { backend, owner, orchestrator } = parts
  const record = await backend.run(runId)
  if (!record) return 'missing'
  if (!isFinal(record.state)) return { refused: 'it has not ended' }
  const compiled = await parts.compiled(record.definition)
  const { run } = recover(compiled, runId, await wholeHistory(backend, runId))
  const plan = planRetry(compiled, run, options.from)
  if ('refused' in plan) return plan
  for (let tries = 0; ; tries++) {
    const claim = await backend.reopen(runId, owner)
    if (claim.status === 'missing') return 'missing'
    if (claim.status === 'ok') break
    if (claim.status === 'final') return { refused: 'another process has just ended it' }
    const proof = livenessOf(claim.by) === 'dead' ? 'dead' : undefined
    if (tries > 0 || !(await backend.fence(claim.by.id, proof))) return { heldBy: claim.by }
  }
  await orchestrator.deliver(runId, { type: 'retry', ...(options.from === undefined ? {} : { from: options.from }), ...(options.by === undefined ? {} : { by: options.by }) })
  return 'owned'
}

export async function wholeHistory(backend: Backend, runId: string): Promise<RunEvent[]> {
  const events: RunEvent[] = []
  for (;;) {
    const page = await backend.history(runId, events.at(-1)?.seq ?? 0, 10_000)
    if (page.length === 0) return events
    for (const event of page) events.push(event)
  }
}
