/**
 * A pool for other processes' runs: claims tasks from the store, runs them, settles them there. It owns no run and decides
 * nothing: whether an outcome still counts is for the store (is it the holder?) and the run (is it the token?) to say.
 */
import type { Backend, LogLine, Owner } from '../backend/backend.ts'
import { SHELL_WORKER } from '../backend/backend.ts'
import type { Task } from '../model/command.ts'
import { MagError } from '../model/error.ts'
import type { Outcome } from '../model/message.ts'
import { systemClock, type Clock } from './clock.ts'
import { isPassing, untilDone } from './held.ts'
import type { LoadedWorker } from './loader/loader.ts'
import { createLogBuffer } from './log-buffer.ts'
import { createPool } from './pool/pool.ts'
import { thisProcess } from './process.ts'
import { createMasker, environmentSecret, type SecretSource } from './secrets.ts'
import { createStarts } from './starts.ts'

/** Of the process and of each task: a worker that died elsewhere is missed after this long. */
const LEASE_MS = 10_000
/** The backend's hint comes sooner. */
const POLL_MS = 1_000
const REAPED_AT_ONCE = 100

export interface TaskServerOptions {
  backend: Backend
  projectDir: string
  workers: LoadedWorker[]
  queues: string[]
  concurrency: number
  clock?: Clock
  secret?: SecretSource
  onFatal: (error: MagError) => void
  onHeld?: (error: MagError) => void
  onLog?: (line: LogLine) => void
}

export interface TaskServer {
  readonly owner: Owner
  /** What it holds gets `graceMs` to end; the rest goes back and starts again elsewhere. */
  stop(options: { graceMs: number }): Promise<void>
}

export async function openTaskServer(options: TaskServerOptions): Promise<TaskServer> {
  const { backend, queues, concurrency, clock = systemClock, secret = environmentSecret } = options
  const byName = new Map(options.workers.map((worker) => [worker.name, worker]))
  const workers = [...byName.keys(), SHELL_WORKER]
  const owner = await backend.join({ ...thisProcess('worker'), queues, workers: [...byName.keys()], concurrency }, LEASE_MS)
  const held = new Map<string, Task>()
  const logs = createLogBuffer(backend, clock, options.onLog)
  const masker = createMasker()
  const known = (name: string) => {
    const value = secret(name)
    masker.add(value)
    return value
  }
  let [stopping, stopped, claiming, again] = [false, false, false, false]
  const settling = new Set<Promise<unknown>>()
  const idOf = (task: Task) => `${task.runId}/${task.token}`

  const starts = createStarts(clock, (runId, message) => void backend.send(runId, message).catch(onError))
  const pool = createPool({
    lookup: (name) => byName.get(name), concurrency, clock, projectDir: options.projectDir, process: owner.id, secret: known,
    onStarted: (task) => starts.started(task, owner.id),
    onOutcome(task, outcome) {
      starts.ended(task)
      const work = settle(task, masker.outcome(outcome)).finally(() => settling.delete(work))
      settling.add(work)
    },
    onProgress: (task, progress) => void backend.send(task.runId, {
      type: 'progress', path: task.path, token: task.token, ...progress, ...(progress.text === undefined ? {} : { text: masker.text(progress.text) }),
    }).catch(onError),
    onLog: (line) => logs.add(masker.line(line)),
  })

  function onError(error: unknown): void {
    if (stopped) return
    if (isPassing(error)) options.onHeld?.(error)
    else options.onFatal(error instanceof MagError ? error : new MagError('STORE_IO', String(error), { cause: error, exitCode: 7 }))
  }

  /** A result is kept until the store takes it or says that nobody wants it any more. */
  async function settle(task: Task, outcome: Outcome): Promise<void> {
    try {
      await untilDone(clock, () => stopped, async () => {
        try {
          return await backend.settleTask(owner, task, outcome)
        } catch (error) {
          if (isPassing(error)) options.onHeld?.(error)
          throw error
        }
      })
    } catch (error) {
      onError(error)
    } finally {
      held.delete(idOf(task))
      look()
    }
  }

  async function claim(): Promise<void> {
    if (claiming) {
      again = true
      return
    }
    claiming = true
    try {
      do {
        again = false
        const free = concurrency - held.size
        if (stopping || free <= 0) break
        const claimed = await backend.claimTasks({ owner, queues, workers, limit: free, leaseMs: LEASE_MS })
        for (const { task } of claimed) {
          held.set(idOf(task), task)
          pool.run(task)
        }
      } while (again)
    } finally {
      claiming = false
    }
  }

  const look = (): void => void claim().catch(onError)
  async function renew(): Promise<void> {
    if (!(await backend.renew(owner, LEASE_MS, pool.busy))) {
      for (const task of held.values()) pool.cancel(task.runId, task.token, 'the lease is lost')
      throw new MagError('LEASE_LOST', 'another process has declared this one dead', { exitCode: 7, hint: 'mag workers list' })
    }
    const tasks = [...held.values()]
    const lost = tasks.length > 0 ? await backend.renewTasks(owner, tasks, LEASE_MS) : []
    for (const id of lost) {
      const task = held.get(id)
      if (task) pool.cancel(task.runId, task.token, 'nobody waits for it any more')
    }
    // Any process may find what a dead one held.
    await backend.reapTasks(clock.now(), REAPED_AT_ONCE)
  }

  const unwatch = backend.watch(look)
  const polls = every(clock, POLL_MS, look)
  const renewals = every(clock, LEASE_MS / 3, () => void renew().catch(onError))
  look()
  return {
    owner,
    async stop({ graceMs }) {
      if (stopping) return
      stopping = true
      await pool.drain(graceMs)
      await pool.stop()
      await Promise.allSettled([...settling])
      stopped = true
      starts.stop()
      polls()
      renewals()
      unwatch()
      await logs.flush()
      await backend.leave(owner)
    },
  }
}

function every(clock: Clock, ms: number, action: () => void): () => void {
  let cancel = clock.setTimer(ms, again)
  function again(): void {
    cancel = clock.setTimer(ms, again)
    action()
  }
  return () => cancel()
}
