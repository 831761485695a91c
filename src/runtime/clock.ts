/** Time, timers and randomness: the only file that may ask the machine for them, so that tests can give their own. */
export type Cancel = () => void

export interface Clock {
  /** Epoch milliseconds. May jump; for what people and stores see. */
  now(): number
  /** Milliseconds from an arbitrary start. Never goes backwards; for limits and delays. */
  monotonic(): number
  /** Calls `fn` once after `ms`, however long that is. */
  setTimer(ms: number, fn: () => void): Cancel
  random(bytes: number): Uint8Array
}

/** setTimeout fires at once beyond 2^31 - 1 ms (24.8 days). */
const LONGEST_MS = 2_147_483_647

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer,
  random,
}

function setTimer(ms: number, fn: () => void): Cancel {
  if (ms <= LONGEST_MS) {
    const timer = setTimeout(fn, Math.max(0, ms))
    return () => clearTimeout(timer)
  }
  // Measured against the clock at each leg, so that legs of 24 days do not add up their delays.
  const end = performance.now() + ms
  let timer = setTimeout(leg, LONGEST_MS)
  function leg(): void {
    const left = end - performance.now()
    if (left <= 0) return fn()
    timer = setTimeout(leg, Math.min(left, LONGEST_MS))
  }
  return () => clearTimeout(timer)
}

/** A call to the system costs 3 µs whatever its size: taken by the page, since every run's id asks. */
let page = new Uint8Array(0)
let used = 0

function random(bytes: number): Uint8Array {
  if (bytes > 256) return globalThis.crypto.getRandomValues(new Uint8Array(bytes))
  if (used + bytes > page.length) {
    page = globalThis.crypto.getRandomValues(new Uint8Array(1_024))
    used = 0
  }
  used += bytes
  return page.slice(used - bytes, used)
}
