/** What is asked of a run from outside: its result, whether it may leave memory, what its parent has to undo. */
import type { UndoItem } from '../model/event.ts'
import type { Json } from '../model/json.ts'
import type { Compiled } from './compile.ts'
import { draftOf, SETTLED, type Run } from './run.ts'
import { newTurn } from './turn.ts'
import { undoItems } from './undo.ts'
import { each, get } from './vector.ts'

/** A completed run's result: its outputs, or what `return` gave, or without either the outputs of its top-level steps by id. */
export function resultOf(compiled: Compiled, run: Run): Json {
  if (run.output !== undefined) return run.output
  const outputs: { [id: string]: Json } = Object.create(null)
  for (const no of compiled.sections.steps.steps) {
    const { step, status, output } = get(run.steps, no)
    if (status === 'completed') outputs[step.id] = output ?? null
  }
  return outputs
}

/** True where only a message, or its time, moves the run: nothing of it is with a pool, a child or the store. */
export function mayPark(run: Run): boolean {
  return run.final === undefined && run.tasks + run.childCount + run.gating === 0 && run.gate === 0 && run.phase !== 'aborting'
}

/** Paths that may hold a slot: '' for the run itself. */
export function gateSlots(run: Run): Set<string> {
  const paths = new Set<string>()
  if (run.slot !== undefined && run.final === undefined) paths.add('')
  each(run.steps, ({ step, slot, status }) => {
    if (slot !== undefined && !SETTLED.has(status)) paths.add(step.path)
  })
  return paths
}

/** `children`: completed ones, which are to be asked as well. */
export function undoOf(compiled: Compiled, run: Run): { items: UndoItem[]; children: Array<{ path: string; run: string }> } {
  return undoItems(newTurn(compiled, draftOf(run), 0))
}
