/**
 * Who may write. A process's record is in partition 0; the right to write is noted in every partition, because a script sees
 * one partition only. The record changes first: should a process die between the two, whoever claims finds the record
 * and finishes the work.
 */
import { fencedError } from '../common.ts'
import type { ClaimResult, Owner, ProcessInfo, ProcessRecord } from '../backend.ts'
import { script } from './connection.ts'
import { changedRefusal } from './fault.ts'
import { list, parseJson } from './encode.ts'
import { ADMIT, CLAIM, EXPEL, FENCE, FORGET, JOIN, LEAVE, PROCESSES, RENEW } from './lua/owners.ts'
import type { Reads } from './reads.ts'
import { nowText, type Store } from './store.ts'

const SCRIPTS = {
  join: script(JOIN), admit: script(ADMIT), expel: script(EXPEL), renew: script(RENEW), leave: script(LEAVE), fence: script(FENCE), forget: script(FORGET),
  claim: script(CLAIM), processes: script(PROCESSES),
}
/** How many processes are remembered after they are gone. */
const REMEMBERED = 200

export class Owners {
  readonly #store: Store
  readonly #reads: Reads
  /** Through this handle: the store must know them until they leave. */
  readonly #joined = new Map<string, number>()

  constructor(store: Store, reads: Reads) {
    this.#store = store
    this.#reads = reads
  }

  async join(info: ProcessInfo, leaseMs: number): Promise<Owner> {
    const epoch = Number(await this.#store.lanes.write(SCRIPTS.join, 0, [leaseMs, JSON.stringify(info)]))
    const owner = { id: `p${epoch}`, epoch }
    this.#joined.set(owner.id, epoch)
    await this.#inEach((partition) => this.#store.lanes.write(SCRIPTS.admit, partition, [owner.id, epoch]))
    // Now and then is enough.
    if (epoch % 50 === 0) await this.#store.lanes.write(SCRIPTS.forget, 0, [REMEMBERED])
    return owner
  }

  async #inEach(work: (partition: number) => Promise<unknown>): Promise<void> {
    await Promise.all(this.#store.keys.prefixes.map((_, partition) => work(partition)))
  }

  async #expel(id: string): Promise<void> {
    await this.#inEach((partition) => this.#store.lanes.write(SCRIPTS.expel, partition, [id]))
  }

  async renew(owner: Owner, leaseMs: number, busy: number): Promise<boolean> {
    const answer = await this.#store.lanes.write(SCRIPTS.renew, 0, [owner.id, owner.epoch, leaseMs, busy])
    // Processes that are gone are forgotten in time; a live one never is.
    if (answer === 'M' && this.#joined.get(owner.id) === owner.epoch) throw changedRefusal(this.#store.connection.location)
    return answer === '1'
  }

  async leave(owner: Owner): Promise<void> {
    if ((await this.#store.lanes.write(SCRIPTS.leave, 0, [owner.id, owner.epoch])) === '1') await this.#expel(owner.id)
  }

  async fence(processId: string, proof?: 'dead'): Promise<boolean> {
    if ((await this.#store.lanes.write(SCRIPTS.fence, 0, [processId, proof ?? ''])) !== '1') return false
    await this.#expel(processId)
    return true
  }

  /** With the time by the clock that leases go by. */
  async processes(): Promise<{ now: number; records: ProcessRecord[] }> {
    const { connection, keys } = this.#store
    const [now, rows] = list(await connection.run(SCRIPTS.processes, [keys.prefixes[0] ?? ''], [nowText(this.#store)]))
    return { now: Number(now), records: list(rows).map((row) => toProcess(list(row))) }
  }

  /** `reopen`: a final run becomes open again. */
  async claim(runId: string, owner: Owner, { reopen = false } = {}): Promise<ClaimResult> {
    const { lanes, keys } = this.#store
    for (;;) {
      const answer = await lanes.write(SCRIPTS.claim, keys.partitionOf(runId), [runId, owner.id, owner.epoch, reopen ? '1' : ''])
      if (answer === 'F') throw fencedError()
      if (answer[0] === 'H') {
        const holder = (await this.processes()).records.find((process) => process.id === answer.slice(1))
        if (holder?.state === 'live') return { status: 'held', by: holder }
        // It is over, but whoever ended it did not come round to this partition.
        await this.#expel(answer.slice(1))
        continue
      }
      const record = answer === 'M' ? undefined : await this.#reads.run(runId)
      if (!record) return { status: 'missing' }
      if (answer === 'E') return { status: 'final', record }
      return { status: 'ok', record, previousOwner: answer.slice(1) || null }
    }
  }
}

function toProcess([info, epoch, joinedAt, leaseUntil, state, busy]: unknown[]): ProcessRecord {
  return {
    ...parseJson<ProcessInfo>(String(info), 'a process'), id: `p${epoch}`, epoch: Number(epoch), joinedAt: Number(joinedAt), leaseUntil: Number(leaseUntil),
    state: String(state) as ProcessRecord['state'], busy: Number(busy),
  }
}
