/** What waits for a place: the highest priority first, and within one in order of arrival. */
import { DEFAULT_PRIORITY } from '../../model/definition.ts'
import { Fifo } from './fifo.ts'

const HIGHEST = 9

export class PriorityQueue<T> {
  readonly #queues: Array<Fifo<T> | undefined> = []

  push(item: T, priority = DEFAULT_PRIORITY): void {
    const queue = this.#queues[priority] ?? new Fifo<T>()
    this.#queues[priority] = queue
    queue.push(item)
  }

  shift(): T | undefined {
    for (let priority = HIGHEST; priority >= 0; priority--) {
      const item = this.#queues[priority]?.shift()
      if (item !== undefined) return item
    }
    return undefined
  }
}
