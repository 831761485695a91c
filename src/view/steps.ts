/** The steps of a view: those of the file at once, elements and iterations when they are first heard of. */
import { listsIn, type RetryPolicy, type Step } from '../model/definition.ts'
import type { Section } from '../model/event.ts'
import type { RunView, StepView } from './views.ts'

/** A foreach with no more elements shows them all; of a larger one those at work, and so many that failed. */
export const FEW = 8
const MOST_FAILED = 20

export interface Place {
  section: Section
  prefix: string
  all: StepView[]
  byPath: Map<string, StepView>
  dynamic: boolean
}

export function addList(steps: readonly Step[], place: Place): StepView[] {
  const byId = new Map<string, StepView>()
  for (const step of steps) byId.set(step.id, addStep(step, { path: place.prefix + step.id, needs: step.needs.flatMap((id) => byId.get(id) ?? []) }, place))
  return steps.flatMap((step) => byId.get(step.id) ?? [])
}

interface Spot {
  path: string
  needs: StepView[]
  elementOf?: StepView
}

function addStep(step: Step, { path, needs, elementOf }: Spot, place: Place): StepView {
  const view: StepView = {
    no: elementOf?.no ?? place.all.length, id: elementOf ? `${step.id}${path.slice(path.lastIndexOf('['))}` : step.id, path, kind: step.kind.type, section: place.section, needs,
    branches: [], state: 'pending', attempts: 0, step, dynamic: place.dynamic, ...(elementOf ? { elementOf } : {}),
    ...(step.kind.type === 'worker' ? { worker: step.kind.worker } : {}),
    ...(step.compensate ? { undoWorker: step.compensate.worker } : {}), ...attemptsOf(step.retry),
  }
  place.all.push(view)
  place.byPath.set(path, view)
  if (!repeats(step)) view.branches = listsIn(step).map((steps, i) => ({ name: branchName(step, i), steps: addList(steps, { ...place, prefix: prefixOf(step, path, i) }) }))
  return view
}

function repeats(step: Step): boolean {
  return step.foreach !== undefined || (step.kind.type === 'steps' && step.kind.loop !== undefined)
}

function branchName({ kind }: Step, i: number): string {
  return kind.type === 'parallel' ? (kind.branches[i]?.name ?? '') : ''
}

function prefixOf(step: Step, path: string, i: number): string {
  return step.kind.type === 'parallel' ? `${path}/${branchName(step, i)}/` : `${path}/`
}

function attemptsOf(retry: RetryPolicy | undefined): { maxAttempts?: number } {
  return retry ? { maxAttempts: retry.attempts } : {}
}

/** The step at a path, `loop[2]/f`; elements and iterations come about here. */
export function stepAt(view: RunView, path: string): StepView | undefined {
  const known = view.byPath.get(path)
  if (known) return known
  for (let open = path.indexOf('['); open >= 0; open = path.indexOf('[', open + 1)) {
    const close = path.indexOf(']', open)
    const container = view.byPath.get(path.slice(0, open))
    const index = Number(path.slice(open + 1, close))
    if (!container || close < 0 || !Number.isInteger(index)) return undefined
    if (!view.byPath.has(path.slice(0, close + 1)) && container.step.foreach) addElement(view, container, index)
    else if (!container.step.foreach) iterate(view, container, index)
  }
  return view.byPath.get(path)
}

function dynamicPlace(view: RunView, { section }: StepView, prefix: string): Place {
  return { section, prefix, all: [], byPath: view.byPath, dynamic: true }
}

function addElement(view: RunView, container: StepView, index: number): void {
  const { foreach: _, ...single } = container.step
  const path = `${container.path}[${index}]`
  const element = addStep({ ...single, needs: [] }, { path, needs: [], elementOf: container }, dynamicPlace(view, container, ''))
  container.each?.shown.set(index, element)
}

/** A loop shows its latest iteration. Word of an older one, which only its undo brings, has nowhere to be shown. */
export function iterate(view: RunView, loop: StepView, index: number): void {
  const { kind } = loop.step
  if (kind.type !== 'steps' || (loop.iteration ?? -1) >= index) return
  for (const { steps } of loop.branches) for (const step of steps) forgetInside(view, step)
  loop.iteration = index
  const prefix = `${loop.path}[${index}]/`
  loop.branches = [{ name: '', steps: addList(kind.steps, dynamicPlace(view, loop, prefix)) }]
}

/** An element has settled: a few are remembered, the others only counted. */
export function elementSettled(view: RunView, element: StepView): void {
  const each = element.elementOf?.each
  if (!each) return
  each.done++
  if (element.state === 'failed') each.failed++
  const keep = each.total <= FEW || (element.state === 'failed' && each.failed <= MOST_FAILED)
  if (keep) return
  for (const [index, shown] of each.shown) if (shown === element) each.shown.delete(index)
  forgetInside(view, element)
}

function forgetInside(view: RunView, step: StepView): void {
  view.byPath.delete(step.path)
  view.active.delete(step)
  view.tasks.delete(step)
  for (const { steps } of step.branches) for (const inner of steps) forgetInside(view, inner)
  for (const inner of step.each?.shown.values() ?? []) forgetInside(view, inner)
}

/** As before its first event. */
export function reset(view: RunView, path: string): void {
  const step = stepAt(view, path)
  if (!step) return
  if (step.elementOf?.each && step.state !== 'pending') step.elementOf.each.done--
  for (const inner of everyIn([step])) {
    inner.state = 'pending'
    inner.attempts = 0
    for (const field of FIELDS) delete inner[field]
  }
  if (step.iteration !== undefined) step.branches = []
  delete step.iteration
}

const FIELDS = [
  'startedAt', 'finishedAt', 'dueAt', 'process', 'progress', 'output', 'error', 'reason', 'skip', 'continued', 'aborting', 'undo', 'each', 'signal', 'approve', 'gate', 'child', 'cached',
] as const satisfies ReadonlyArray<keyof StepView>

/** Every step there is to show, containers before what is in them. */
export function* everyStep(view: RunView): Generator<StepView> {
  yield* everyIn(view.steps)
  yield* everyIn(view.onFailure)
  yield* everyIn(view.finally)
}

function* everyIn(steps: Iterable<StepView>): Generator<StepView> {
  for (const step of steps) {
    yield step
    for (const branch of step.branches) yield* everyIn(branch.steps)
    if (step.each) yield* everyIn([...step.each.shown].sort(([a], [b]) => a - b).map(([, element]) => element))
  }
}
