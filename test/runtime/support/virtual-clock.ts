/** Time that passes only when a test says so: timers fire in order, each after everything the one before set off. */
import type { Cancel, Clock } from '../../../src/runtime/clock.ts'

interface Timer {
  at: number
  no: number
  fn: () => void
}

/** Everything that promises and microtasks still have to say, said. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export class VirtualClock implements Clock {
  #now: number
  #count = 0
  #random = 1
  readonly #timers = new Set<Timer>()

  constructor(now = 1_767_452_192_000) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  setTimer(ms: number, fn: () => void): Cancel {
    const timer = { at: this.#now + Math.max(0, ms), no: this.#count++, fn }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  random(bytes: number): Uint8Array {
    return Uint8Array.from({ length: bytes }, () => {
      this.#random = (this.#random * 48_271) % 2_147_483_647
      return this.#random & 255
    })
  }

  get timers(): number {
    return this.#timers.size
  }

  /** When the earliest timer fires. */
  get next(): number | undefined {
    return this.#first()?.at
  }

  #first(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) if (!first || timer.at < first.at || (timer.at === first.at && timer.no < first.no)) first = timer
    return first
  }

  /** Lets that much time pass. What a timer sets off is settled before the next one fires. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settled()
    for (let timer = this.#first(); timer && timer.at <= end; timer = this.#first()) {
      this.#timers.delete(timer)
      this.#now = Math.max(this.#now, timer.at)
      timer.fn()
      await settled()
    }
    this.#now = end
  }

  /** Without settling; for what looks at timers only. */
  pass(ms: number): void {
    const end = this.#now + ms
    for (let timer = this.#first(); timer && timer.at <= end; timer = this.#first()) {
      this.#timers.delete(timer)
      this.#now = Math.max(this.#now, timer.at)
      timer.fn()
    }
    this.#now = end
  }

  /** Time that passes while a process stands still: timers are late. */
  jump(ms: number): void {
    this.#now += ms
  }
}
