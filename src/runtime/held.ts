/** Work that the store refuses for now: tried again until it can be done, or nobody wants it any more. */
import { MagError } from '../model/error.ts'
import type { Clock } from './clock.ts'

const AGAIN_MS = 500

/** A full disk or a busy store passes; whatever else it says is the caller's to deal with. */
export async function untilDone<T>(clock: Clock, stopped: () => boolean, work: () => Promise<T>): Promise<T | undefined> {
  while (!stopped()) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof MagError) || (error.code !== 'STORE_FULL' && error.code !== 'STORE_BUSY')) throw error
      await new Promise<void>((resolve) => clock.setTimer(AGAIN_MS, resolve))
    }
  }
  return undefined
}
