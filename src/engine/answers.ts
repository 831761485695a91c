/** Answers to what a run asked of its surroundings: gates, children, what children have to undo. */
import { RETRY_DEFAULTS } from '../model/definition.ts'
import type { ErrorInfo } from '../model/error.ts'
import type { Message } from '../model/message.ts'
import { attemptFailed, failIf, schedule } from './attempts.ts'
import { endRun, failStep } from './ending.ts'
import { change } from './run.ts'
import { find } from './frame.ts'
import { pushAll } from './begin.ts'
import { emit, emitSettled, stateOf, type Turn } from './turn.ts'

export function onGate(turn: Turn, message: Extract<Message, { type: 'gate' }>): void {
  if (message.token === 0) return
  if (message.path === '') return onRunGate(turn, message)
  const step = find(turn.compiled, turn.draft, message.path)
  if (!step || stateOf(turn, step).gate !== message.token || stateOf(turn, step).status !== 'queued') return
  const { answer } = message
  if (answer.pass) {
    // Not an event: the one that follows says it.
    change(turn.draft, step.no, { passed: true })
    return schedule(turn, step)
  }
  const { attempt } = stateOf(turn, step)
  switch (answer.why) {
    case 'cached':
      return emitSettled(turn, step, { type: 'step.completed', path: step.path, output: answer.output, cached: true })
    case 'full':
      return failStep(turn, step, fullError(answer, step.path))
    case 'open': {
      const until = new Date(answer.until).toISOString()
      const error = { code: 'CIRCUIT_OPEN', message: `its worker has failed too often: not called before ${until}`, retryable: true, step: step.path, attempt: attempt + 1 }
      attemptFailed(turn, step, { error, policy: step.step.retry ?? RETRY_DEFAULTS, unknown: false })
    }
  }
}

function fullError({ key, limit }: { key: string; limit: number }, path?: string): ErrorInfo {
  const message = `${limit === 1 ? 'another one is' : `${limit} others are`} running with the concurrency key ${JSON.stringify(key)}, and when_full says fail`
  return { code: 'LIMIT', message, retryable: false, ...(path === undefined ? {} : { step: path }) }
}

function onRunGate(turn: Turn, { token, answer }: Extract<Message, { type: 'gate' }>): void {
  if (turn.draft.gate !== token) return
  if (!answer.pass) {
    if (answer.why === 'full') endRun(turn, 'failed', { error: fullError(answer) })
    return
  }
  emit(turn, { type: 'run.admitted' })
  pushAll(turn)
}

/** A child has ended: its result, or its failure, is the step's. */
export function onChildEnded(turn: Turn, message: Extract<Message, { type: 'child_ended' }>): void {
  const step = find(turn.compiled, turn.draft, message.path)
  const state = step && stateOf(turn, step)
  if (!step || !state?.child || state.child.token !== message.token || state.status !== 'running') return
  const { path } = step
  if (message.state === 'completed') {
    const failure = failIf(turn, step, message.output ?? null)
    if (failure) return failStep(turn, step, failure)
    return emitSettled(turn, step, { type: 'step.completed', path, output: message.output ?? null })
  }
  if (state.aborting) return emitSettled(turn, step, { type: 'step.cancelled', path, reason: `its child ended ${message.state}` })
  const cause = message.error
  const where = cause?.step === undefined ? '' : `${cause.step}: `
  const error: ErrorInfo = {
    code: cause?.code ?? message.state.toUpperCase(), message: `${message.run} ended ${message.state}${cause ? `: ${where}${cause.message}` : ''}`,
    retryable: message.state === 'failed' || message.state === 'compensated', step: path, attempt: state.attempt,
    details: { run: message.run, state: message.state },
  }
  attemptFailed(turn, step, { error, policy: step.step.retry ?? RETRY_DEFAULTS, unknown: false })
}

export function onChildUndo(turn: Turn, message: Extract<Message, { type: 'child_undo' }>): void {
  const step = find(turn.compiled, turn.draft, message.path)
  const child = step && stateOf(turn, step).child
  if (!child || child.run !== message.run || child.undo || turn.draft.phase !== 'aborting') return
  emit(turn, { type: 'step.child_undo', path: message.path, run: message.run, items: message.items })
}
