/** What the checks share while they walk one definition. */
import type { Expression, Step } from '../model/definition.ts'
import type { Section } from '../model/event.ts'
import type { Code } from './codes.ts'
import type { CheckedExpressions } from './expression.ts'
import { nearName } from './near.ts'
import type { Report, Span } from './report.ts'
import { describe, type MapNode, type Node, type ScalarNode } from './tree.ts'

export interface StepRecord {
  id: string
  path: string
  idSpan: Span
  /** Absent where the step was too broken to build. */
  step: Step | undefined
  list: ListRecord
  /** As written. */
  node: MapNode
  /** Position among the steps of its list that are maps at all. */
  index: number
  /** As written; undefined: the step above. */
  needs: Array<{ id: string; span: Span }> | undefined
  /** Ids of the steps of its list that it waits for, once they are checked. */
  after: string[]
  branches: ListRecord[]
  /** What is inside runs more than once, and is not seen from outside. */
  repeats: 'foreach' | 'loop' | undefined
  /** The name of a foreach's element. */
  as: string | undefined
}

export interface ListRecord {
  section: Section
  parent: StepRecord | undefined
  /** Of its steps' paths: `both/left/`. */
  prefix: string
  steps: StepRecord[]
  byId: Map<string, StepRecord>
}

/** Where an expression stands: decides which names it may read. */
/**
 * `once`: evaluated before the elements of a foreach; `loop`: after an iteration; `start`: before any step.
 */
export interface Where {
  in: 'step' | 'once' | 'loop' | 'fail' | 'undo' | 'outputs' | 'env' | 'start'
  record?: StepRecord
  /** Secrets may stand here. */
  secrets?: boolean
}

export interface Use {
  expression: Expression
  where: Where
  /** The scalar it stands in and where in its text it begins. */
  node: ScalarNode
  index: number
  condition: boolean
}

export interface WorkerUse {
  worker: string
  step: string
  line: number
  column: number
  endColumn: number
}

/** A workflow that a step starts as a child. */
export interface WorkflowUse {
  workflow: string
  step: string
  line: number
  column: number
  endColumn: number
}

export interface Check {
  report: Report
  /** As written; undefined where the file is no map. */
  root: MapNode | undefined
  expressions: CheckedExpressions
  ids: Map<string, StepRecord>
  lists: ListRecord[]
  uses: Use[]
  workers: WorkerUse[]
  workflows: WorkflowUse[]
  /** Declared inputs; undefined: any are accepted. */
  inputs: ReadonlySet<string> | undefined
  env: ReadonlySet<string>
  secrets: ReadonlySet<string>
  stepCount: number
  /** Keywords of JSON Schema in it so far. */
  schemaKeywords: number
  /** Work left for finding near misses. */
  suggestions: { left: number }
}

const MAX_USES = 100_000

/** Notes an expression for the checks that follow. */
export function noteUse(check: Check, use: Use): void {
  if (check.uses.length > MAX_USES) return
  check.uses.push(use)
  if (check.uses.length > MAX_USES) check.report.error('MAG1011', use.node.span, `The workflow has more than ${MAX_USES} expressions`, 'Split the workflow, or compute this in a worker.')
}

/** Pairs of letters that may be compared: a hostile file has thousands of names, and thousands of unknown ones. */
export const SUGGESTION_BUDGET = 10_000_000

export function wrongType(check: Check, node: Node, what: string, expected: string, help?: string): undefined {
  check.report.error('MAG1013', node.span, `${what} must be ${expected}, not ${describe(node)}`, help)
  return undefined
}

export function refuse(check: Check, code: Code, node: Node, message: string, help?: string): undefined {
  check.report.error(code, node.span, message, help)
  return undefined
}

export function notYet(check: Check, span: Span, what: string): void {
  check.report.error('MAG1004', span, `${what} is not supported by this version of mag yet`)
}

export function didYouMean(check: Check, typed: string, names: Iterable<string>): string | undefined {
  const near = nearestName(check, typed, names)
  return near === undefined ? undefined : `Did you mean "${near}"?`
}

export function nearestName(check: Check, typed: string, names: Iterable<string>): string | undefined {
  return check.report.isFull() ? undefined : nearName(typed, affordable(check, typed, names))
}

/** As many of the names as the budget allows. */
function* affordable({ suggestions }: Check, typed: string, names: Iterable<string>): Generator<string> {
  for (const name of names) {
    suggestions.left -= Math.abs(name.length - typed.length) > typed.length ? 10 : name.length * typed.length
    if (suggestions.left < 0) return
    yield name
  }
}
