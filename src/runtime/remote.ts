/** Tasks that other processes' pools serve: they are queued in the store with the very commit that schedules them. */
import type { Commit, QueuedTask } from '../backend/backend.ts'
import type { Transition } from '../engine/transition.ts'
import type { Task } from '../model/command.ts'
import { DEFAULT_PRIORITY, DEFAULT_QUEUE } from '../model/definition.ts'

export type Remote = Pick<Commit, 'tasks' | 'withdrawn'>

/** What a commit says of tasks that are not for the pool here; `here`: this process's own pool takes it. */
export function remoteOf({ commands, events }: Transition, here: (task: Task) => boolean): Remote {
  const tasks: QueuedTask[] = []
  const withdrawn: number[] = []
  for (const command of commands) {
    if (command.type === 'task' && !here(command.task)) {
      const { queue = DEFAULT_QUEUE, priority = DEFAULT_PRIORITY } = command.task
      tasks.push({ queue, priority, task: command.task })
    }
    if (command.type === 'cancel_task') withdrawn.push(command.token)
  }
  // An attempt that was given up must not begin any more.
  for (const event of events) if (event.type === 'step.lost' || event.type === 'compensation.lost') withdrawn.push(event.token)
  return { ...(tasks.length > 0 ? { tasks } : {}), ...(withdrawn.length > 0 ? { withdrawn } : {}) }
}
