/** Expressions of a definition: their syntax, the names they read and the steps that can be seen from where they stand. */
import { ExpressionError } from '../model/expression.ts'
import { didYouMean, type Check, type StepRecord, type Use, type Where } from './check-context.ts'
import type { Reference } from './cel-ast.ts'
import { typeName } from './cel-check.ts'
import { expressionHelp } from './expression-help.ts'
import type { CheckedExpression } from './expression.ts'
import type { Span } from './report.ts'
import { offsetInScalar } from './scalar-places.ts'
import { clip } from './tree.ts'
import { ancestors, createVisibility, repeatedAround, type Visibility } from './visibility.ts'

const ALWAYS = ['inputs', 'context', 'steps', 'env', 'run']
const RUN_FIELDS: ReadonlySet<string> = new Set(['id', 'workflow', 'started_at'])
const RUN_FIELDS_AT_END: ReadonlySet<string> = new Set([...RUN_FIELDS, 'state'])
const STEP_FIELDS: ReadonlySet<string> = new Set(['output', 'status', 'error', 'attempts'])
/** Of all expressions of a definition together, each counted once: compiling them takes about half a second. */
const MAX_SOURCE = 512 * 1024

export function checkNames(check: Check): void {
  const visibility = createVisibility()
  const seen = new Set<string>()
  let length = 0
  for (const use of check.uses) {
    if (check.report.isFull()) return
    const { src } = use.expression
    if (!seen.has(src)) length += src.length
    seen.add(src)
    if (length > MAX_SOURCE) {
      check.report.error('MAG1011', spanOf(check, use, { start: 0, end: src.length }), 'The expressions of the workflow have more than 512 KiB together', 'Split the workflow, or compute this in a worker.')
      return
    }
    const compiled = compile(check, use)
    if (!compiled) continue
    if (use.condition) checkCondition(check, use, compiled)
    for (const reference of compiled.references) checkReference(check, use, reference, visibility)
  }
}

function checkCondition(check: Check, use: Use, { type, src }: CheckedExpression): void {
  if (type === 'bool' || type === 'dyn') return
  const help = type.startsWith('optional') ? 'Say what it is where it is missing: .orValue(false).' : 'Compare it with something, for example: size(x) > 0.'
  check.report.error('MAG1023', spanOf(check, use, { start: 0, end: src.length }), `This gives ${typeName(type)} where true or false belongs`, help)
}

function compile(check: Check, use: Use): CheckedExpression | undefined {
  try {
    return check.expressions.compile(use.expression.src)
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
    const { src } = use.expression
    const range = error.range ?? { start: 0, end: src.length }
    const help = check.report.isFull() ? undefined : expressionHelp(src, range.start, error.message, check.expressions.functionNames())
    check.report.error('MAG1020', spanOf(check, use, range), `Expression: ${error.message.replace(/^the expression (is )?/, '')}`, help)
    return undefined
  }
}

export function spanOf(check: Check, { node, index }: Use, range: Span): Span {
  const start = offsetInScalar(check.report.text, node, index + range.start)
  const end = offsetInScalar(check.report.text, node, index + range.end)
  return { start, end: Math.max(start + 1, end) }
}

function namesAt(where: Where): string[] {
  if (where.in === 'env') return ['inputs', 'run']
  if (where.in === 'start') return ['inputs', 'env', 'run']
  return [...ALWAYS, ...elementNames(where), ...extraNames(where)]
}

/** `index` and the `as` names of the foreach and loops around, the step's own included where it is an element's. */
function elementNames({ record, in: place }: Where): string[] {
  if (!record) return []
  const around = ancestors(record).filter((one) => one.repeats && (one !== record || (one.repeats === 'foreach' ? place !== 'once' : place === 'loop')))
  return around.length === 0 ? [] : ['index', ...around.flatMap((one) => one.as ?? [])]
}

/** Names beside those that stand everywhere. */
function extraNames(where: Where): string[] {
  switch (where.in) {
    case 'fail': return ['output']
    case 'undo': return ['output', 'error', 'outcome']
    default: return isAtEnd(where) ? ['error'] : []
  }
}

/** In `on_failure` and `finally`. */
export function isAtEnd({ record }: Where): boolean {
  return record !== undefined && record.list.section !== 'steps'
}

