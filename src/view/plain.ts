/** One line per change, for pipes, CI and logs: UTC, aligned, no cursor codes (CHOICES.md 3.2). */
import { formatDuration } from '../model/duration.ts'
import type { RunEvent } from '../model/event.ts'
import { clean } from './clean.ts'
import { durationOf } from './document.ts'
import { words } from './marks.ts'
import { dueIn } from './message.ts'
import { span, type Line, type Style } from './span.ts'
import type { RunView, StepView } from './views.ts'

/** A worker's log line as far as people see it. */
export interface LogText {
  path: string
  at: number
  level: 'debug' | 'info' | 'warn' | 'error'
  message: string
}

const WIDEST_NAME = 24
const VERB_CELLS = 9

/** The line for an event that `view` has folded in already; undefined where nobody need see it. */
export function plainLine(view: RunView, event: RunEvent): Line | undefined {
  const run = `${view.workflow} ${view.runId}`
  switch (event.type) {
    case 'run.started':
      return line(event.at, [span(run, 'bold'), span(' started')])
    case 'run.warning':
      return line(event.at, [span('warning', 'warn'), span(` ${clean(event.code)}: ${clean(event.message)}`)])
    case 'run.taken_over':
      return line(event.at, [span(run, 'bold'), span(' taken over')])
    case 'run.cancel_requested':
      return line(event.at, [span(run, 'bold'), span(` cancel requested${event.reason ? `: ${clean(event.reason)}` : ''}`)])
    case 'run.paused':
      return line(event.at, [span(run, 'bold'), span(` paused${event.reason ? `: ${clean(event.reason)}` : ''}`)])
    case 'run.unpaused':
      return line(event.at, [span(run, 'bold'), span(' goes on')])
    case 'run.retried':
      return line(event.at, [span(run, 'bold'), span(` retried${event.from ? ` from ${clean(event.from)}` : ''} (generation ${event.generation})`)])
    case 'run.gated':
      return line(event.at, [span(run, 'bold'), span(` waits for a place: at most ${event.limit} with the key ${clean(JSON.stringify(event.key))}`)])
    case 'run.signal':
      return line(event.at, [span(run, 'bold'), span(` signal ${clean(event.name)}`)])
    case 'run.compensating':
      return line(event.at, [span(run, 'bold'), span(` undoing ${event.paths.length} ${event.paths.length === 1 ? 'step' : 'steps'}`)])
    case 'run.finished':
      return line(event.at, [span(run, 'bold'), span(` ${words(event.state)}`, event.state === 'completed' ? 'good' : 'bad'), span(` ${formatDuration(event.at - view.createdAt)}`)])
    default:
      return stepLine(view, event)
  }
}

function stepLine(view: RunView, event: RunEvent): Line | undefined {
  const step = 'path' in event && event.path !== undefined ? view.byPath.get(event.path) : undefined
  const said = step ? saidOf(step, event) : undefined
  if (!step || !said) return undefined
  const [verb, style, rest = ''] = said
  return line(event.at, [span(step.path.padEnd(nameCells(view))), span(' '), span(rest ? verb.padEnd(VERB_CELLS) : verb, style), span(rest ? ` ${rest}` : '')])
}

type Said = readonly [verb: string, style: Style, rest?: string]

