/**
 * What a server does beside its own runs: takes over runs that nobody drives and new ones that were handed over, declares
 * processes dead that are, and gives back the steps that they held. Several servers may do so at once.
 */
import { MagError } from '../model/error.ts'
import type { Clock } from './clock.ts'
import { isPassing } from './held.ts'
import { livenessOf } from './process.ts'
import type { Session } from './session.ts'

/** The backend's hint comes sooner. */
const LOOK_MS = 2_000
const AT_ONCE = 100

/** Returns how to stop it. */
export function startCaretaker(session: Session, clock: Clock, onError: (error: MagError) => void): () => void {
  const { backend } = session
  let [busy, again, over] = [false, false, false]

  async function look(): Promise<void> {
    if (busy) {
      again = true
      return
    }
    busy = true
    try {
      do {
        again = false
        if ((await session.takeOverOrphans(AT_ONCE)).length === AT_ONCE) again = true
      } while (again && !over)
    } finally {
      busy = false
    }
  }

  /** A lease tells of processes elsewhere; of those on this host the kernel knows. */
  async function bury(): Promise<void> {
    for (const process of await backend.processes()) {
      if (process.state !== 'live' || process.id === session.owner.id) continue
      const liveness = livenessOf(process)
      if (liveness !== 'alive') await backend.fence(process.id, liveness === 'dead' ? 'dead' : undefined)
    }
    await backend.reapTasks(clock.now(), AT_ONCE)
  }

  const failed = (error: unknown): void => {
    if (over || isPassing(error)) return
    onError(error instanceof MagError ? error : new MagError('STORE_IO', String(error), { cause: error, exitCode: 7 }))
  }
  const now = (): void => void look().catch(failed)
  const unwatch = backend.watch(now)
  let cancel = clock.setTimer(LOOK_MS, tick)
  function tick(): void {
    if (over) return
    cancel = clock.setTimer(LOOK_MS, tick)
    void bury().then(now, failed)
  }
  now()
  return () => {
    over = true
    unwatch()
    cancel()
  }
}
