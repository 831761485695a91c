/** Steps laid out: what is known of them before a run. See compile.ts. */
import type { Step } from '../model/definition.ts'
import type { Section } from '../model/event.ts'

/** An instance of a step. All numbers are indexes of the run's states. */
export interface CompiledStep {
  readonly no: number
  readonly id: string
  readonly path: string
  readonly step: Step
  readonly section: Section
  /** The step around it, or -1: a container, or the foreach or loop that it is an element or iteration of. */
  readonly parent: number
  readonly needs: readonly number[]
  readonly dependents: readonly number[]
  /** Lists inside a container, in order; none for a foreach or loop, whose insides are frames. */
  readonly branches: readonly CompiledList[]
  /** One past the last step inside it in its own layout; `no + 1` for a leaf. */
  readonly end: number
  /** Elements of a foreach, iterations of a loop: their layout. */
  readonly body: Layout | undefined
  /** The layout it stands in, and the number of that layout's first step. */
  readonly layout: Layout
  readonly base: number
  /** Directly inside a foreach or loop: the element's or iteration's number, else -1. */
  readonly element: number
}

export interface CompiledList {
  readonly name: string
  /** In file order. */
  readonly steps: readonly number[]
  /** Those that no other step of the list needs: what the list's context ends with. */
  readonly sinks: readonly number[]
}

/** Numbers in it count from its own first step. */
export interface Layout {
  readonly steps: CompiledStep[]
  /** The top level: of the root its sections. */
  readonly lists: CompiledList[]
  /** By path from the layout's own beginning: `both/l/l1`; in an element `` (itself) or `/f`. */
  readonly byPath: Map<string, number>
  readonly byId: Map<string, number>
}

/** True where steps stand inside it: branches, elements or iterations. */
export function isContainer(step: CompiledStep): boolean {
  return step.body !== undefined || step.branches.length > 0
}

/** True for a step with elements; its own instances inside are single ones. */
export function isForeach(step: CompiledStep): boolean {
  return step.step.foreach !== undefined
}