function checkReference(check: Check, use: Use, reference: Reference, visibility: Visibility): void {
  const { root, path, spans } = reference
  const names = namesAt(use.where)
  const at = (index: number): Span => spanOf(check, use, spans[index] ?? { start: 0, end: use.expression.src.length })
  if (!names.includes(root)) {
    check.report.error(root === 'secrets' ? 'MAG1065' : 'MAG1024', at(0), root === 'secrets' ? 'A secret cannot stand here: it would be recorded' : `Unknown name "${clip(root)}"`, hintForName(check, root, names))
    return
  }
  const [first, second] = path
  switch (root) {
    case 'inputs':
      return first === undefined || !check.inputs ? undefined : known(check, () => at(1), first, check.inputs, 'input')
    case 'env':
      return first === undefined ? undefined : known(check, () => at(1), first, check.env, 'variable')
    case 'run':
      return first === undefined ? undefined : known(check, () => at(1), first, isAtEnd(use.where) ? RUN_FIELDS_AT_END : RUN_FIELDS, 'field of run')
    case 'steps':
      if (first === undefined) {
        check.report.error('MAG1027', at(0), 'Steps are named one by one: steps.<id>', 'A computed name would hide which steps are needed.')
        return
      }
      checkStep(check, use, first, () => at(1), visibility)
      if (second !== undefined) known(check, () => at(2), second, STEP_FIELDS, 'field of a step')
  }
}

function hintForName(check: Check, root: string, names: string[]): string {
  if (check.ids.has(root)) return `A step is read as steps.${root}.output`
  if (check.inputs?.has(root)) return `An input is read as inputs.${root}`
  if (check.env.has(root)) return `A variable is read as env.${root}`
  if (Object.hasOwn(ELSEWHERE, root)) return ELSEWHERE[root] ?? ''
  return didYouMean(check, root, names) ?? `Known here: ${names.join(', ')}. Text stands in quotes.`
}

const ELSEWHERE: Readonly<Record<string, string>> = {
  output: 'The step\'s own result is `output` in fail_if, fail_message and compensate.with; that of another step is steps.<id>.output.',
  error: 'The failure is `error` in on_failure, finally and compensate.with; that of another step is steps.<id>.error.',
  outcome: 'It stands in compensate.with only.',
  secrets: 'Secrets stand in `with`, `env` and `http` only, as a whole ${{ secrets.NAME }}.', item: 'It stands in and inside of a step with `foreach`.',
  index: 'It stands in and inside of a step with `foreach`, `while` or `until`.',
}

function known(check: Check, span: () => Span, name: string, names: ReadonlySet<string>, what: string): void {
  if (names.has(name)) return
  const shown = [...names].slice(0, 20).join(', ')
  const there = names.size === 0 ? 'There are none.' : `There are: ${shown}${names.size > 20 ? ', …' : '.'}`
  check.report.error('MAG1024', span(), `No ${what} "${clip(name)}"`, didYouMean(check, name, names) ?? there)
}

function checkStep(check: Check, use: Use, id: string, span: () => Span, visibility: Visibility): void {
  const target = check.ids.get(id)
  if (!target) {
    check.report.error('MAG1024', span(), `No step "${clip(id)}"`, didYouMean(check, id, check.ids.keys()) ?? 'Steps are named by their ids.')
    return
  }
  const { record } = use.where
  const repeated = repeatedAround(target)
  if (!record || SECTIONS.indexOf(record.list.section) > SECTIONS.indexOf(target.list.section)) {
    if (repeated) check.report.error('MAG1025', span(), `Step "${id}" runs more than once and is not seen from outside`, `Read the results of all: steps.${repeated.id}.output`)
    return
  }
  if (use.where.in === 'loop' && isInLoop(record, target)) return
  if (target === record) {
    const help = use.where.in === 'step' || use.where.in === 'once' ? 'It has not run yet.' : 'Its own result is `output` here.'
    check.report.error('MAG1025', span(), `Step "${id}" cannot read itself`, help)
    return
  }
  if (visibility.sees(record, target)) return
  check.report.error('MAG1025', span(), `Step "${record.id}" does not depend on "${id}" and cannot read it`, helpToSee(record, target, visibility))
}

/** `while` and `until` see the latest iteration, but nothing that is repeated within it. */
function isInLoop(record: StepRecord, target: StepRecord): boolean {
  return repeatedAround(target) === record
}

/** Each one begins when those before it have ended. */
const SECTIONS = ['steps', 'on_failure', 'finally']

function helpToSee(record: StepRecord, target: StepRecord, visibility: Visibility): string {
  if (target.list.section !== record.list.section) return `It stands in \`${target.list.section}\`, which begins later.`
  const repeated = repeatedAround(target)
  if (repeated && !ancestors(record).includes(repeated)) return `It runs more than once and is not seen from outside; the results of all are steps.${repeated.id}.output.`
  const own = ancestors(record).find((one) => one.list === target.list)
  if (own && visibility.sees(target, own)) return `"${target.id}" waits for "${own.id}": move it above, or read it in a step after it.`
  if (own && own !== target) return `Add it to the needs of "${own.id}": needs: [${[...new Set([...own.after, target.id])].join(', ')}]`
  if (own === target) return 'A step inside a container cannot read the container: it has not ended yet.'
  return 'It is inside of a container that this step does not depend on.'
}
