/** Frames: the states of one element or iteration, side by side in the run's vector; and steps found by path or id. */
import { invariant } from '../model/error.ts'
import { instantiate, listFrom, type Compiled, type CompiledList, type CompiledStep } from './compile.ts'
import { change, type Draft, type Run, type StepState } from './run.ts'
import { get, push, vectorOf } from './vector.ts'

export function stepAt(run: Run, no: number): CompiledStep {
  return get(run.steps, no).step
}

/** The instance at a path, `loop[2]/f`; undefined where there is none (yet). */
export function find(compiled: Compiled, run: Run, path: string): CompiledStep | undefined {
  return walk(compiled, run, path, () => undefined)
}

/** The same for an event of that path: the first one of an element is what brings the element about. */
export function at(compiled: Compiled, draft: Draft, path: string): CompiledStep {
  const step = walk(compiled, draft, path, (state, index) => openFrame(draft, state.step.no, index))
  invariant(step, `no step ${path} in ${compiled.definition.name}`)
  return step
}

function walk(compiled: Compiled, run: Run, path: string, missing: (state: StepState, index: number) => number | undefined): CompiledStep | undefined {
  if (run.steps.length === 0) return undefined
  let open = path.indexOf('[')
  let no = compiled.root.byPath.get(open < 0 ? path : path.slice(0, open))
  while (open >= 0 && no !== undefined) {
    const close = path.indexOf(']', open)
    const index = Number(path.slice(open + 1, close))
    const state = get(run.steps, no)
    if (close < 0 || !state.step.body || !Number.isInteger(index) || index < 0) return undefined
    const { frames } = state
    const known = frames && index < frames.length ? get(frames, index) : undefined
    const base = known ?? (state.each && index === (frames?.length ?? 0) ? missing(state, index) : undefined)
    if (base === undefined) return undefined
    open = path.indexOf('[', close)
    const local = state.step.body.byPath.get(open < 0 ? path.slice(close + 1) : path.slice(close + 1, open))
    no = local === undefined ? undefined : base + local
  }
  return no === undefined ? undefined : stepAt(run, no)
}

/** Adds the states of a new element or iteration. Returns the number of the first one. */
export function openFrame(draft: Draft, no: number, index: number): number {
  const state = get(draft.steps, no)
  const { body } = state.step
  invariant(body, `${state.step.path} has no elements`)
  const base = draft.steps.length
  for (const inner of instantiate(body, state.step, index, base)) {
    draft.fresh.add(draft.steps.length)
    draft.steps = push(draft.steps, inner.generation === state.generation ? inner : { ...inner, generation: state.generation })
  }
  const frames = state.frames ? push(state.frames, base) : vectorOf([base])
  const opened = body.lists[0]?.steps.length ?? 0
  change(draft, no, { frames, open: state.open + opened })
  return base
}

/** The lists inside a container that are at work: all branches, the one that a switch took, every element or iteration. */
export function openLists(state: StepState): CompiledList[] {
  const { step, frames, branch } = state
  if (frames && step.body) return framesOf(state)
  if (step.step.kind.type === 'switch' && step.branches.length > 0) {
    const taken = step.branches[branch]
    return taken ? [taken] : []
  }
  return [...step.branches]
}

function framesOf({ step: { body }, frames }: StepState): CompiledList[] {
  const list = body?.lists[0]
  if (!list || !frames) return []
  const found: CompiledList[] = []
  for (let i = 0; i < frames.length; i++) found.push(listFrom(list, get(frames, i)))
  return found
}

/** The last iteration's list; undefined before the first. */
export function lastFrame({ step: { body }, frames }: StepState): CompiledList | undefined {
  const list = body?.lists[0]
  return list && frames && frames.length > 0 ? listFrom(list, get(frames, frames.length - 1)) : undefined
}

/** The step that `steps.<id>` means from where `from` stands: in its own layout, else in those around it. */
export function findById(compiled: Compiled, run: Run, from: CompiledStep | undefined, id: string): StepState | undefined {
  for (let place = from; place; place = place.parent < 0 ? undefined : stepAt(run, place.parent)) {
    const local = place.layout.byId.get(id)
    if (local !== undefined) return get(run.steps, place.base + local)
    // On to the step that this layout's first step stands in.
    while (place.element < 0 && place.parent >= 0 && stepAt(run, place.parent).layout === place.layout) place = stepAt(run, place.parent)
  }
  const no = compiled.root.byId.get(id)
  return no === undefined || run.steps.length === 0 ? undefined : get(run.steps, no)
}
