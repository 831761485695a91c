/**
 * Commits, and the one thing that goes over two partitions: a run with an idempotency key. The key is reserved for the run
 * first, then the run is created. Whoever finds a key whose run is not there declares that run void in its own partition,
 * takes the key over, and goes on; the void run's creator is told so by its own commit and begins again. So no key
 * ever leads to two runs, and nobody waits for a process that died in between.
 */
import type { Commit, CommitResult } from '../backend.ts'
import { script } from './connection.ts'
import { decodeWord, encodeCommit } from './encode.ts'
import type { Encoded } from './lanes.ts'
import { RESERVE, UNRESERVE, VOID } from './lua/owners.ts'
import type { Store } from './store.ts'

const SCRIPTS = { reserve: script(RESERVE), unreserve: script(UNRESERVE), void: script(VOID) }

type Existing = { workflow: string; inputHash: string }

export class Commits {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  async commit(batch: Commit[]): Promise<CommitResult[]> {
    const encoded = batch.map((commit) => encodeCommit(commit, this.#store.keys.partitionOf(commit.runId)))
    if (batch.every((commit) => commit.create?.key === undefined)) return this.#plain(batch, encoded)
    // Keyed ones go first and alone: what follows in the batch may build on them.
    const results = new Map<number, CommitResult>()
    for (const [index, commit] of batch.entries()) {
      const own = encoded[index]
      if (commit.create?.key !== undefined && own) results.set(index, await this.#keyed(commit, commit.create.key, own))
    }
    const rest = batch.map((_, index) => index).filter((index) => !results.has(index))
    const others = await this.#plain(rest.flatMap((index) => batch[index] ?? []), rest.flatMap((index) => encoded[index] ?? []))
    for (const [place, index] of rest.entries()) results.set(index, others[place] ?? { status: 'fenced' })
    return batch.map((_, index) => results.get(index) ?? { status: 'fenced' })
  }

  async #plain(batch: Commit[], encoded: Encoded[]): Promise<CommitResult[]> {
    const words = await this.#store.lanes.commit(encoded)
    return batch.map((commit, index) => {
      const result = decodeWord(words[index] ?? '', commit)
      if (result === 'void') throw new Error(`broken invariant: ${commit.runId} is void and has no key`)
      return result
    })
  }

  async #keyed(commit: Commit, key: string, encoded: Encoded): Promise<CommitResult> {
    const { lanes, keys } = this.#store
    const { runId, owner, create } = commit
    const same = (there: Existing) => there.workflow === create?.workflow && there.inputHash === create.inputHash
    let dead = ''
    for (;;) {
      const holder = await lanes.write(SCRIPTS.reserve, keys.partitionOf(key), [key, runId, owner.id, owner.epoch, dead])
      if (holder === 'F') return { status: 'fenced' }
      if (holder === runId) {
        const result = decodeWord((await lanes.commit([encoded]))[0] ?? '', commit)
        if (result === 'void') {
          dead = ''
          continue
        }
        if (result.status !== 'ok') await this.#release(key, commit, result)
        return result
      }
      const own = await this.#existing(runId, false)
      if (own) return { status: 'exists', runId, sameInput: same(own) }
      const there = await this.#existing(holder, true)
      if (there) return { status: 'exists', runId: holder, sameInput: same(there) }
      dead = holder
    }
  }

  /** The id was taken by a run that never had this key, or the owner is over: the key is free again. */
  async #release(key: string, { runId }: Commit, result: CommitResult): Promise<void> {
    const { connection, lanes, keys } = this.#store
    if (result.status === 'exists' && (await connection.ask('HGET', `${keys.prefixes[keys.partitionOf(runId)]}:r:${runId}`, 'k')) === key) return
    await lanes.write(SCRIPTS.unreserve, keys.partitionOf(key), [key, runId])
  }

  async #existing(runId: string, orVoid: boolean): Promise<Existing | undefined> {
    const { connection, lanes, keys } = this.#store
    const partition = keys.partitionOf(runId)
    if (!orVoid) {
      const reply = await connection.ask('HMGET', `${keys.prefixes[partition]}:r:${runId}`, 'w', 'x')
      const [workflow, inputHash] = Array.isArray(reply) ? reply : []
      return typeof workflow === 'string' ? { workflow, inputHash: String(inputHash) } : undefined
    }
    const answer = await lanes.write(SCRIPTS.void, partition, [runId])
    const [, length = '', rest = ''] = /^(\d+):(.*)$/s.exec(answer) ?? []
    return answer === '' ? undefined : { workflow: rest.slice(0, Number(length)), inputHash: rest.slice(Number(length)) }
  }
}
