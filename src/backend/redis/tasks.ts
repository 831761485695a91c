/** Inboxes and tasks that other processes serve. */
import type { Task } from '../../model/command.ts'
import type { Message } from '../../model/message.ts'
import type { ClaimedTask, LogLine, Owner } from '../backend.ts'
import { lostOutcome } from '../common.ts'
import { script } from './connection.ts'
import { list, parseJson } from './encode.ts'
import { LOG, LOST, PEEK, REAP, RENEW_TASKS, SEND, SETTLE, TAKE } from './lua/tasks.ts'
import { everywhere, type Store } from './store.ts'

const SCRIPTS = {
  send: script(SEND), peek: script(PEEK), take: script(TAKE), renew: script(RENEW_TASKS), settle: script(SETTLE), lost: script(LOST), reap: script(REAP), log: script(LOG),
}

export interface TaskClaim {
  owner: Owner
  queues: string[]
  workers: string[]
  limit: number
  leaseMs: number
}

type Held = { runId: string; token: number }

export class Tasks {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  async send(runId: string, message: Message): Promise<boolean> {
    const { lanes, keys } = this.#store
    return (await lanes.write(SCRIPTS.send, keys.partitionOf(runId), [runId, JSON.stringify(message)])) === '1'
  }

  /**
   * Looks at the heads of all queues, then takes the best from where they were seen. Another pool may have been quicker:
   * then it looks again, until it has enough or nothing is left.
   */
  async claim({ owner, queues, workers, limit, leaseMs }: TaskClaim): Promise<ClaimedTask[]> {
    const { lanes, keys } = this.#store
    const names = queues.flatMap((queue) => workers.flatMap((worker) => [queue, worker]))
    const claimed: ClaimedTask[] = []
    while (claimed.length < limit && names.length > 0) {
      const places = await this.#best(names, limit - claimed.length)
      if (places.size === 0) break
      const answers = await Promise.all([...places].map(([prefix, count]) =>
        lanes.write(SCRIPTS.take, keys.prefixes.indexOf(prefix), [owner.id, owner.epoch, count, leaseMs, ...names])))
      const before = claimed.length
      for (const answer of answers) {
        const [leaseUntil, ...tasks] = parseJson<string[]>(answer, 'claimed tasks')
        for (const text of tasks) claimed.push({ task: parseJson<Task>(text, 'a task'), leaseUntil: Number(leaseUntil) })
      }
      if (claimed.length === before) break
    }
    return claimed
  }

  /** Prefixes of partitions, and how many of the best tasks wait in each. */
  async #best(names: string[], limit: number): Promise<Map<string, number>> {
    const seen = await everywhere(this.#store, SCRIPTS.peek, [limit, ...names])
    const heads = seen.map((text) => {
      const [prefix = '', order = ''] = String(text).split(/ (?=[^ ]*$)/)
      return { prefix, order }
    })
    heads.sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0))
    const places = new Map<string, number>()
    for (const { prefix } of heads.slice(0, limit)) places.set(prefix, (places.get(prefix) ?? 0) + 1)
    return places
  }

  async renew(owner: Owner, tasks: Held[], leaseMs: number): Promise<string[]> {
    const { lanes, keys } = this.#store
    const groups = Map.groupBy(tasks, (task) => keys.partitionOf(task.runId))
    const lost = await Promise.all([...groups].map(async ([partition, group]) => {
      const flags = await lanes.write(SCRIPTS.renew, partition, [owner.id, owner.epoch, leaseMs, ...group.flatMap((task) => [task.runId, task.token])])
      return group.filter((_, index) => flags[index] !== '1')
    }))
    const ids = new Set(lost.flat().map(idOf))
    return tasks.map(idOf).filter((id) => ids.has(id))
  }

  async settle(owner: Owner, { runId, token }: Held, outcome: Message): Promise<boolean> {
    const { lanes, keys } = this.#store
    return (await lanes.write(SCRIPTS.settle, keys.partitionOf(runId), [owner.id, owner.epoch, runId, token, JSON.stringify(outcome)])) === '1'
  }

  async reap(now: number, limit: number): Promise<number> {
    const { lanes, keys } = this.#store
    const lost = (await everywhere(this.#store, SCRIPTS.lost, [now, limit])).slice(0, limit).map((row) => list(row).map(String))
    const reaped = await Promise.all(lost.map(([runId = '', token = '', holder = '', leaseUntil = '', task = '', lapsed]) => {
      const reason = lapsed === '1' ? 'its worker stopped renewing its lease' : 'its worker process is gone'
      const outcome = JSON.stringify(lostOutcome(parseJson<Task>(task, runId), reason))
      return lanes.write(SCRIPTS.reap, keys.partitionOf(runId), [runId, token, holder, leaseUntil, outcome])
    }))
    return reaped.filter((answer) => answer === '1').length
  }

  async log(lines: LogLine[]): Promise<void> {
    const { lanes, keys } = this.#store
    const groups = Map.groupBy(lines, (line) => keys.partitionOf(line.runId))
    await Promise.all([...groups].map(([partition, group]) => lanes.write(SCRIPTS.log, partition, group.flatMap((line) => [line.runId, JSON.stringify(line)]))))
  }
}

function idOf({ runId, token }: Held): string {
  return `${runId}/${token}`
}
