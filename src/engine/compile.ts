/**
 * A definition made ready to be interpreted. A **layout** is a set of steps whose states lie side by side: the root's (the
 * three sections), one for the elements of each `foreach`, one for the iterations of each loop. A container's content
 * follows it without a gap. A layout is laid out once per compiled definition and **instantiated** once per run, element or
 * iteration: the instance of a step knows its path and the numbers of its neighbours in the run's vector of states.
 */
import type { Definition, Step } from '../model/definition.ts'
import type { Section } from '../model/event.ts'
import type { Expressions } from '../model/expression.ts'
import { invariant } from '../model/error.ts'
import type { CompiledList, CompiledStep, Layout } from './layout.ts'
import { newStep, type StepState } from './run.ts'
import { vectorOf, type Vector } from './vector.ts'

export type { CompiledList, CompiledStep, Layout } from './layout.ts'

export interface Compiled {
  readonly definition: Definition
  readonly hash: string
  readonly root: Layout
  readonly sections: Readonly<Record<Section, CompiledList>>
  /** The states that a run begins with. */
  readonly initial: Vector<StepState>
  /** Throws where a definition without expressions was compiled without the library and one is asked for. */
  readonly expressions: Expressions
}

const NO_EXPRESSIONS: Expressions = {
  compile: (src) => {
    throw new Error(`broken invariant: expression ${src} in a definition compiled without expressions`)
  },
}

type Laid = { -readonly [K in keyof CompiledStep]: CompiledStep[K] } & { needs: number[]; dependents: number[]; branches: CompiledList[] }

export function compile(definition: Definition, hash: string, expressions: Expressions = NO_EXPRESSIONS): Compiled {
  const root: Layout = { steps: [], lists: [], byPath: new Map(), byId: new Map() }
  const section = (name: Section, steps: Step[]): CompiledList => {
    const list = addList(root, steps, { section: name, parent: -1, name, prefix: '' })
    root.lists.push(list)
    return list
  }
  const sections = { steps: section('steps', definition.steps), on_failure: section('on_failure', definition.onFailure), finally: section('finally', definition.finally) }
  return { definition, hash, expressions, root, sections, initial: vectorOf(root.steps.map((step) => newStep(step, step.needs.length))) }
}

interface ListPlace {
  section: Section
  parent: number
  name: string
  prefix: string
}

function addList(layout: Layout, steps: Step[], place: ListPlace): CompiledList {
  const added = new Map<string, Laid>()
  for (const step of steps) added.set(step.id, addStep(layout, step, place))
  for (const step of added.values()) {
    for (const id of step.step.needs) {
      const need = added.get(id)
      invariant(need, `step ${step.path} needs ${id}, which its list does not have`)
      step.needs.push(need.no)
      need.dependents.push(step.no)
    }
  }
  const all = [...added.values()]
  return { name: place.name, steps: all.map((step) => step.no), sinks: all.filter((step) => step.dependents.length === 0).map((step) => step.no) }
}

function addStep(layout: Layout, step: Step, { section, parent, prefix }: ListPlace): Laid {
  const path = prefix + step.id
  const laid = lay(layout, step, { path, section, parent })
  if (step.foreach) laid.body = elementLayout(step, section)
  else addContents(layout, laid, path)
  laid.end = layout.steps.length
  return laid
}

function lay(layout: Layout, step: Step, { path, section, parent }: { path: string; section: Section; parent: number }): Laid {
  const no = layout.steps.length
  const laid: Laid = { no, id: step.id, path, step, section, parent, needs: [], dependents: [], branches: [], end: no + 1, body: undefined, layout, base: 0, element: -1 }
  layout.steps.push(laid)
  layout.byPath.set(path, no)
  layout.byId.set(step.id, no)
  return laid
}

function addContents(layout: Layout, laid: Laid, path: string): void {
  const { kind } = laid.step
  const inside = (name: string, prefix: string): ListPlace => ({ section: laid.section, parent: laid.no, name, prefix })
  switch (kind.type) {
    case 'parallel':
      for (const branch of kind.branches) laid.branches.push(addList(layout, branch.steps, inside(branch.name, `${path}/${branch.name}/`)))
      return
    case 'switch':
      for (const [i, one] of kind.cases.entries()) laid.branches.push(addList(layout, one.steps, inside(String(i), `${path}/`)))
      return
    case 'steps':
      if (kind.loop) laid.body = iterationLayout(kind.steps, laid.section)
      else laid.branches.push(addList(layout, kind.steps, inside('', `${path}/`)))
      return
    default:
  }
}

/** An element is the step itself, without what counts once for all of them. */
function elementLayout(step: Step, section: Section): Layout {
  const layout: Layout = { steps: [], lists: [], byPath: new Map(), byId: new Map() }
  const { foreach: _, if: _if, deadlineMs: _deadline, continueOnError: _continue, ...own } = step
  const laid = lay(layout, { ...own, needs: [] }, { path: '', section, parent: -1 })
  addContents(layout, laid, '')
  laid.end = layout.steps.length
  layout.lists.push({ name: '', steps: [0], sinks: [0] })
  return layout
}

function iterationLayout(steps: Step[], section: Section): Layout {
  const layout: Layout = { steps: [], lists: [], byPath: new Map(), byId: new Map() }
  layout.lists.push(addList(layout, steps, { section, parent: -1, name: '', prefix: '/' }))
  return layout
}

const shift = (numbers: readonly number[], base: number): readonly number[] => (numbers.length === 0 ? numbers : numbers.map((no) => no + base))

/** The states of a new element or iteration of `parent`, to stand from `base` on. */
export function instantiate(layout: Layout, parent: CompiledStep, element: number, base: number): StepState[] {
  const prefix = `${parent.path}[${element}]`
  return layout.steps.map((laid) => {
    const own = laid.parent < 0
    const instance: CompiledStep = {
      no: base + laid.no, id: laid.id, path: prefix + laid.path, step: laid.step, section: laid.section, parent: own ? parent.no : base + laid.parent,
      needs: shift(laid.needs, base), dependents: shift(laid.dependents, base), branches: laid.branches.length === 0 ? laid.branches : laid.branches.map((list) => listFrom(list, base)),
      end: base + laid.end, body: laid.body, layout, base, element: own ? element : -1,
    }
    return newStep(instance, laid.needs.length)
  })
}

export function listFrom(list: CompiledList, base: number): CompiledList {
  return { name: list.name, steps: shift(list.steps, base), sinks: shift(list.sinks, base) }
}
