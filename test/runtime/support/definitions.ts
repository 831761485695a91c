/** Definitions in a few words. */
import type { Definition, Step } from '../../../src/model/definition.ts'

export function definitionOf(steps: Step[], more: Partial<Definition> = {}): Definition {
  return { format: 1, name: 'test', env: {}, secrets: [], steps, onFailure: [], finally: [], ...more }
}

/** Steps s1..sN, each after the one before. */
export function chain(length: number): Definition {
  return definitionOf(Array.from({ length }, (_, i) => work(`s${i + 1}`, i === 0 ? [] : [`s${i}`])))
}

export function work(id: string, needs: string[] = [], more: Partial<Step> = {}): Step {
  return { id, needs, kind: { type: 'worker', worker: 'w' }, ...more }
}

export function sleep(id: string, time: string, needs: string[] = []): Step {
  return { id, needs, kind: { type: 'sleep', for: { t: 'lit', v: time } } }
}

/** Sleeps, then works. */
export function nap(time = '1h'): Definition {
  return definitionOf([sleep('nap', time), work('after', ['nap'])])
}
