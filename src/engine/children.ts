/** Child runs: started by a step, pinned at the parent's start, ended and undone with it. */
import { LIMITS } from '../model/limits.ts'
import { isJsonObject, own } from '../model/json.ts'
import { ExpressionError } from '../model/expression.ts'
import { toJson } from './context.ts'
import { contextOf } from './contexts.ts'
import { inputOf } from './inputs.ts'
import type { CompiledStep } from './layout.ts'
import { emit, stateOf, type Turn } from './turn.ts'

export function startChild(turn: Turn, step: CompiledStep): void {
  const { draft, compiled } = turn
  const { kind } = step.step
  if (kind.type !== 'workflow') return
  const depth = (draft.parent?.depth ?? 0) + 1
  if (depth > LIMITS.childDepth) throw new ExpressionError(`child runs stand more than ${LIMITS.childDepth} deep`)
  if (own(draft.children, kind.workflow) === undefined) throw new ExpressionError(`the run knows no workflow "${kind.workflow}"`)
  const before = stateOf(turn, step)
  const given = step.step.with ? inputOf(turn, step).input : undefined
  if (given !== undefined && !isJsonObject(given)) throw new ExpressionError('`with` of a child run must give a map of inputs')
  const token = draft.seq + 1
  const run = childId(draft.id, step.path, token)
  emit(turn, { type: 'step.child', path: step.path, token, run, workflow: kind.workflow, ...(given ? { input: given } : {}) })
  const context = given ? {} : { context: toJson(before.context ?? contextOf(compiled, draft, step)) }
  turn.commands.push({ type: 'start_child', child: { path: step.path, token, run, workflow: kind.workflow, depth, ...(given ? { input: given } : context) } })
}

/** The same id for the same step of the same run, however often it is started; the date and time are the root's. */
export function childId(parent: string, path: string, token: number): string {
  const text = `${parent}/${path}#${token}`
  const [prefix = '', date = '', time = ''] = parent.split('-')
  const letters = (seed: number): string => hash(text, seed).toString(36).padStart(7, '0')
  return `${prefix}-${date}-${time}-${letters(0x811c9dc5)}${letters(0x01000193)}`
}

/** FNV-1a with murmur3's finish. */
function hash(text: string, seed: number): number {
  let h = seed
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
