/** One sign per state, with a plain substitute: the sign and the word carry the meaning, colour only repeats it. */
import type { RunState } from '../model/event.ts'
import { span, type Screen, type Span, type Style } from './span.ts'
import type { StepView, StepViewState } from './views.ts'

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const PLAIN_SPINNER = ['-', '\\', '|', '/']

type Mark = readonly [sign: string, plain: string, style: Style]

const STEP: Record<Exclude<StepViewState, 'running' | 'compensating'>, Mark> = {
  pending: ['○', '.', 'dim'], queued: ['○', '.', 'dim'], retrying: ['↻', '~', 'warn'], sleeping: ['⏸', '=', 'warn'], waiting: ['⏸', '=', 'warn'],
  in_doubt: ['?', '?', 'warn'], completed: ['✔', '+', 'good'], failed: ['✖', 'x', 'bad'], skipped: ['↓', '>', 'dim'],
  cancelled: ['⊘', '/', 'warn'], compensated: ['↩', '<', 'warn'], compensation_failed: ['✖', 'x', 'bad'],
}

const RUN: Record<Exclude<RunState, 'running' | 'compensating'>, Mark> = {
  pending: ['○', '.', 'dim'], waiting: ['⏸', '=', 'warn'], paused: ['⏸', '=', 'warn'], completed: ['✔', '+', 'good'], failed: ['✖', 'x', 'bad'],
  compensated: ['↩', '<', 'warn'], cancelled: ['⊘', '/', 'warn'], timed_out: ['✖', 'x', 'bad'], compensation_failed: ['✖', 'x', 'bad'],
}

type Signs = Pick<Screen, 'unicode' | 'frame'>

export function stepMark(step: StepView, signs: Signs): Span {
  if (step.state === 'running' || step.state === 'compensating') return spinner(signs)
  if (step.state === 'skipped' && step.skip === 'ending') return of(STEP.pending, signs)
  return of(STEP[step.state], signs)
}

export function runMark(state: RunState, signs: Signs): Span {
  return state === 'running' || state === 'compensating' ? spinner(signs) : of(RUN[state], signs)
}

export function goodMark(signs: Signs): Span {
  return of(STEP.completed, signs)
}

export function badMark(signs: Signs): Span {
  return of(STEP.failed, signs)
}

function of([sign, plain, style]: Mark, { unicode }: Signs): Span {
  return span(unicode ? sign : plain, style)
}

function spinner({ unicode, frame }: Signs): Span {
  if (frame < 0) return span(unicode ? '●' : '*', 'busy')
  const frames = unicode ? SPINNER : PLAIN_SPINNER
  return span(frames[frame % frames.length] ?? '-', 'busy')
}

/** `compensation_failed` as people say it. */
export function words(state: string): string {
  return state.replaceAll('_', ' ')
}
