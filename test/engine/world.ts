/** A run and everything around it that answers it, as a test wants it to: workers, the store, children, people, time. */
import assert from 'node:assert/strict'
import { createExpressions } from '../../src/definition/expression.ts'
import { compile, transition, type Compiled, type Run } from '../../src/engine/transition.ts'
import type { StepState } from '../../src/engine/run.ts'
import { toArray } from '../../src/engine/vector.ts'
import type { ChildStart, Command, Gate, Task } from '../../src/model/command.ts'
import type { Definition } from '../../src/model/definition.ts'
import type { RunEvent } from '../../src/model/event.ts'
import type { GateAnswer, Message, Outcome } from '../../src/model/message.ts'
import type { Happening } from './generate.ts'
import { checkAlways, shown, type Observed } from './invariants.ts'

export { shown }

export const ID = 'TX-20260103-145632-random'
const expressions = createExpressions()

type Child = Pick<ChildStart, 'path' | 'token' | 'run'>

export class World {
  readonly compiled: Compiled
  readonly messages: Array<{ message: Message; now: number }> = []
  run: Run | undefined
  history: RunEvent[] = []
  tasks: Task[] = []
  old: Task[] = []
  gates: Gate[] = []
  children = new Map<string, Child & { cancelled: boolean }>()
  ended = new Map<string, Child>()
  undoAsked: Array<{ path: string; run: string }> = []
  now = 1_000_000
  wakeAt: number | null = null
  signals = 0
  retries = 0

  constructor(generated: Definition) {
    this.compiled = compile(generated, 'sha256:test', expressions)
    this.tell({ type: 'start', id: ID, workflow: 'generated', definition: 'sha256:test', input: { x: 1 }, children: { child: 'sha256:child' } })
  }

  tell(message: Message): void {
    const before = this.run
    // Of large runs only now and then: it takes as long as the run is large.
    const small = before !== undefined && (before.steps.length < 40 || this.messages.length % 16 === 0)
    const frozen = small ? shown(before) : ''
    const result = transition(this.compiled, before, [message], this.now)
    if (small) assert.equal(shown(before), frozen, 'a transition never changes the run it was given')
    if (before?.phase === 'done' && message.type !== 'retry') assert.equal(result.events.length, 0, '1: a final run hears nothing')
    this.messages.push({ message, now: this.now })
    this.run = result.run
    this.wakeAt = result.wakeAt
    this.history.push(...result.events)
    for (const command of result.commands) this.carryOut(command)
    checkAlways(this.observed())
  }

  carryOut(command: Command): void {
    switch (command.type) {
      case 'task':
        this.tasks.push(command.task)
        return
      case 'gate':
        this.gates.push(command.gate)
        return
      case 'start_child':
        this.children.set(command.child.run, { ...command.child, cancelled: false })
        return
      case 'await_child':
        if (!this.ended.has(command.run) && !this.children.has(command.run)) this.children.set(command.run, { ...command, cancelled: false })
        return
      case 'cancel_child': {
        const child = this.children.get(command.run)
        if (child) child.cancelled = true
        return
      }
      case 'load_undo':
        this.undoAsked.push(command)
        return
      default:
    }
  }

  observed(): Observed {
    assert.ok(this.run)
    return { compiled: this.compiled, run: this.run, history: this.history, wakeAt: this.wakeAt, now: this.now }
  }

  happen(one: Happening): void {
    switch (one.do) {
      case 'wait':
        this.now += one.ms
        return this.tell({ type: 'tick' })
      case 'cancel':
      case 'pause':
      case 'unpause':
        return this.tell({ type: one.do })
      case 'retry':
        if (this.retries++ < 2) this.tell({ type: 'retry' })
        return
      case 'undo':
        return this.answerUndo()
      case 'takeover':
        this.tasks = []
        this.gates = []
        this.undoAsked = []
        return this.tell({ type: 'taken_over', owner: 'other', clean: false })
      case 'junk':
        this.tell({ type: 'outcome', path: 'nobody', token: 3, result: { ok: true, output: {} } })
        this.tell({ type: 'outcome', path: 's0[7]/s1', token: 3, result: { ok: true, output: {} } })
        return this.tell({ type: 'gate', path: 's0', token: 99_999, answer: { pass: true } })
      case 'signal':
        return this.tell({ type: 'signal', id: `g${Math.max(0, this.signals++ - (one.pick % 3 === 0 ? 1 : 0))}`, name: `signal${one.pick % 2}`, data: { pick: one.pick } })
      case 'yes':
      case 'no':
        return this.decide(one.do === 'yes', one.pick)
      case 'resolve':
        return this.resolve(one.pick)
      case 'pass':
      case 'closed':
        return this.answerGate(one.pick, one.do === 'closed')
      case 'child':
        return this.endChild(one.pick, one.pick % 3 !== 0)
      case 'twice': {
        const old = pickOf(this.old, one.pick)
        return old ? this.tell(outcomeOf(old, 'ok')) : undefined
      }
      default: {
        const task = pickOf(this.tasks, one.pick)
        if (!task) return
        if (one.do === 'started') return this.tell({ type: 'started', path: task.path, token: task.token })
        this.finish(task, one.do)
        // What is handed back starts again only with a new owner.
        if (one.do === 'released') this.happen({ do: 'takeover' })
      }
    }
  }

