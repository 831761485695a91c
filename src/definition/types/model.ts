/** What is known of the types of one definition, as far as it has been gone through (walk.ts). */
import type { Definition } from '../../model/definition.ts'
import type { Check, ListRecord, StepRecord, Use } from '../check-context.ts'
import type { ScalarNode } from '../tree.ts'
import type { Context } from './context-type.ts'
import type { Place } from './outcomes.ts'
import { stepType, type Outcomes, type WorkerTypes } from './steps.ts'
import { NULL, union, UNKNOWN, type MapType, type Type } from './type.ts'

export interface TypeSources {
  /** Undefined: nothing is known of it. */
  worker(name: string): WorkerTypes | undefined
  /** Of workflows that are started as children. */
  workflow?(name: string): { inputs: MapType; result: Type } | undefined
}

export interface Model {
  check: Check
  definition: Definition
  sources: TypeSources
  inputs: MapType
  env: MapType
  uses: ReadonlyMap<ScalarNode, Use[]>
  /** What the conditions around a place show, by place. */
  places: Map<string, Place>
  numbers: ReadonlyMap<StepRecord, number>
  /** As returned, and as it is where the step has completed (its `fail_if` was false). */
  returned: Map<StepRecord, Type>
  /** Of a foreach: one element of its list. */
  elements: Map<StepRecord, Type>
  outputs: Map<StepRecord, Type>
  before: Map<StepRecord, Context>
  after: Map<StepRecord, Context>
  types: Map<Use, Type>
  steps: Map<string, Type>
  /** Work left: a hostile file has a hundred thousand expressions. */
  budget: { left: number }
}

/** Of the last step of a list that has completed, or null. */
export function lastOutput(model: Model, list: ListRecord): Type {
  const found: Type[] = []
  for (const record of list.steps.toReversed()) {
    found.push(model.outputs.get(record) ?? UNKNOWN)
    if (record.step && !record.step.if && !record.step.continueOnError) return union(...found)
  }
  return union(...found, NULL)
}

/** `steps.<id>` as another step sees it. */
export function stepTypeFor(model: Model, target: StepRecord, outcome: Outcomes): Type {
  const key = `${target.path} ${String(outcome.skipped)} ${String(outcome.failed)} ${String(outcome.open)}`
  const there = model.steps.get(key) ?? stepType(model.outputs.get(target) ?? UNKNOWN, outcome)
  model.steps.set(key, there)
  return there
}

