/** What workers and children receive, against what they take: `with` where there is one, else the context. */
import { nearestName, type Check, type StepRecord } from '../check-context.ts'
import type { Span } from '../report.ts'
import { clip, entryOf, type Entry, type MapNode, type Node } from '../tree.ts'
import { misfitsOf, wantedText, type Fit, type Misfit } from './fit.ts'
import type { Model } from './model.ts'
import { contextType } from './scopes.ts'
import { ERROR } from './steps.ts'
import { asData, describeType, literal, mapOf, members, nullable, union, UNKNOWN, widen, type Type } from './type.ts'
import { typeOfNode } from './walk.ts'

export function checkCalls(model: Model, record: StepRecord): void {
  const { step, node } = record
  if (!step) return
  if (step.kind.type === 'worker') {
    const given = entryOf(node, 'with')
    const named = entryOf(node, 'worker') ?? entryOf(node, 'uses')
    const wanted = model.sources.worker(step.kind.worker)?.input
    checkInput(model, record, { callee: `Worker "${step.kind.worker}"`, wanted, given, named: named?.value.span ?? record.idSpan, context: () => contextType(model, record) })
  } else if (step.kind.type === 'workflow') {
    const wanted = model.sources.workflow?.(step.kind.workflow)?.inputs
    const named = entryOf(node, 'workflow')?.value.span ?? record.idSpan
    checkInput(model, record, { callee: `Workflow "${step.kind.workflow}"`, wanted, given: entryOf(node, 'with'), named, context: () => contextType(model, record) })
  }
  const { compensate } = step
  const undo = entryOf(node, 'compensate')?.value
  if (!compensate || !undo) return
  const given = undo.kind === 'map' ? entryOf(undo, 'with') : undefined
  const named = (undo.kind === 'map' ? entryOf(undo, 'worker')?.value : undo)?.span ?? record.idSpan
  checkInput(model, record, { callee: `Worker "${compensate.worker}"`, wanted: model.sources.worker(compensate.worker)?.input, given, named, context: () => undoContext(model, record) })
}

interface Call {
  /** As told: `Worker "x"`. */
  callee: string
  wanted: Type | undefined
  given: Entry | undefined
  named: Span
  context(): Type
}

function checkInput(model: Model, record: StepRecord, call: Call): void {
  const { given, wanted } = call
  if (!wanted || wanted.t === 'unknown') return
  const fit: Fit = given ? 'whole' : 'part'
  const found = given ? typeOfNode(model, given.value, record) : call.context()
  for (const misfit of misfitsOf(asData(found), wanted, fit)) tellMisfit(model.check, record, call, misfit)
}

function tellMisfit(check: Check, record: StepRecord, call: Call, misfit: Misfit): void {
  const { kind, path, found, wanted, names = [] } = misfit
  const { callee, given } = call
  const name = path.at(-1) ?? ''
  const place = given ? placeIn(given, path) : undefined
  const span = place?.span ?? call.named
  const what = path.length === 0 ? 'the input' : `"${clip(path.join('.').replaceAll('.[]', '[]'))}"`
  const near = nearestName(check, name, names)
  switch (kind) {
    case 'missing': {
      const message = misfit.maybe ? `${callee} needs ${what} (${describeType(wanted)}), which may be missing here` : `${callee} needs ${what} (${describeType(wanted)})${given ? '' : `, and nothing before "${record.id}" gives it`}`
      const missing = given ? `Add it: ${name}: \${{ … }}` : `Give it in \`with\`: with: { ${name}: "\${{ … }}" }`
      return check.report.error('MAG1070', given && path.length === 1 && !place?.isExact ? given.keySpan : span, message, near && !misfit.maybe ? `${given ? 'Did you mean to rename' : 'There is'} "${near}"${given ? '?' : ` in the context: with: { ${name}: "\${{ context.${near} }}" }`}` : missing)
    }
    case 'unknown': {
      const there = names.length === 0 ? 'It takes nothing.' : `It takes: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : '.'}`
      return check.report.error('MAG1071', place?.keySpan ?? span, `${callee} has no input ${what}`, near ? `Did you mean "${near}"?` : there)
    }
    case 'null':
      return check.report.error('MAG1071', span, `${callee} takes ${wantedText(wanted)} as ${what}, and this ${misfit.maybe ? 'may be' : 'is'} null`, misfit.maybe ? 'Say what it is then: x != null ? x : …; or give the step a condition.' : undefined)
    case 'type': {
      const literal = members(found).length === 1 && 'v' in found && found.v !== undefined ? String(found.v) : undefined
      const meant = literal === undefined ? undefined : nearestName(check, literal, members(wanted).flatMap((one) => ('v' in one && one.v !== undefined ? [String(one.v)] : [])))
      const is = describeType('v' in found ? found : widen(found))
      const where = given ? `${what}, not ${is}` : `${what}, which is ${is} in the context`
      return check.report.error('MAG1071', span, `${callee} takes ${wantedText(wanted)} as ${where}`, meant ? `Did you mean ${JSON.stringify(meant)}?` : given ? conversion(found, wanted) : `Give it in \`with\`: with: { ${name}: "\${{ … }}" }`)
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

/** What a compensation without `with` receives. */
export function undoContext(model: Model, record: StepRecord): Type {
  return mapOf({
    context: contextType(model, record), output: nullable(model.returned.get(record) ?? UNKNOWN), error: nullable(ERROR), outcome: union(literal('completed'), literal('unknown')),
  })
}
