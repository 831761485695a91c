/** The few words beside a step: what it waits for, how often it tried, what went wrong. */
import { formatDuration } from '../model/duration.ts'
import { isFinal } from '../model/event.ts'
import { clean } from './clean.ts'
import { durationOf } from './document.ts'
import { isSettled } from './step-fold.ts'
import type { RunView, StepView } from './views.ts'

export function stepMessage(view: RunView, step: StepView, now: number): string {
  switch (step.state) {
    case 'pending':
      return isFinal(view.state) ? 'not reached' : waitsFor(step)
    case 'queued':
      return step.gate ? clean(step.gate) : step.reason ? `queued again: ${clean(step.reason)}` : tries(step)
    case 'running':
      return step.aborting ? 'stopping' : joined([insideOf(step), childOf(step), progressOf(step), tries(step)])
    case 'retrying':
      return `${clean(step.error?.message ?? 'failed')}, attempt ${step.attempts + 1}${ofMax(step)} ${dueIn(step.dueAt, now)}`
    case 'waiting':
      return waitOf(step, now)
    case 'sleeping':
      return step.dueAt === undefined ? 'waits' : `wakes ${dueIn(step.dueAt, now)}`
    case 'in_doubt':
      return 'in doubt: its process died; mag resolve says what became of it'
    case 'completed':
      return joined([insideOf(step), step.cached ? 'from the cache' : '', step.attempts > 1 ? `${step.attempts} attempts` : ''])
    case 'failed':
      return failure(step)
    case 'skipped':
      return step.skip === 'ending' ? 'not reached' : clean(step.reason ?? '')
    case 'cancelled':
      return clean(step.reason ?? 'cancelled')
    default:
      return undoMessage(step, now)
  }
}

function undoMessage(step: StepView, now: number): string {
  const { undo } = step
  if (!undo) return ''
  const name = undo.worker
  switch (undo.state) {
    case 'completed':
      return joined([`undone: ${name}`, undo.attempts > 1 ? `${undo.attempts} attempts` : ''])
    case 'failed':
      return `not undone: ${name}: ${clean(undo.error?.code ?? 'failed')}`
    case 'retrying':
      return `undoing: ${name}: ${clean(undo.error?.message ?? 'failed')}, attempt ${undo.attempts + 1} ${dueIn(undo.dueAt, now)}`
    default:
      return joined([`undoing: ${name}`, undo.attempts > 1 ? `attempt ${undo.attempts}` : ''])
  }
}

function failure(step: StepView): string {
  const { error } = step
  const gaveUp = error && !error.retryable && (step.maxAttempts ?? 1) > step.attempts
  return joined([clean(error?.code ?? 'failed'), step.attempts > 1 ? `${step.attempts} attempts` : gaveUp ? 'not retried' : '', step.continued ? 'the run went on' : ''])
}

function insideOf({ each, iteration }: StepView): string {
  if (each) return joined([`${each.done}/${each.total}`, each.failed > 0 ? `${each.failed} failed` : ''])
  return iteration === undefined ? '' : `iteration ${iteration + 1}`
}

function childOf({ child }: StepView): string {
  return child ? `${child.workflow} ${child.run}` : ''
}

function waitOf({ signal, approve, dueAt }: StepView, now: number): string {
  const until = dueAt === undefined ? '' : `until ${dueIn(dueAt, now)}`
  if (approve !== undefined) return joined([`waits for approval: ${clean(approve)}`, until])
  return joined([signal === undefined ? 'waits' : `waits for signal ${clean(signal)}`, until])
}

function progressOf(step: StepView): string {
  const { progress } = step
  if (!progress) return ''
  const percent = progress.fraction === undefined ? '' : `${Math.round(Math.min(1, Math.max(0, progress.fraction)) * 100)}%`
  return [percent, clean(progress.text ?? '')].filter(Boolean).join(' ')
}

function tries(step: StepView): string {
  return step.attempts > 1 ? `attempt ${step.attempts}${ofMax(step)}` : ''
}

function ofMax(step: StepView): string {
  return step.maxAttempts !== undefined && step.maxAttempts >= step.attempts ? `/${step.maxAttempts}` : ''
}

/** Said only where several steps hold it up, or one that is not the step right above. */
function waitsFor(step: StepView): string {
  const open = step.needs.filter((need) => !isSettled(need.state))
  if (open.length === 0 || step.needs.length === 1) return ''
  const names = open.slice(0, 3).map((need) => need.id).join(', ')
  return `waits for ${names}${open.length > 3 ? ` and ${open.length - 3} more` : ''}`
}

export function dueIn(dueAt: number | undefined, now: number): string {
  if (dueAt === undefined) return ''
  const left = dueAt - now
  if (left <= 0) return 'now'
  if (left < 1_000) return `in ${formatDuration(left)}`
  return `in ${left < 59_000 ? `${Math.ceil(left / 1_000)}s` : formatDuration(Math.round(left / 1_000) * 1_000)}`
}

/** Time from a step's first start to its end or to now; '' where it has not begun. */
export function stepTime(step: StepView, now: number): string {
  if (step.startedAt === undefined || step.state === 'skipped') return ''
  const duration = durationOf(step)
  if (duration !== undefined) return formatDuration(duration)
  return step.state === 'queued' && step.attempts <= 1 ? '' : formatDuration(Math.max(0, now - step.startedAt))
}

function joined(parts: string[]): string {
  return parts.filter(Boolean).join(', ')
}