function saidOf(step: StepView, event: RunEvent): Said | undefined {
  switch (event.type) {
    case 'step.started':
      return ['running', 'busy', step.attempts > 1 ? `attempt ${step.attempts}` : '']
    case 'step.sleeping':
      return ['sleeping', 'warn', `wakes ${dueIn(event.dueAt, event.at)}`]
    case 'step.retrying':
      return ['retry', 'warn', `${clean(event.error.message)}, attempt ${event.attempt + 1}${step.maxAttempts ? `/${step.maxAttempts}` : ''} ${dueIn(event.dueAt, event.at)}`]
    case 'step.waiting':
      return ['waiting', 'warn', event.approve === undefined ? `for signal ${clean(event.signal ?? '')}` : `for approval: ${clean(event.approve)}`]
    case 'step.child':
      return ['child', 'busy', `${event.workflow} ${event.run}`]
    case 'step.gated':
      return event.slot ? ['queued', 'dim', clean(step.gate ?? '')] : undefined
    case 'step.opened':
      return event.items && step.each && step.each.total > 0 ? ['running', 'busy', `${step.each.total} elements`] : undefined
    case 'step.iterated':
      return ['running', 'busy', `iteration ${event.index + 1}`]
    case 'step.lost':
      return ['lost', 'warn', clean(event.reason)]
    case 'step.released':
      return ['released', 'warn', 'starts again when the run is resumed']
    case 'step.in_doubt':
      return ['in doubt', 'warn', 'its process died; mag resolve says what became of it']
    case 'step.completed':
      return ['completed', 'good', took(step, step.attempts > 1 ? `, ${step.attempts} attempts` : '')]
    case 'step.failed':
      return ['failed', 'bad', `${clean(event.error.code)}: ${clean(event.error.message)} (${took(step)})${event.continued ? ', the run goes on' : ''}`]
    case 'step.cancelled':
      return ['cancelled', 'warn', clean(event.reason ?? '')]
    case 'step.skipped':
      return ['skipped', 'dim', clean(event.reason)]
    default:
      return undoSaid(step, event)
  }
}

function undoSaid(step: StepView, event: RunEvent): Said | undefined {
  const worker = step.undo?.worker ?? ''
  switch (event.type) {
    case 'compensation.scheduled':
      return ['undoing', 'busy', `${worker}${event.attempt > 1 ? `, attempt ${event.attempt}` : ''}${event.outcome === 'unknown' ? ' (whether it had its effect is not known)' : ''}`]
    case 'compensation.retrying':
      return ['retry', 'warn', `${worker}: ${clean(event.error.message)}, attempt ${event.attempt + 1} ${dueIn(event.dueAt, event.at)}`]
    case 'compensation.lost':
      return ['lost', 'warn', `${worker}: ${clean(event.reason)}`]
    case 'compensation.completed':
      return ['undone', 'good', worker]
    case 'compensation.failed':
      return ['not undone', 'bad', `${worker}: ${clean(event.error.code)}: ${clean(event.error.message)}; needs a person`]
    default:
      return undefined
  }
}

function took(step: StepView, more = ''): string {
  return `${formatDuration(durationOf(step) ?? 0)}${more}`
}

/** Said after a silence, so that CI does not take the run for dead. */
export function heartbeatLine(view: RunView, now: number): Line {
  const steps = [...view.active].sort((a, b) => a.no - b.no)
  const names = steps.slice(0, 5).map((step) => `${step.path} ${formatDuration(now - (step.startedAt ?? now))}`).join(', ')
  const text = steps.length === 0 ? `${view.workflow} ${view.runId}` : `${names}${steps.length > 5 ? ` and ${steps.length - 5} more` : ''}`
  return line(now, [span(view.state === 'waiting' ? 'still waiting' : 'still running', 'dim'), span(`: ${text}`)])
}

/** A worker's log line; one with line breaks becomes several. */
export function logLines(view: RunView | undefined, log: LogText): Line[] {
  const style: Style = log.level === 'error' ? 'bad' : log.level === 'warn' ? 'warn' : 'dim'
  const name = clean(log.path).padEnd(view ? nameCells(view) : 0)
  const level = log.level === 'info' ? '' : `${log.level} `
  return clean(log.message, { newlines: 'keep' }).trimEnd().split('\n')
    .map((text) => line(log.at, [span(name), span(' | ', 'dim'), span(level, style), span(text)]))
}

const cellsByView = new WeakMap<RunView, number>()

function nameCells(view: RunView): number {
  const known = cellsByView.get(view)
  if (known !== undefined) return known
  const longest = Math.min(WIDEST_NAME, view.all.reduce((most, step) => Math.max(most, step.path.length), 0))
  cellsByView.set(view, longest)
  return longest
}

function line(at: number, spans: Line): Line {
  return [span(utc(at), 'dim'), span(' '), ...spans]
}

/** `08:54:42Z` */
function utc(at: number): string {
  return `${new Date(at).toISOString().slice(11, 19)}Z`
}
