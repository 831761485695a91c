/**
 * What can be known of a definition before it runs (LANGUAGE.md section 4): that members exist, that values are there when they are read and
 * have the type that their reader takes. Only what is certain is an error; what nothing is known of is never told.
 */
import type { Definition } from '../../model/definition.ts'
import type { Check, ListRecord, Use } from '../check-context.ts'
import { spanOf } from '../check-names.ts'
import type { Span } from '../report.ts'
import { clip, entryOf } from '../tree.ts'
import { checkCalls, undoContext } from './check-calls.ts'
import { checkPlaces } from './check-places.ts'
import { checkSecrets } from './check-secrets.ts'
import { checkWorkerWriters } from './check-writers.ts'
import type { Model, TypeSources } from './model.ts'
import { outcomeOf, outside } from './outcomes.ts'
import { contextType } from './scopes.ts'
import { asData, describeType, mayBe, members, union, UNKNOWN, type Field, type MapType, type Type } from './type.ts'
import { createModel, typeOfNode, typeOfUse } from './walk.ts'

export interface WorkflowTypes {
  name: string
  description?: string
  /** What a run is started with. */
  inputs: MapType
  /** Of a run that completed. */
  result: Type
  /** What each step receives without `with`, by its path. */
  contexts: ReadonlyArray<{ worker: string; step: string; context: Type }>
}

export function checkTypes(check: Check, definition: Definition, sources: TypeSources): WorkflowTypes {
  const model = createModel(check, definition, sources)
  for (const use of check.uses) {
    const type = typeOfUse(model, use)
    if (use.condition) checkCondition(check, use, type)
  }
  for (const record of check.ids.values()) {
    checkCalls(model, record)
    checkPlaces(model, record)
    checkSecrets(model, record)
  }
  for (const list of check.lists) checkReachable(check, list)
  checkWorkerWriters(model)
  const { name, description } = definition
  return { name, ...(description === undefined ? {} : { description }), inputs: givenInputs(model), result: resultType(model), contexts: contextsOf(model) }
}

function checkCondition(check: Check, use: Use, type: Type): void {
  const { src } = use.expression
  const span = spanOf(check, use, { start: 0, end: src.length })
  const others = members(type).filter(({ t }) => t !== 'boolean' && t !== 'unknown' && t !== 'never')
  const [other] = others
  if (other?.t === 'null' && others.length === 1 && mayBe(type, 'boolean')) check.report.error('MAG1073', span, 'This may be null where true or false belongs', `Compare it: ${clip(src)} == true`)
  else if (other) check.report.error('MAG1023', span, `This ${others.length === members(type).length ? 'gives' : 'may give'} ${describeType(other)} where true or false belongs`, 'Compare it with something, for example: size(x) > 0.')
  if (type.t !== 'boolean' || type.v === undefined || check.expressions.compile(src).references.length === 0) return
  // Where a comparison in it has been told, that says more.
  if (check.report.problems.some(({ code, line, column }) => code === 'MAG1075' && isWithin(check, span, line, column))) return
  check.report.warn('MAG1075', span, `This is always ${String(type.v)}`)
}

function isWithin(check: Check, { start, end }: Span, line: number, column: number): boolean {
  const [from, to] = [check.report.place(start), check.report.place(end)]
  return (line > from.line || (line === from.line && column >= from.column)) && (line < to.line || (line === to.line && column <= to.column))
}

/** Steps that wait for one that always ends the run. */
function checkReachable(check: Check, list: ListRecord): void {
  const ends = list.steps.filter(({ step }) => step && !step.if && (step.kind.type === 'return' || (step.kind.type === 'fail' && !step.continueOnError)))
  for (const end of ends) {
    const after = list.steps.find((record) => record.after.includes(end.id))
    if (after) check.report.warn('MAG1076', after.idSpan, `Step "${after.id}" can never run: "${end.id}" always ends the run`, `Give "${end.id}" an \`if\`, or let "${after.id}" need other steps.`)
  }
}

/** What has a default may be left out. */
function givenInputs({ inputs, definition }: Model): MapType {
  const fields = Object.entries(inputs.fields).map(([name, field]): [string, Field] => [name, definition.inputs?.[name]?.default === undefined ? field : { ...field, optional: true }])
  return { ...inputs, fields: Object.fromEntries(fields) }
}

/** What `outputs` say, or what a `return` gives. */
function resultType(model: Model): Type {
  const returned = [...model.check.ids.values()].flatMap((record): Type[] => {
    const node = record.step?.kind.type === 'return' && record.list.section === 'steps' ? entryOf(record.node, 'return')?.value : undefined
    return node ? [asData(typeOfNode(model, node, record))] : []
  })
  return union(declaredResult(model), ...returned)
}

function declaredResult(model: Model): Type {
  const { definition, check } = model
  if (definition.outputs) {
    const uses = check.uses.filter(({ where }) => where.in === 'outputs')
    const node = uses[0] && check.root && entryOf(check.root, 'outputs')?.value
    return node ? asData(typeOfNode(model, node, undefined)) : UNKNOWN
  }
  const main = check.lists.find(({ section, parent }) => section === 'steps' && !parent)?.steps ?? []
  const fields = main.map((record): [string, Field] => {
    const outcome = outcomeOf(check, outside(), record)
    return [record.id, { type: model.outputs.get(record) ?? UNKNOWN, ...(outcome.skipped || outcome.failed ? { optional: true as const } : {}) }]
  })
  return { t: 'map', fields: Object.fromEntries(fields) }
}

function contextsOf(model: Model): WorkflowTypes['contexts'] {
  const found: Array<WorkflowTypes['contexts'][number]> = []
  for (const record of model.check.ids.values()) {
    const { step, node, path } = record
    if (!step) continue
    const given = entryOf(node, 'with')?.value
    if (step.kind.type === 'worker') found.push({ worker: step.kind.worker, step: path, context: given ? asData(typeOfNode(model, given, record)) : contextType(model, record) })
    const undo = entryOf(node, 'compensate')?.value
    const undoWith = undo?.kind === 'map' ? entryOf(undo, 'with')?.value : undefined
    if (step.compensate) found.push({ worker: step.compensate.worker, step: path, context: undoWith ? asData(typeOfNode(model, undoWith, record)) : undoContext(model, record) })
  }
  return found
}
