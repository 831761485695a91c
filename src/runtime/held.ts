/** Work that the store refuses for now: tried again until it can be done, or nobody wants it any more. */
import { MagError } from '../model/error.ts'
import type { Clock } from './clock.ts'

const AGAIN_MS = 500

const PASSING = new Set(['STORE_FULL', 'STORE_BUSY', 'STORE_UNREACHABLE', 'STORE_UNCONFIRMED'])

/** A full disk, a busy store or a lost connection passes; whatever else the store says is the caller's to deal with. */
export function isPassing(error: unknown): error is MagError {
  return error instanceof MagError && PASSING.has(error.code)
}

export async function untilDone<T>(clock: Clock, stopped: () => boolean, work: () => Promise<T>): Promise<T | undefined> {
  while (!stopped()) {
    try {
      return await work()
    } catch (error) {
      if (!isPassing(error)) throw error
      await new Promise<void>((resolve) => clock.setTimer(AGAIN_MS, resolve))
    }
  }
  return undefined
}