  finish(task: Task, how: How): void {
    this.tasks.splice(this.tasks.indexOf(task), 1)
    this.old.push(task)
    this.tell(outcomeOf(task, how))
  }

  decide(approved: boolean, pick: number): void {
    const path = pickOf(this.paths((state) => state.status === 'waiting' && state.step.step.kind.type === 'approve'), pick)
    if (path !== undefined) this.tell({ type: 'approve', path, approved, by: 'ann' })
  }

  resolve(pick: number): void {
    const path = pickOf(this.paths((state) => state.status === 'in_doubt'), pick)
    if (path !== undefined) this.tell({ type: 'resolve', path, as: (['completed', 'failed', 'retry'] as const)[pick % 3] ?? 'retry' })
  }

  answerGate(pick: number, closed: boolean): void {
    const gate = pickOf(this.gates, pick)
    if (!gate) return
    this.gates.splice(this.gates.indexOf(gate), 1)
    this.tell({ type: 'gate', path: gate.path, token: gate.token, answer: closed ? this.refusal(gate) : { pass: true } })
  }

  refusal(gate: Gate): GateAnswer {
    if (gate.cache !== undefined) return { pass: false, why: 'cached', output: { cached: true } }
    if (gate.circuit) return { pass: false, why: 'open', until: this.now + 1_000 }
    return gate.slot?.whenFull === 'fail' ? { pass: false, why: 'full', key: gate.slot.key, limit: gate.slot.limit } : { pass: true }
  }

  endChild(pick: number, well: boolean): void {
    const child = pickOf([...this.children.values()], pick)
    if (!child) return
    this.children.delete(child.run)
    this.ended.set(child.run, child)
    const { path, token, run } = child
    const base = { type: 'child_ended' as const, path, token, run, at: this.now }
    if (child.cancelled) return this.tell({ ...base, state: 'cancelled', error: { code: 'CANCELLED', message: 'cancelled', retryable: false } })
    this.tell(well ? { ...base, state: 'completed', output: { by: run } } : { ...base, state: 'compensated', error: { code: 'BAD', message: 'bad', retryable: false, step: 'm' } })
  }

  answerUndo(): void {
    const asked = this.undoAsked.shift()
    if (!asked) return
    const items = asked.run.charCodeAt(asked.run.length - 1) % 2 === 0 ? [] : [{ path: 'm', worker: 'undo', outcome: 'completed' as const, input: { of: asked.run }, at: this.now - 5 }]
    this.tell({ type: 'child_undo', path: asked.path, run: asked.run, items })
  }

  paths(of: (state: StepState) => boolean): string[] {
    return this.run ? toArray(this.run.steps).filter(of).map((state) => state.step.path) : []
  }

  /** Liveness: every answer comes from now on. */
  drain(): void {
    for (let turns = 0; this.run?.phase !== 'done'; turns++) {
      assert.ok(turns < 5_000, '27: the run does not end')
      const task = this.tasks[0]
      if (this.run?.paused) this.tell({ type: 'unpause' })
      else if (task) this.finish(task, 'ok')
      else if (this.gates.length > 0) this.answerGate(0, false)
      else if (this.children.size > 0) this.endChild(0, true)
      else if (this.undoAsked.length > 0) this.answerUndo()
      else if (!this.answerPeople()) {
        assert.ok(this.wakeAt !== null, '27: nothing will ever move this run')
        this.now = Math.max(this.now, this.wakeAt)
        this.tell({ type: 'tick' })
      }
    }
  }

  answerPeople(): boolean {
    const before = this.history.length
    this.resolve(0)
    this.decide(true, 0)
    for (const state of this.run ? toArray(this.run.steps) : []) {
      if (state.status !== 'waiting' || state.wait === undefined) continue
      this.tell({ type: 'signal', id: `d${this.history.length}`, name: state.wait, data: null })
      break
    }
    return this.history.length > before
  }
}

function pickOf<T>(items: readonly T[], pick: number): T | undefined {
  return items[pick % Math.max(1, items.length)]
}

export type How = 'ok' | 'throw' | 'fatal' | 'timeout' | 'lost' | 'released' | 'aborted'

export function outcomeOf(task: Task, how: How): Outcome {
  const base = { type: 'outcome' as const, path: task.path, token: task.token }
  if (how === 'ok') return { ...base, result: { ok: true, output: { by: task.path } } }
  const error = { code: how.toUpperCase(), message: how, retryable: how !== 'fatal' }
  return { ...base, result: { ok: false, how: how === 'throw' || how === 'fatal' ? 'thrown' : how, error } }
}
