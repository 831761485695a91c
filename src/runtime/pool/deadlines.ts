/**
 * Time limits of any number of attempts on one timer. Equal limits end in the order in which they began, so each
 * duration has a linked list: adding and removing touch two neighbours, and nothing stale is ever left behind.
 */
import type { Cancel, Clock } from '../clock.ts'

/** Embedded in what is waited for, so that a limit costs no allocation. */
export interface Deadline {
  deadlineAt: number
  onDeadline(): void
  previous: Deadline | undefined
  next: Deadline | undefined
  list: DeadlineList | undefined
}

interface DeadlineList {
  ms: number
  first: Deadline | undefined
  last: Deadline | undefined
}

export interface Deadlines {
  add(item: Deadline, ms: number): void
  remove(item: Deadline): void
  stop(): void
}

export function createDeadlines(clock: Clock): Deadlines {
  const lists = new Map<number, DeadlineList>()
  let armedAt = Number.POSITIVE_INFINITY
  let disarm: Cancel | undefined

  function arm(at: number, now: number): void {
    if (at >= armedAt) return
    disarm?.()
    armedAt = at
    disarm = clock.setTimer(Math.max(1, Math.ceil(at - now)), fire)
  }

  function fire(): void {
    armedAt = Number.POSITIVE_INFINITY
    disarm = undefined
    const now = clock.monotonic()
    let next = Number.POSITIVE_INFINITY
    for (const list of lists.values()) {
      while (list.first && list.first.deadlineAt <= now) {
        const { first } = list
        remove(first)
        first.onDeadline()
      }
      if (list.first) next = Math.min(next, list.first.deadlineAt)
      else lists.delete(list.ms)
    }
    if (next !== Number.POSITIVE_INFINITY) arm(next, now)
  }

  function add(item: Deadline, ms: number): void {
    let list = lists.get(ms)
    if (!list) {
      list = { ms, first: undefined, last: undefined }
      lists.set(ms, list)
    }
    const now = clock.monotonic()
    item.deadlineAt = now + ms
    item.list = list
    item.previous = list.last
    if (list.last) list.last.next = item
    else list.first = item
    list.last = item
    arm(item.deadlineAt, now)
  }

  function remove(item: Deadline): void {
    const { list, previous, next } = item
    if (!list) return
    if (previous) previous.next = next
    else list.first = next
    if (next) next.previous = previous
    else list.last = previous
    item.list = item.previous = item.next = undefined
  }

  return {
    add, remove,
    stop() {
      disarm?.()
      disarm = undefined
      armedAt = Number.POSITIVE_INFINITY
      lists.clear()
    },
  }
}
