/** Looking into a run without moving it. */
import type { JsonObject } from '../model/json.ts'
import type { Compiled } from './compile.ts'
import { toJson } from './context.ts'
import { contextOf } from './contexts.ts'
import { find } from './frame.ts'
import type { Run } from './run.ts'
import { get } from './vector.ts'

/** What the step at a path sees; the input where there is none. */
export function contextAt(compiled: Compiled, run: Run, path: string): JsonObject {
  const step = find(compiled, run, path)
  if (!step) return run.input
  return toJson(get(run.steps, step.no).context ?? contextOf(compiled, run, step))
}
