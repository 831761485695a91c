/** A pool with everything it reports kept, and ways to wait for a report. */
import { after } from 'node:test'
import type { LogLine } from '../../src/backend/backend.ts'
import type { Task } from '../../src/model/command.ts'
import type { Json } from '../../src/model/json.ts'
import type { Outcome } from '../../src/model/message.ts'
import { systemClock, type Clock } from '../../src/runtime/clock.ts'
import { createPool, type Pool } from '../../src/runtime/pool/pool.ts'
import { worker, type WorkerDefinition, type WorkerFunction } from '../../src/runtime/worker.ts'

export interface Fixture {
  pool: Pool
  outcomes: Map<number, Outcome>
  started: number[]
  logs: LogLine[]
  progress: Array<{ fraction?: number; text?: string }>
  /** Runs a worker of that function and waits for its outcome. */
  once(fn: WorkerFunction<never> | WorkerDefinition, task?: Partial<Task>): Promise<Outcome>
  shell(script: string, task?: Partial<Task>): Promise<Outcome>
  task(name: string, task?: Partial<Task>): Task
  outcome(token: number): Promise<Outcome>
  add(definition: WorkerDefinition): void
}

let lastToken = 0
const pools: Pool[] = []
after(() => Promise.all(pools.map((pool) => pool.stop())))

export function poolFixture(options: { concurrency?: number; clock?: Clock; projectDir?: string; onLog?: (line: LogLine) => void } = {}): Fixture {
  const workers = new Map<string, WorkerDefinition>()
  const outcomes = new Map<number, Outcome>()
  const waiters = new Map<number, (outcome: Outcome) => void>()
  const started: number[] = []
  const logs: LogLine[] = []
  const progress: Fixture['progress'] = []
  const pool = createPool({
    lookup: (name) => {
      const definition = workers.get(name)
      return definition && { definition, name, file: 'workers/test.ts', exportName: 'default' }
    },
    concurrency: options.concurrency ?? 100, clock: options.clock ?? systemClock, projectDir: options.projectDir ?? new URL('../..', import.meta.url).pathname, process: 'p1',
    onStarted: (task) => started.push(task.token),
    onOutcome: (task, outcome) => {
      if (outcomes.has(task.token)) throw new Error(`two outcomes for ${task.token}`)
      outcomes.set(task.token, outcome)
      waiters.get(task.token)?.(outcome)
    },
    onProgress: (_task, told) => progress.push(told),
    onLog: (line) => {
      logs.push(line)
      options.onLog?.(line)
    },
  })
  pools.push(pool)
  const fixture: Fixture = {
    pool, outcomes, started, logs, progress,
    add: (definition) => void workers.set(definition.name, definition),
    task(name, task = {}) {
      const token = ++lastToken
      return {
        runId: 'TX-20260103-145632-k3f9q2ab', workflow: 'w', path: 'step', stepId: 'step', purpose: 'step', attempt: 1, token,
        target: { kind: 'worker', worker: name }, input: {} as Json, idempotencyKey: `k${token}`, ...task,
      }
    },
    outcome(token) {
      const there = outcomes.get(token)
      return there ? Promise.resolve(there) : new Promise((resolve) => waiters.set(token, resolve))
    },
    once(fn, task) {
      const definition = typeof fn === 'function' ? worker<never>(`w${lastToken + 1}`, fn) : fn
      fixture.add(definition)
      const made = fixture.task(definition.name, task)
      pool.run(made)
      return fixture.outcome(made.token)
    },
    shell(script, task) {
      const made = fixture.task('', { target: { kind: 'shell', script }, input: { env: {} }, ...task })
      pool.run(made)
      return fixture.outcome(made.token)
    },
  }
  return fixture
}

export function outputOf(outcome: Outcome): Json {
  if (!outcome.result.ok) throw new Error(`${outcome.result.how} ${outcome.result.error.code}: ${outcome.result.error.message}`)
  return outcome.result.output
}

export function errorOf(outcome: Outcome): Extract<Outcome['result'], { ok: false }>['error'] & { how: string } {
  if (outcome.result.ok) throw new Error(`completed with ${JSON.stringify(outcome.result.output)}`)
  return { ...outcome.result.error, how: outcome.result.how }
}

/** A promise and its ends. */
export function gate<T = void>(): { promise: Promise<T>; open(value: T): void } {
  const { promise, resolve } = Promise.withResolvers<T>()
  return { promise, open: resolve }
}
