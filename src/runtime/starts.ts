/**
 * "This attempt is running now", told to the run only when it has lasted a while: a fast step ends first and costs no
 * commit for it. Other processes' `mag status` shows `queued` until then.
 */
import type { Task } from '../model/command.ts'
import type { Message } from '../model/message.ts'
import type { Clock } from './clock.ts'

const TELL_AFTER_MS = 40

export interface Starts {
  started(task: Task, process: string): void
  ended(task: Task): void
  stop(): void
}

export function createStarts(clock: Clock, tell: (runId: string, message: Message) => void): Starts {
  let fresh = new Map<Task, string>()
  let older = new Map<Task, string>()
  let cancel: (() => void) | undefined

  function turn(): void {
    cancel = undefined
    for (const [task, process] of older) tell(task.runId, { type: 'started', path: task.path, token: task.token, process })
    older = fresh
    fresh = new Map()
    if (older.size > 0) cancel = clock.setTimer(TELL_AFTER_MS, turn)
  }

  return {
    started(task, process) {
      fresh.set(task, process)
      cancel ??= clock.setTimer(TELL_AFTER_MS, turn)
    },
    ended(task) {
      if (!fresh.delete(task)) older.delete(task)
    },
    stop() {
      cancel?.()
      fresh.clear()
      older.clear()
    },
  }
}
