/** Time, timers and randomness: the only file that may ask the machine for them, so that tests can give their own. */
import { closeSync, openSync, readSync } from 'node:fs'

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
  monotonic,
  setTimer,
  random,
}

/** `performance` would be loaded first, which takes a millisecond. */
function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1_000 + nanoseconds / 1e6
}

function setTimer(ms: number, fn: () => void): Cancel {
  if (ms <= LONGEST_MS) {
    const timer = setTimeout(fn, Math.max(0, ms))
    return () => clearTimeout(timer)
  }
  // Measured against the clock at each leg, so that legs of 24 days do not add up their delays.
  const end = monotonic() + ms
  let timer = setTimeout(leg, LONGEST_MS)
  function leg(): void {
    const left = end - monotonic()
    if (left <= 0) return fn()
    timer = setTimeout(leg, Math.min(left, LONGEST_MS))
  }
  return () => clearTimeout(timer)
}

/** A call to the system costs 3 µs whatever its size: taken by the page, since every run's id asks. */
let page = new Uint8Array(0)
let used = 0

function random(bytes: number): Uint8Array {
  if (bytes > 256) return drawn(bytes)
  if (used + bytes > page.length) {
    page = drawn(1_024)
    used = 0
  }
  used += bytes
  return page.slice(used - bytes, used)
}

/** From where the crypto library has them, too; loading that takes 6 ms. */
function drawn(bytes: number): Uint8Array<ArrayBuffer> {
  const drawn = new Uint8Array(bytes)
  try {
    const fd = openSync('/dev/urandom', 'r')
    try {
      if (readSync(fd, drawn, 0, bytes, null) === bytes) return drawn
    } finally {
      closeSync(fd)
    }
  } catch {
    // Not every system has it.
  }
  return globalThis.crypto.getRandomValues(drawn)
}
