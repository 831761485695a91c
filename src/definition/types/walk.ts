/**
 * Goes through a definition's steps in the order in which they can run, so that what a step reads is known before the step is looked at: what each
 * one gives and what it sees. Nothing here goes deeper than steps are nested.
 */
import type { Definition } from '../../model/definition.ts'
import type { Check, ListRecord, StepRecord, Use } from '../check-context.ts'
import { spanOf } from '../check-names.ts'
import { hasTemplate, splitTemplate } from '../template.ts'
import { entryOf, type Node, type ScalarNode } from '../tree.ts'
import { contextAfter, contextOfInputs, mergeContexts, withKey, type Context } from './context-type.ts'
import { inferExpression } from './infer.ts'
import { keyOf, type Finding } from './infer-scope.ts'
import { lastOutput, type Model, type TypeSources } from './model.ts'
import { narrow } from './narrow.ts'
import { typeOfJson, typeOfSchema } from './schema-type.ts'
import { envFor, readingFor } from './scopes.ts'
import { merges, outputOfKind } from './steps.ts'
import { ANY_LIST, ANY_MAP, asData, boundedType, listOf, literal, members, NULL, nullable, STRING, union, UNKNOWN, widen, type Field, type MapType, type Type } from './type.ts'

const BUDGET = 40_000

export function createModel(check: Check, definition: Definition, sources: TypeSources): Model {
  const uses = new Map<ScalarNode, Use[]>()
  for (const use of check.uses) {
    const there = uses.get(use.node)
    if (there) there.push(use)
    else uses.set(use.node, [use])
  }
  const model: Model = {
    check, definition, sources, inputs: inputsType(definition), uses, numbers: new Map([...check.ids.values()].map((record, i) => [record, i])),
    env: { t: 'map', fields: Object.fromEntries(Object.keys(definition.env).map((name): [string, Field] => [name, { type: STRING }])) },
    places: new Map(), elements: new Map(), returned: new Map(), outputs: new Map(), before: new Map(), after: new Map(), types: new Map(), steps: new Map(), budget: { left: BUDGET },
  }
  for (const list of check.lists) if (!list.parent) visitList(model, list)
  return model
}

function inputsType({ inputs }: Definition): MapType {
  if (!inputs) return ANY_MAP
  return { t: 'map', fields: Object.fromEntries(Object.entries(inputs).map(([name, { schema, optional, default: byDefault }]): [string, Field] => {
    const type = typeOfSchema(schema)
    return [name, optional && byDefault === undefined ? { type, optional: true } : { type }]
  })) }
}

function visitList(model: Model, list: ListRecord): void {
  for (const record of inOrder(list)) {
    model.before.set(record, contextBefore(model, record))
    if (record.repeats === 'foreach') model.elements.set(record, elementType(model, record))
    for (const branch of record.branches) visitList(model, branch)
    model.outputs.set(record, completedOutput(model, record))
    model.after.set(record, contextBehind(model, record))
  }
}

/** Each step after those it needs. Iterative: a list may have ten thousand steps. */
function inOrder(list: ListRecord): StepRecord[] {
  const found: StepRecord[] = []
  const seen = new Set<StepRecord>()
  for (const start of list.steps) {
    const path = seen.has(start) ? [] : [{ record: start, next: 0 }]
    seen.add(start)
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const id = top.record.after[top.next++]
      const need = id === undefined ? undefined : list.byId.get(id)
      if (id === undefined) {
        path.pop()
        found.push(top.record)
      } else if (need && !seen.has(need)) {
        seen.add(need)
        path.push({ record: need, next: 0 })
      }
    }
  }
  return found
}

function contextBefore(model: Model, record: StepRecord): Context {
  const { list } = record
  const needs = record.after.flatMap((id) => list.byId.get(id) ?? []).flatMap((need) => model.after.get(need) ?? [])
  if (needs.length > 0) return mergeContexts(needs)
  if (list.parent) return contextInside(model, list.parent)
  if (list.section === 'steps') return contextOfInputs(model.inputs)
  const main = model.check.lists.find(({ section, parent }) => section === 'steps' && !parent)?.steps ?? []
  const behind = main.flatMap((step) => model.after.get(step) ?? [])
  // Whatever the run got to.
  return loosened(contextOfInputs(model.inputs), mergeContexts([contextOfInputs(model.inputs), ...behind]))
}

/** What the first steps inside a container see. */
function contextInside(model: Model, parent: StepRecord): Context {
  const context = model.before.get(parent) ?? contextOfInputs(model.inputs)
  if (parent.repeats === 'foreach') return withKey(context, parent.as ?? '', model.elements.get(parent) ?? UNKNOWN)
  // An iteration goes on where the one before left off.
  return parent.repeats === 'loop' ? parent.branches.reduce((known, list) => contextAfter(known, Number.MAX_SAFE_INTEGER, writtenIn(model, list), true), context) : context
}

/** What the steps of a loop may write: names, since of what type it is depends on what the steps before it in the loop write. */
function writtenIn(model: Model, list: ListRecord): Type {
  const written = list.steps.flatMap((record): Type[] => {
    const kind = record.step?.kind
    if (!kind || record.repeats) return []
    if (record.branches.length > 0) return record.branches.map((inner) => writtenIn(model, inner))
    if (!merges(kind)) return []
    if (kind.type !== 'set') return [outputOfKind(kind, { worker: model.sources.worker, result: (name) => model.sources.workflow?.(name)?.result, valuesOf: () => UNKNOWN, branches: () => [] })]
    return [kind.values.t === 'map' ? namesOf(kind.values.entries.map(([name]) => name)) : kind.values.t === 'lit' ? typeOfJson(kind.values.v) : UNKNOWN]
  })
  const each = written.flatMap(members)
  if (each.some((one) => one.t === 'unknown' || (one.t === 'map' && one.rest))) return UNKNOWN
  return namesOf(each.flatMap((one) => (one.t === 'map' ? Object.keys(one.fields) : [])))
}

