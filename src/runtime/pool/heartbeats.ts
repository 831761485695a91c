/** Attempts that must show a sign of life now and then: each is looked at when its silence would be too long. */
import type { Cancel, Clock } from '../clock.ts'

interface Alive {
  /** Monotonic milliseconds. */
  aliveAt: number
}

export interface Heartbeats<T extends Alive = Alive> {
  add(attempt: T, ms: number): void
  remove(attempt: T): void
  stop(): void
}

export function createHeartbeats<T extends Alive>(clock: Clock, onSilent: (attempt: T) => void): Heartbeats<T> {
  const timers = new Map<T, Cancel>()

  function watch(attempt: T, ms: number): void {
    const left = attempt.aliveAt + ms - clock.monotonic()
    timers.set(attempt, clock.setTimer(Math.max(1, Math.ceil(left)), () => {
      timers.delete(attempt)
      if (clock.monotonic() - attempt.aliveAt < ms) watch(attempt, ms)
      else onSilent(attempt)
    }))
  }

  return {
    add(attempt, ms) {
      attempt.aliveAt = clock.monotonic()
      watch(attempt, ms)
    },
    remove(attempt) {
      timers.get(attempt)?.()
      timers.delete(attempt)
    },
    stop() {
      for (const cancel of timers.values()) cancel()
      timers.clear()
    },
  }
}
