/** The context of each step: where its needs left off, and what it leaves behind (LANGUAGE.md section 4). */
import type { Json } from '../model/json.ts'
import type { Compiled, CompiledList, CompiledStep } from './compile.ts'
import { contextOfInput, extend, merge, withName, type Context } from './context.ts'
import { lastFrame, openLists } from './frame.ts'
import type { Run, StepState } from './run.ts'
import { get } from './vector.ts'

/** The context that a step begins with. */
export function contextOf(compiled: Compiled, run: Run, step: CompiledStep): Context {
  if (step.needs.length === 0) return contextOfHead(compiled, run, step)
  if (step.needs.length === 1) return get(run.steps, step.needs[0] ?? -1).after ?? contextOfInput(run.input)
  return merge(step.needs.map((no) => get(run.steps, no).after ?? contextOfInput(run.input)))
}

function contextOfHead(compiled: Compiled, run: Run, step: CompiledStep): Context {
  if (step.parent >= 0) return contextInside(run, get(run.steps, step.parent), step)
  if (step.section === 'steps') return contextOfInput(run.input)
  // on_failure and finally see what all finished steps left behind.
  return merge([contextOfInput(run.input), ...compiled.sections.steps.steps.map((no) => get(run.steps, no).after ?? contextOfInput(run.input))])
}

/** What the first steps inside a container see. */
function contextInside(run: Run, around: StepState, step: CompiledStep): Context {
  const context = around.context ?? contextOfInput(run.input)
  const { foreach } = around.step.step
  if (foreach && step.element >= 0) return withName(context, around.step.no, foreach.as, around.each?.items[step.element] ?? null)
  return around.carry ?? context
}

/** Where the last steps of a list leave off; undefined where it has none. */
export function contextAfterList(run: Run, list: CompiledList | undefined, context: Context): Context {
  const ends = (list?.sinks ?? []).map((no) => get(run.steps, no).after ?? context)
  return ends.length === 0 ? context : merge(ends)
}

export function carryOf(run: Run, loop: StepState): Context | undefined {
  const context = loop.carry ?? loop.context
  return context && contextAfterList(run, lastFrame(loop), context)
}

/** The context after a completed step. Elements and iterations leave nothing behind but their output. */
export function afterOf(run: Run, state: StepState, context: Context, output: Json): Context {
  const { step } = state
  if (step.body) return context
  switch (step.step.kind.type) {
    case 'worker':
    case 'set':
    case 'workflow':
    case 'wait':
      return extend(context, step.no, output)
    case 'parallel':
    case 'steps':
    case 'switch': {
      const ends = openLists(state).flatMap((list) => list.sinks.map((no) => get(run.steps, no).after ?? context))
      return ends.length === 0 ? context : merge(ends)
    }
    default:
      return context
  }
}
