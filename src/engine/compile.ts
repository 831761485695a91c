/**
 * A definition made ready to be interpreted: steps numbered in file order (a container's content follows it without a
 * gap), dependents and numbers of needs worked out once. Never holds anything of a run.
 */
import type { Definition, Step } from '../model/definition.ts'
import type { Section } from '../model/event.ts'
import type { Expressions } from '../model/expression.ts'
import { invariant } from '../model/error.ts'

export interface CompiledStep {
  no: number
  id: string
  path: string
  step: Step
  list: number
  section: Section
  /** The container step's number, or -1. */
  parent: number
  needs: number[]
  dependents: number[]
  /** Lists inside a container, in order. */
  branches: number[]
  /** One past the last step inside it; `no + 1` for a leaf. */
  end: number
}

export interface CompiledList {
  no: number
  section: Section
  parent: number
  name: string
  /** Steps of this list, in file order. */
  steps: number[]
  /** Those that no other step of the list needs: what the list's context ends with. */
  sinks: number[]
}

export interface Compiled {
  definition: Definition
  hash: string
  steps: CompiledStep[]
  lists: CompiledList[]
  byPath: Map<string, CompiledStep>
  byId: Map<string, CompiledStep>
  sections: Record<Section, number>
  /** Throws where a definition without expressions was compiled without the library and one is asked for. */
  expressions: Expressions
}

const NO_EXPRESSIONS: Expressions = {
  compile: (src) => {
    throw new Error(`broken invariant: expression ${src} in a definition compiled without expressions`)
  },
}

export function compile(definition: Definition, hash: string, expressions: Expressions = NO_EXPRESSIONS): Compiled {
  const compiled: Compiled = {
    definition, hash, expressions, steps: [], lists: [], byPath: new Map(), byId: new Map(),
    sections: { steps: 0, on_failure: 0, finally: 0 },
  }
  compiled.sections.steps = addList(compiled, definition.steps, { section: 'steps', parent: -1, name: '', prefix: '' })
  compiled.sections.on_failure = addList(compiled, definition.onFailure, { section: 'on_failure', parent: -1, name: 'on_failure', prefix: '' })
  compiled.sections.finally = addList(compiled, definition.finally, { section: 'finally', parent: -1, name: 'finally', prefix: '' })
  return compiled
}

interface ListPlace {
  section: Section
  parent: number
  name: string
  prefix: string
}

function addList(compiled: Compiled, steps: Step[], place: ListPlace): number {
  const list: CompiledList = { no: compiled.lists.length, section: place.section, parent: place.parent, name: place.name, steps: [], sinks: [] }
  compiled.lists.push(list)
  const byId = new Map<string, CompiledStep>()
  for (const step of steps) {
    const added = addStep(compiled, step, list, place.prefix)
    byId.set(step.id, added)
    list.steps.push(added.no)
  }
  for (const step of byId.values()) {
    for (const id of step.step.needs) {
      const need = byId.get(id)
      invariant(need, `step ${step.path} needs ${id}, which its list does not have`)
      step.needs.push(need.no)
      need.dependents.push(step.no)
    }
  }
  for (const step of byId.values()) if (step.dependents.length === 0) list.sinks.push(step.no)
  return list.no
}

function addStep(compiled: Compiled, step: Step, list: CompiledList, prefix: string): CompiledStep {
  const path = prefix + step.id
  const added: CompiledStep = {
    no: compiled.steps.length, id: step.id, path, step, list: list.no, section: list.section, parent: list.parent,
    needs: [], dependents: [], branches: [], end: 0,
  }
  compiled.steps.push(added)
  compiled.byPath.set(path, added)
  compiled.byId.set(step.id, added)
  if (step.kind.type === 'parallel') {
    for (const branch of step.kind.branches) {
      const inside = { section: list.section, parent: added.no, name: branch.name, prefix: `${path}/${branch.name}/` }
      added.branches.push(addList(compiled, branch.steps, inside))
    }
  }
  added.end = compiled.steps.length
  return added
}

export function stepAt(compiled: Compiled, no: number): CompiledStep {
  const step = compiled.steps[no]
  invariant(step, `no step number ${no}`)
  return step
}

export function listAt(compiled: Compiled, no: number): CompiledList {
  const list = compiled.lists[no]
  invariant(list, `no list number ${no}`)
  return list
}
