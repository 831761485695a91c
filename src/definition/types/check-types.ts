/**
 * What can be known of a definition before it runs (LANGUAGE.md section 4): that members exist, that values are there when they are read and
 * have the type that their reader takes. Only what is certain is an error; what nothing is known of is never told.
 */
import type { Definition } from '../../model/definition.ts'
import { nearestName, type Check, type ListRecord, type StepRecord, type Use } from '../check-context.ts'
import { spanOf } from '../check-names.ts'
import type { Span } from '../report.ts'
import { clip, entryOf, type Entry, type MapNode, type Node } from '../tree.ts'
import { checkWorkerWriters } from './check-writers.ts'
import { misfitsOf, wantedText, type Fit, type Misfit } from './fit.ts'
import type { Model, TypeSources } from './model.ts'
import { outcomeOf, outside } from './outcomes.ts'
import { contextType } from './scopes.ts'
import { ERROR } from './steps.ts'
import { asData, describeType, literal, mapOf, mayBe, members, nullable, union, UNKNOWN, widen, type Field, type MapType, type Type } from './type.ts'
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
  for (const record of check.ids.values()) checkStep(model, record)
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

function checkStep(model: Model, record: StepRecord): void {
  const { step, node } = record
  if (!step) return
  if (step.kind.type === 'worker') {
    const given = entryOf(node, 'with')
    const named = entryOf(node, 'worker') ?? entryOf(node, 'uses')
    checkWorkerInput(model, record, { worker: step.kind.worker, given, named: named?.value.span ?? record.idSpan, context: () => contextType(model, record) })
  }
  const { compensate } = step
  const undo = entryOf(node, 'compensate')?.value
  if (!compensate || !undo) return
  const given = undo.kind === 'map' ? entryOf(undo, 'with') : undefined
  const named = (undo.kind === 'map' ? entryOf(undo, 'worker')?.value : undo)?.span ?? record.idSpan
  checkWorkerInput(model, record, { worker: compensate.worker, given, named, context: () => undoContext(model, record) })
}

interface Call {
  worker: string
  given: Entry | undefined
  named: Span
  context(): Type
}

function checkWorkerInput(model: Model, record: StepRecord, call: Call): void {
  const wanted = model.sources.worker(call.worker)?.input
  if (!wanted || wanted.t === 'unknown') return
  const { given } = call
  const fit: Fit = given ? 'whole' : 'part'
  const found = given ? typeOfNode(model, given.value, record) : call.context()
  for (const misfit of misfitsOf(asData(found), wanted, fit)) tellMisfit(model.check, record, call, misfit)
}

function tellMisfit(check: Check, record: StepRecord, call: Call, misfit: Misfit): void {
  const { kind, path, found, wanted, names = [] } = misfit
  const { worker, given } = call
  const name = path.at(-1) ?? ''
  const place = given ? placeIn(given, path) : undefined
  const span = place?.span ?? call.named
  const what = path.length === 0 ? 'the input' : `"${clip(path.join('.').replaceAll('.[]', '[]'))}"`
  const near = nearestName(check, name, names)
  switch (kind) {
    case 'missing': {
      const message = misfit.maybe ? `Worker "${worker}" needs ${what} (${describeType(wanted)}), which may be missing here` : `Worker "${worker}" needs ${what} (${describeType(wanted)})${given ? '' : `, and nothing before "${record.id}" gives it`}`
      const missing = given ? `Add it: ${name}: \${{ … }}` : `Give it in \`with\`: with: { ${name}: "\${{ … }}" }`
      return check.report.error('MAG1070', given && path.length === 1 && !place?.isExact ? given.keySpan : span, message, near && !misfit.maybe ? `${given ? 'Did you mean to rename' : 'There is'} "${near}"${given ? '?' : ` in the context: with: { ${name}: "\${{ context.${near} }}" }`}` : missing)
    }
    case 'unknown': {
      const there = names.length === 0 ? 'It takes nothing.' : `It takes: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : '.'}`
      return check.report.error('MAG1071', place?.keySpan ?? span, `Worker "${worker}" has no input ${what}`, near ? `Did you mean "${near}"?` : there)
    }
    case 'null':
      return check.report.error('MAG1071', span, `Worker "${worker}" takes ${wantedText(wanted)} as ${what}, and this ${misfit.maybe ? 'may be' : 'is'} null`, misfit.maybe ? 'Say what it is then: x != null ? x : …; or give the step a condition.' : undefined)
    case 'type': {
      const literal = members(found).length === 1 && 'v' in found && found.v !== undefined ? String(found.v) : undefined
      const meant = literal === undefined ? undefined : nearestName(check, literal, members(wanted).flatMap((one) => ('v' in one && one.v !== undefined ? [String(one.v)] : [])))
      const is = describeType('v' in found ? found : widen(found))
      const where = given ? `${what}, not ${is}` : `${what}, which is ${is} in the context`
      return check.report.error('MAG1071', span, `Worker "${worker}" takes ${wantedText(wanted)} as ${where}`, meant ? `Did you mean ${JSON.stringify(meant)}?` : given ? conversion(found, wanted) : `Give it in \`with\`: with: { ${name}: "\${{ … }}" }`)
    }
  }
}

function conversion(found: Type, wanted: Type): string | undefined {
  if (wanted.t === 'string' && (found.t === 'number' || found.t === 'boolean')) return 'Quote it, or write string(x) in an expression.'
  if (wanted.t === 'number' && found.t === 'string') return 'Leave the quotes away, or write double(x) in an expression.'
  return wanted.t === 'list' && found.t !== 'list' ? 'A list stands in [ ].' : undefined
}

/** The part of a value that the path leads to, as far as it is written out. */
function placeIn(given: Entry, path: readonly string[]): { span: Span; keySpan: Span; isExact: boolean } {
  let node: Node = given.value
  let keySpan = given.keySpan
  let isExact = true
  for (const name of path) {
    const entry: Entry | undefined = node.kind === 'map' ? entryOf(node as MapNode, name) : undefined
    if (!entry) {
      isExact = false
      break
    }
    node = entry.value
    keySpan = entry.keySpan
  }
  return { span: node.kind === 'map' ? keySpan : node.span, keySpan, isExact }
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

/** What a compensation without `with` receives. */
function undoContext(model: Model, record: StepRecord): Type {
  return mapOf({
    context: contextType(model, record), output: nullable(model.returned.get(record) ?? UNKNOWN), error: nullable(ERROR), outcome: union(literal('completed'), literal('unknown')),
  })
}
