/** What a run's transition wants done, once its events are durable: handed to whoever does it. Decides nothing. */
import { inFlight } from '../engine/transition.ts'
import type { Command } from '../model/command.ts'
import type { Active, Core } from './active.ts'

export function carryOut(core: Core, active: Active, commands: readonly Command[]): void {
  const { options } = core
  const { runId } = active
  for (const command of commands) {
    switch (command.type) {
      case 'task':
        if (options.isLocal(command.task)) options.runTask(command.task)
        break
      case 'cancel_task':
        options.cancelTask(runId, command.token, command.reason)
        break
      case 'gate':
        options.gates.ask(runId, command.gate)
        break
      case 'free':
        options.gates.free(runId, command)
        break
      case 'cache':
        options.gates.remember(command)
        break
      case 'circuit':
        options.gates.count(command)
        break
      case 'start_child':
        if (active.run) options.children.start(active.run, command.child)
        break
      case 'await_child':
        if (active.run) options.children.await(active.run, command)
        break
      case 'cancel_child':
        options.children.cancel(command.run, command.reason)
        break
      case 'load_undo':
        options.children.loadUndo(runId, command)
    }
  }
}

/** The run is not this process's any more: what it has in flight here is aborted. */
export function cancelAll(core: Core, active: Active): void {
  if (!active.run) return
  for (const { token } of inFlight(active.run)) core.options.cancelTask(active.runId, token, 'the lease is lost')
}
