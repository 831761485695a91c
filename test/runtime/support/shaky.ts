/** A backend whose commits fail as a test says: not at all written, or written and the answer lost. */
import type { Backend, Commit, CommitResult } from '../../../src/backend/backend.ts'
import { MagError } from '../../../src/model/error.ts'

export type Fault = 'before' | 'after' | undefined

export interface Shaky {
  backend: Backend
  /** Asked at every commit. */
  fault: (batch: Commit[]) => Fault
  /** Asked at every read of what is due or of a history. */
  readFault: () => boolean
  code: string
  commits: Commit[][]
}

export function shaky(inner: Backend): Shaky {
  const state: Shaky = { backend: inner, fault: () => undefined, readFault: () => false, code: 'STORE_FULL', commits: [] }
  const refusal = () => new MagError(state.code, 'told to', { exitCode: 7 })
  const commit = async (batch: Commit[]): Promise<CommitResult[]> => {
    state.commits.push(batch)
    const fault = state.fault(batch)
    if (fault === 'before') throw refusal()
    const results = await inner.commit(batch)
    if (fault === 'after') throw refusal()
    return results
  }
  state.backend = new Proxy(inner, {
    get(target, name: keyof Backend) {
      if (name === 'commit') return commit
      const value = target[name]
      if (typeof value !== 'function') return value
      if (name === 'watch') return value.bind(target)
      return async (...args: never[]) => {
        if (state.readFault() && (name === 'due' || name === 'history' || name === 'nextWake')) throw refusal()
        return (value as (...args: never[]) => unknown).apply(target, args)
      }
    },
  })
  return state
}