function namesOf(names: readonly string[]): MapType {
  return { t: 'map', fields: Object.fromEntries(names.map((name): [string, Field] => [name, { type: UNKNOWN, optional: true }])) }
}

/** Of the list that a foreach goes through. */
function elementType(model: Model, record: StepRecord): Type {
  const written = entryOf(record.node, 'foreach')?.value
  const node = written?.kind === 'map' ? entryOf(written, 'in')?.value : written
  const type = node ? typeOfNode(model, node, record) : UNKNOWN
  return widen(union(...members(type).map((one) => (one.t === 'list' ? one.of : UNKNOWN))))
}

function contextBehind(model: Model, record: StepRecord): Context {
  const before = model.before.get(record) ?? contextOfInputs(model.inputs)
  const { step } = record
  // Elements and iterations leave nothing behind but their output.
  if (!step || record.repeats) return before
  if (record.branches.length > 0) {
    const ends = record.branches.flatMap(({ steps }) => steps.flatMap((inner) => model.after.get(inner) ?? []))
    return ends.length === 0 ? before : step.if || step.continueOnError || step.kind.type === 'switch' ? loosened(before, mergeContexts(ends)) : mergeContexts(ends)
  }
  if (!merges(step.kind)) return before
  return contextAfter(before, model.numbers.get(record) ?? 0, model.outputs.get(record) ?? UNKNOWN, step.if !== undefined || step.continueOnError === true)
}

/** What was there before, and perhaps what came to it. */
function loosened(before: Context, after: Context): Context {
  const keys = new Map([...after.keys].map(([name, key]) => {
    const there = before.keys.get(name)
    return [name, { ...key, type: there ? union(there.type, key.type) : key.type, optional: there?.optional ?? true }]
  }))
  return { keys, rest: after.rest }
}

/** Of a step that has completed: where it has a `fail_if`, that was false. */
function completedOutput(model: Model, record: StepRecord): Type {
  const { step } = record
  if (!step) return UNKNOWN
  const output = boundedType(asData(outputOfKind(step.kind, {
    worker: model.sources.worker, result: (name) => model.sources.workflow?.(name)?.result,
    valuesOf: (key) => {
      const values = entryOf(record.node, key)?.value
      return values ? widen(boundedType(typeOfNode(model, values, record))) : UNKNOWN
    },
    branches: () => record.branches.map((list) => ({ name: list.prefix.split('/').at(-2) ?? '', output: lastOutput(model, list) })),
  })))
  model.returned.set(record, output)
  const completed = step.failIf ? withoutFailure(model, step.failIf.src, output) : output
  // A list, with null in the place of what failed.
  return record.repeats === 'foreach' ? listOf(step.continueOnError ? nullable(completed) : completed) : completed
}

function withoutFailure(model: Model, failIf: string, output: Type): Type {
  const env = { names: new Map([['output', output]]), facts: new Map<string, Type>() }
  return narrow(model.check.expressions.compile(failIf).ast, false, env).facts.get(keyOf(['output'])) ?? output
}

export function typeOfUse(model: Model, use: Use): Type {
  const there = model.types.get(use)
  if (there) return there
  // An expression that asks for itself has no type yet.
  model.types.set(use, UNKNOWN)
  const { check, budget } = model
  const { ast, references } = check.expressions.compile(use.expression.src)
  budget.left -= 1 + references.length
  if (budget.left < 0 || check.report.isFull()) return UNKNOWN
  let missed = false
  const tell = ({ code, severity, start, end, message, help }: Finding) => {
    const span = spanOf(check, use, { start, end })
    if (severity === 'error') check.report.error(code, span, message, help)
    else check.report.warn(code, span, message, help)
  }
  const reading = readingFor(model, use, { tell, missed: () => { missed = true } })
  const found = inferExpression(ast, envFor(model, use), reading)
  const type = boundedType(missed ? nullable(found) : found)
  model.types.set(use, type)
  return type
}

/** Of a value with templates in it, at the step where it stands. */
export function typeOfNode(model: Model, node: Node, record: StepRecord | undefined): Type {
  if (node.kind === 'list') return node.items.length === 0 ? ANY_LIST : listOf(union(...node.items.slice(0, 200).map((item) => typeOfNode(model, item, record)), ...(node.items.length > 200 ? [UNKNOWN] : [])))
  if (node.kind === 'map') {
    return { t: 'map', fields: Object.fromEntries(node.entries.map(({ key, value }): [string, Field] => [key, { type: typeOfNode(model, value, record) }])), fresh: true }
  }
  if (node.value === null) return NULL
  const uses = (model.uses.get(node) ?? []).filter(({ where }) => where.record === record)
  const [use] = uses
  if (typeof node.value !== 'string') return literal(node.value)
  // A secret: nobody here knows more of it than that it is text.
  if (!use) return hasTemplate(node.value) ? STRING : literal(node.value)
  const split = splitTemplate(node.value)
  const isAlone = split.ok && split.parts.length === 1
  const types = uses.map((one) => typeOfUse(model, one))
  return isAlone ? asData(types[0] ?? UNKNOWN) : STRING
}

