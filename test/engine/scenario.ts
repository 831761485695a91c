/**
 * Runs a text scenario: blocks of `> command` lines, each followed by what the engine answered. The engine, the checker and the
 * expressions are the real ones; only time and workers are the scenario's.
 */
import { checkWorkflow } from '../../src/definition/check.ts'
import { createExpressions } from '../../src/definition/expression.ts'
import { compile, recover, runState, transition, type Compiled, type Run } from '../../src/engine/transition.ts'
import type { ChildStart, Command, Gate, Task } from '../../src/model/command.ts'
import { childrenOf } from '../../src/model/definition.ts'
import { parseDuration } from '../../src/model/duration.ts'
import type { FinalState, RunEvent } from '../../src/model/event.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import type { AttemptResult, GateAnswer, Message } from '../../src/model/message.ts'

const START = Date.UTC(2026, 0, 3, 14, 56, 32)

interface World {
  compiled: Compiled
  run: Run | undefined
  now: number
  wakeAt: number | null
  tasks: Map<string, Task>
  gates: Map<string, Gate>
  children: Map<string, ChildStart>
  history: RunEvent[]
}

/** The scenario's text with every answer as the engine gives it now. */
export function rewriteScenario(text: string): string {
  const [head = '', ...blocks] = text.split(/^(?=> )/m)
  const yaml = head.replace(/^#.*\n/gm, '')
  const checked = checkWorkflow({ file: 'workflows/scenario.yaml', text: yaml })
  if (!checked.definition || !checked.hash) throw new Error(checked.problems.map((p) => `${p.line}: ${p.message}`).join('\n'))
  const world: World = {
    compiled: compile(checked.definition, checked.hash, createExpressions()), run: undefined, now: START, wakeAt: null, tasks: new Map(), gates: new Map(), children: new Map(), history: [],
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
      return tell(world, { type: 'start', id: 'TX-20260103-145632-scenar', workflow: world.compiled.definition.name, definition: 'h', input: JSON.parse(argument || '{}') as JsonObject, ...(childrenOf(world.compiled.definition).size > 0 ? { children: { child: 'h2' } } : {}) })
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
    case 'pause':
    case 'unpause':
      return tell(world, { type: verb })
    case 'retry':
      return tell(world, { type: 'retry', ...(argument ? { from: argument } : {}) })
    case 'signal':
      return tell(world, { type: 'signal', name: path, id: more[0] ?? '', data: JSON.parse(more[1] ?? 'null') as Json })
    case 'approve':
    case 'reject': {
      const [by = '', ...words] = more
      return tell(world, { type: 'approve', path, approved: verb === 'approve', by, ...(words.length > 0 ? { comment: words.join(' ') } : {}) })
    }
    case 'resolve': {
      const [as = 'retry', output] = more
      return tell(world, { type: 'resolve', path, as: as as 'completed', by: 'ann', ...(output === undefined ? {} : { output: JSON.parse(output) as Json }) })
    }
    case 'pass':
    case 'full':
    case 'open':
    case 'cached':
      return gate(world, path, answerOf(world, path, verb, detail))
    case 'child':
      return endChild(world, path, more)
    case 'undo':
      return tellUndo(world, path, more)
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

function answerOf(world: World, path: string, verb: 'pass' | 'full' | 'open' | 'cached', detail: string): GateAnswer {
  const asked = world.gates.get(path)
  switch (verb) {
    case 'pass':
      return { pass: true }
    case 'full':
      return { pass: false, why: 'full', key: asked?.slot?.key ?? '', limit: asked?.slot?.limit ?? 0 }
    case 'open':
      return { pass: false, why: 'open', until: world.now + (parseDuration(detail) ?? Number.NaN) }
    case 'cached':
      return { pass: false, why: 'cached', output: JSON.parse(detail) as Json }
  }
}

function gate(world: World, path: string, answer: GateAnswer): string[] {
  const asked = world.gates.get(path)
  if (!asked) throw new Error(`nothing is asked for ${path || 'the run'}`)
  world.gates.delete(path)
  return tell(world, { type: 'gate', path, token: asked.token, answer })
}

function endChild(world: World, path: string, [state = '', ...more]: string[]): string[] {
  const child = world.children.get(path)
  if (!child) throw new Error(`no child at ${path}`)
  const base = { type: 'child_ended' as const, path, token: child.token, run: child.run, state: state as FinalState, at: world.now }
  if (state === 'completed') return tell(world, { ...base, output: JSON.parse(more.join(' ') || '{}') as Json })
  const [code = 'CANCELLED', ...words] = more
  return tell(world, { ...base, error: { code, message: words.join(' ') || 'cancelled', retryable: false } })
}

/** `m:um`: step m of the child, undone by worker um; they completed a millisecond apart. */
function tellUndo(world: World, path: string, pairs: string[]): string[] {
  const child = world.children.get(path)
  if (!child) throw new Error(`no child at ${path}`)
  const items = pairs.map((pair, i) => {
    const [step = '', worker = ''] = pair.split(':')
    return { path: step, worker, outcome: 'completed' as const, input: { of: step }, at: START + 500 + i }
  })
  return tell(world, { type: 'child_undo', path, run: child.run, items })
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
  if (command.type === 'gate') world.gates.set(command.gate.path, command.gate)
  if (command.type === 'start_child') world.children.set(command.child.path, command.child)
  if (command.type !== 'task') return otherLine(command)
  const { task } = command
  const key = task.purpose === 'compensation' ? `undo:${task.path}` : task.path
  world.tasks.set(key, task)
  const what = task.target.kind === 'worker' ? task.target.worker : task.target.kind
  const again = /#\d+$/.exec(task.idempotencyKey)?.[0]
  const secrets = task.secrets ? ` secrets ${JSON.stringify(task.secrets)}` : ''
  return `  -> ${task.purpose === 'compensation' ? 'undo' : 'task'} ${task.path} #${task.attempt} ${what} ${JSON.stringify(task.input)}${secrets}${again ? ` key ${again}` : ''}`
}

function otherLine(command: Exclude<Command, { type: 'task' }>): string {
  switch (command.type) {
    case 'cancel_task':
      return `  -> abort ${command.path}`
    case 'gate': {
      const { path, token: _, ...asked } = command.gate
      return `  -> ask ${path || 'the run'} ${JSON.stringify(asked)}`
    }
    case 'start_child':
      return `  -> child ${command.child.path} ${command.child.workflow} ${JSON.stringify(command.child.input ?? command.child.context)}`
    case 'await_child':
      return `  -> await child ${command.path}`
    case 'cancel_child':
      return `  -> cancel child: ${command.reason}`
    case 'load_undo':
      return `  -> what has ${command.path} to undo?`
    default: {
      const { type, ...rest } = command
      return `  -> ${type} ${JSON.stringify(rest)}`
    }
  }
}
