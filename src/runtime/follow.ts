/** The events of a run for whoever watches it: straight from commits made here, read from the store otherwise. */
import type { Backend } from '../backend/backend.ts'
import type { MagError } from '../model/error.ts'
import type { RunEvent } from '../model/event.ts'
import type { Clock } from './clock.ts'
import { isPassing } from './held.ts'

/** A backend's hint may be missed; a watched run is read at least this often. */
const POLL_MS = 1_000

type Listener = (events: readonly RunEvent[]) => void

export interface Follower {
  follow(runId: string, listener: Listener, options?: { after?: number; signal?: AbortSignal }): Promise<void>
  /** Durable events of a run that is driven here. */
  committed(runId: string, events: readonly RunEvent[]): void
  hint(runId: string): void
  fail(error: MagError): void
  stop(): void
}

interface Watch {
  runId: string
  listener: Listener
  lastSeq: number
  reading: boolean
  again: boolean
  over: boolean
  done(error?: unknown): void
}

export function createFollower(backend: Backend, clock: Clock): Follower {
  const watches = new Map<string, Set<Watch>>()
  let unwatch: (() => void) | undefined
  let cancelPoll: (() => void) | undefined

  function give(watch: Watch, events: readonly RunEvent[]): void {
    const last = events.at(-1)
    if (!last) return
    watch.lastSeq = last.seq
    try {
      watch.listener(events)
    } catch (error) {
      // A fault of whoever watches must not reach the run, nor the others who do.
      return watch.done(error)
    }
    if (last.type === 'run.finished') watch.done()
  }

  /** Reads on from where the watcher stands; commits that come meanwhile make it read once more. */
  async function read(watch: Watch): Promise<void> {
    if (watch.reading) {
      watch.again = true
      return
    }
    watch.reading = true
    try {
      do {
        watch.again = false
        while (!watch.over) {
          const events = await backend.history(watch.runId, watch.lastSeq, 1_000)
          const fresh = events.filter((event) => event.seq > watch.lastSeq)
          if (fresh.length === 0 || watch.over) break
          give(watch, fresh)
        }
      } while (watch.again)
    } catch (error) {
      // The next poll reads on.
      if (!isPassing(error)) watch.done(error)
    } finally {
      watch.reading = false
    }
  }

  function readAll(): void {
    for (const set of watches.values()) for (const watch of set) void read(watch)
  }

  function poll(): void {
    cancelPoll = watches.size > 0 ? clock.setTimer(POLL_MS, poll) : undefined
    readAll()
  }

  function add(watch: Watch): void {
    const set = watches.get(watch.runId) ?? new Set()
    watches.set(watch.runId, set.add(watch))
    unwatch ??= backend.watch(readAll)
    cancelPoll ??= clock.setTimer(POLL_MS, poll)
  }

  function remove(watch: Watch): void {
    const set = watches.get(watch.runId)
    set?.delete(watch)
    if (set?.size === 0) watches.delete(watch.runId)
    if (watches.size === 0) stop()
  }

  function stop(): void {
    unwatch?.()
    cancelPoll?.()
    unwatch = cancelPoll = undefined
  }

  return {
    follow(runId, listener, options = {}) {
      return new Promise((resolve, reject) => {
        const watch: Watch = {
          runId, listener, lastSeq: options.after ?? 0, reading: false, again: false, over: false,
          done(error) {
            watch.over = true
            options.signal?.removeEventListener('abort', aborted)
            remove(watch)
            if (error === undefined) resolve()
            else reject(error)
          },
        }
        const aborted = () => watch.done()
        if (options.signal?.aborted) return resolve()
        options.signal?.addEventListener('abort', aborted, { once: true })
        add(watch)
        void read(watch)
      })
    },
    committed(runId, events) {
      for (const watch of watches.get(runId) ?? []) {
        if (!watch.reading && events[0]?.seq === watch.lastSeq + 1) give(watch, events)
        else if (events.length > 0) void read(watch)
      }
    },
    hint(runId) {
      for (const watch of watches.get(runId) ?? []) void read(watch)
    },
    fail(error) {
      for (const set of [...watches.values()]) for (const watch of [...set]) watch.done(error)
    },
    stop,
  }
}
