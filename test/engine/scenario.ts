/**
 * Runs a text scenario: blocks of `> command` lines, each followed by what the engine answered. The engine, the checker and the
 * expressions are the real ones; only time and workers are the scenario's.
 */
import { checkWorkflow } from '../../src/definition/check.ts'
import { createExpressions } from '../../src/definition/expression.ts'
import { compile, recover, runState, transition, type Compiled, type Run } from '../../src/engine/transition.ts'
import type { Command, Task } from '../../src/model/command.ts'
import { parseDuration } from '../../src/model/duration.ts'
import type { RunEvent } from '../../src/model/event.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import type { AttemptResult, Message } from '../../src/model/message.ts'

const START = Date.UTC(2026, 0, 3, 14, 56, 32)

interface World {
  compiled: Compiled
  run: Run | undefined
  now: number
  wakeAt: number | null
  tasks: Map<string, Task>
  history: RunEvent[]
}

/** The scenario's text with every answer as the engine gives it now. */
export function rewriteScenario(text: string): string {
  const [head = '', ...blocks] = text.split(/^(?=> )/m)
  const yaml = head.replace(/^#.*\n/gm, '')
  const checked = checkWorkflow({ file: 'workflows/scenario.yaml', text: yaml })
  if (!checked.definition || !checked.hash) throw new Error(checked.problems.map((p) => `${p.line}: ${p.message}`).join('\n'))
  const world: World = {
    compiled: compile(checked.definition, checked.hash, createExpressions()), run: undefined, now: START, wakeAt: null, tasks: new Map(), history: [],
  }
  return head + blocks.map((block) => answer(world, block)).join('')
}

function answer(world: World, block: string): string {
  const [command = ''] = block.split('\n', 1)
  const lines = act(world, command.slice(2).trim())
  const trailing = block.endsWith('\n\n') || /\n\n#/.test(block) ? '\n' : ''
  const comment = block.match(/\n(#.*\n)+$/)?.[0] ?? ''
  return `${[command, ...lines].join('\n')}\n${trailing}${comment.replace(/^\n+/, '')}`
}

function act(world: World, command: string): string[] {
  const [verb = '', ...rest] = command.split(' ')
  const argument = rest.join(' ')
  const [path = '', ...more] = rest
  const detail = more.join(' ')
  switch (verb) {
    case 'start':
      return tell(world, { type: 'start', id: 'TX-20260103-145632-scenar', workflow: world.compiled.definition.name, definition: 'h', input: JSON.parse(argument || '{}') as JsonObject })
    case 'ok':
      return outcome(world, path, { ok: true, output: JSON.parse(detail || '{}') as Json })
    case 'throw':
    case 'fatal': {
      const [code = 'Error', ...words] = more
      return outcome(world, path, { ok: false, how: 'thrown', error: { code, message: words.join(' ') || 'failed', retryable: verb === 'throw' } })
    }
    case 'timeout':
      return outcome(world, path, { ok: false, how: 'timeout', error: { code: 'TIMEOUT', message: 'took too long', retryable: true } })
    case 'aborted':
    case 'released':
    case 'lost':
      return outcome(world, path, { ok: false, how: verb, error: { code: verb.toUpperCase(), message: verb, retryable: true } })
    case 'started': {
      const task = taskOf(world, path)
      return tell(world, { type: 'started', path: task.path, token: task.token })
    }
    case 'wait':
      world.now += parseDuration(argument) ?? Number.NaN
      return tell(world, { type: 'tick' })
    case 'cancel':
      return tell(world, { type: 'cancel', ...(argument ? { reason: argument } : {}) })
    case 'takeover':
      return takeOver(world)
    case 'again':
      return tell(world, { type: 'outcome', path, token: Number(more[0]), result: { ok: true, output: 'late' } })
    default:
      throw new Error(`unknown scenario command: ${command}`)
  }
}

function taskOf(world: World, path: string): Task {
  const task = world.tasks.get(path)
  if (!task) throw new Error(`no task for ${path}; there are ${[...world.tasks.keys()].join(', ') || 'none'}`)
  return task
}

function outcome(world: World, path: string, result: AttemptResult): string[] {
  const task = taskOf(world, path)
  world.tasks.delete(path)
  return tell(world, { type: 'outcome', path: task.path, token: task.token, result })
}

/** The process died: only history is left, and the pool's tasks are gone. */
function takeOver(world: World): string[] {
  world.tasks.clear()
  const recovered = recover(world.compiled, 'TX-20260103-145632-scenar', world.history)
  world.run = recovered.run
  return tell(world, { type: 'taken_over', owner: 'p2', clean: false })
}

function tell(world: World, message: Message): string[] {
  const result = transition(world.compiled, world.run, [message], world.now)
  world.run = result.run
  world.wakeAt = result.wakeAt
  world.history.push(...result.events)
  const lines = [...result.events.map(eventLine), ...result.commands.map((command) => commandLine(world, command))]
  const wake = result.wakeAt === null ? '' : `, wakes in ${(result.wakeAt - world.now) / 1_000}s`
  if (lines.length === 0) return ['  nothing']
  return [...lines, `  = ${runState(result.run)}${wake}`]
}

function eventLine(event: RunEvent): string {
  const { seq, at, type, ...rest } = event as RunEvent & Record<string, unknown>
  const shown = Object.entries(rest).filter(([key]) => !['workflow', 'definition', 'token', 'path'].includes(key)).map(([key, value]) => `${key}=${show(key, value)}`)
  const path = typeof rest.path === 'string' ? ` ${rest.path}` : ''
  return `  ${seq} ${type}${path}${shown.length > 0 ? ` ${shown.join(' ')}` : ''}`
}

function show(key: string, value: unknown): string {
  if (key === 'dueAt' || key === 'until' || key === 'startedAt') return `+${(Number(value) - START) / 1_000}s`
  if (key === 'error') {
    const { code, message, retryable } = value as { code: string; message: string; retryable: boolean }
    return `${code}(${message}${retryable ? '' : ', final'})`
  }
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function commandLine(world: World, command: Command): string {
  if (command.type === 'cancel_task') return `  -> abort ${command.path}`
  const { task } = command
  const key = task.purpose === 'compensation' ? `undo:${task.path}` : task.path
  world.tasks.set(key, task)
  const what = task.target.kind === 'shell' ? 'shell' : task.target.worker
  return `  -> ${task.purpose === 'compensation' ? 'undo' : 'task'} ${task.path} #${task.attempt} ${what} ${JSON.stringify(task.input)}`
}
