/** What may have become of a step when another one reads it, and why. */
import type { Check, StepRecord, Use } from '../check-context.ts'
import type { Cel } from '../cel-ast.ts'
import type { Outcomes } from './steps.ts'
import { ancestors } from '../visibility.ts'

export interface Outcome extends Outcomes {
  /** In words, where it may not have completed. */
  reason?: string
  help?: string
}

export interface Condition {
  ast: Cel
  src: string
  record: StepRecord
}

/** The conditions that were true when the place is reached: those of the step and of the containers around it, from the outside in. */
export function conditionsAt(check: Check, use: Use): Condition[] {
  const { record } = use.where
  if (!record) return []
  return ancestors(record).toReversed().flatMap((one): Condition[] => {
    const condition = one.step?.if
    // Whether a step runs is decided before anything else of it is looked at.
    if (!condition || condition === use.expression) return []
    return [{ ast: check.expressions.compile(condition.src).ast, src: condition.src, record: one }]
  })
}

export function outcomesOf(check: Check, use: Use, target: StepRecord): Outcome {
  const reader = use.where.record
  const outcome: Outcome = { skipped: false, failed: false, open: false }
  if (reader && reader.list.section !== target.list.section) return { ...outcome, open: true, reason: `"${target.id}" may not have completed when \`${reader.list.section}\` runs` }
  const around = new Set(reader ? ancestors(reader) : [])
  const known = new Set(conditionsAt(check, use).flatMap(({ ast }) => conjuncts(ast)))
  for (const one of ancestors(target)) {
    if (around.has(one)) break
    const { step } = one
    if (!step) continue
    const what = one === target ? `"${one.id}"` : `"${one.id}" around it`
    if (step.if && !isImplied(check, step.if.src, known)) {
      outcome.skipped = true
      outcome.reason ??= `${what} is skipped where its \`if\` is false`
      outcome.help ??= `Give this step the same condition (if: ${step.if.src.length > 60 ? '…' : step.if.src})`
    }
    if (step.continueOnError) {
      if (one === target) outcome.failed = true
      else outcome.open = true
      outcome.reason ??= `${what} may fail and the run goes on (\`continue_on_error\`)`
      outcome.help ??= `Ask first: if: steps.${target.id}.status == 'completed'`
    }
  }
  return outcome
}

/** The parts of a condition that are all true where it is, by their source. */
function conjuncts(ast: Cel): string[] {
  return ast.op === '&&' ? [...conjuncts(ast.left), ...conjuncts(ast.right)] : [ast.input.slice(ast.start, ast.end).replaceAll(/\s+/g, ' ')]
}

/** What the reader's own conditions say too, of data that does not change between them. */
function isImplied(check: Check, src: string, known: ReadonlySet<string>): boolean {
  if (known.size === 0) return false
  const { ast, names } = check.expressions.compile(src)
  return [...names].every((name) => name === 'inputs' || name === 'steps' || name === 'env' || name === 'run') && conjuncts(ast).every((part) => known.has(part))
}
