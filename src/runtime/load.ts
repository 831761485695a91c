/** Brings a run from the store into memory: its history folded, and what its former owner held given up. */
import { gateSlots, mayPark, recover } from '../engine/transition.ts'
import { isFinal, type RunEvent } from '../model/event.ts'
import { newActive, type Core } from './active.ts'

/** False: the run is not this process's to drive. */
export function load(core: Core, runId: string): Promise<boolean> {
  if (core.active.has(runId)) return Promise.resolve(true)
  let loading = core.loading.get(runId)
  if (!loading) {
    loading = loadFrom(core, runId).finally(() => core.loading.delete(runId))
    core.loading.set(runId, loading)
  }
  return loading
}

async function loadFrom(core: Core, runId: string): Promise<boolean> {
  const { backend, owner } = core.options
  const record = await backend.run(runId)
  if (!record || isFinal(record.state) || record.owner !== owner.id) return false
  const compiled = await core.options.compiled(record.definition)
  const events: RunEvent[] = []
  for (;;) {
    const page = await backend.history(runId, events.at(-1)?.seq ?? 0, 10_000)
    if (page.length === 0) break
    for (const event of page) events.push(event)
  }
  const { run, wakeAt } = recover(compiled, runId, events)
  // Attempts that only the history knows are in no pool here.
  const takenOver = run.final === undefined && (core.adopting.has(runId) || !mayPark(run))
  if (takenOver) await core.options.gates.reconcile(runId, gateSlots(run))
  // What was sent before the takeover comes before it: a cancel ends the interrupted step instead of starting it again.
  const sent = takenOver ? await backend.inboxOf(runId) : []
  if (core.stopped) return false
  core.adopting.delete(runId)
  const active = newActive(runId, compiled)
  active.run = run
  active.wakeAt = wakeAt
  active.recordState = record.state
  active.recordWakeAt = record.wakeAt
  for (const { id, message } of sent) {
    active.inbox.push(message)
    active.handled.push(id)
  }
  // A run that was opened for a retry which never came: its record is set right.
  if (run.final !== undefined) active.inbox.push({ type: 'tick' })
  // Before anything else, or a tick's new attempts would count as lost too.
  if (takenOver && run.seq > 0) active.inbox.push({ type: 'taken_over', owner: owner.id, clean: false })
  core.active.set(runId, active)
  if (wakeAt !== null) core.wakes.set(runId, wakeAt)
  return true
}
