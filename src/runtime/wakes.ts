/** When runs want to be woken: those in memory each by a heap entry, the parked ones all by one earliest time. */
import type { Clock } from './clock.ts'

export interface Wakes {
  set(runId: string, at: number): void
  clear(runId: string): void
  /** Some run outside memory is due at that time; an earlier one already known stays. */
  parked(at: number): void
  stop(): void
}

interface Entry {
  at: number
  runId: string
}

/** One timer of the clock serves any number of runs. Changed entries are left in the heap and skipped by `times`. */
export function createWakes(clock: Clock, onWake: (runId: string) => void, onParked: () => void): Wakes {
  const times = new Map<string, number>()
  const heap: Entry[] = []
  let parkedAt = Number.POSITIVE_INFINITY
  let armedAt = Number.POSITIVE_INFINITY
  let disarm: (() => void) | undefined

  function arm(): void {
    while (heap[0] && times.get(heap[0].runId) !== heap[0].at) pop(heap)
    const next = Math.min(heap[0]?.at ?? Number.POSITIVE_INFINITY, parkedAt)
    if (next === armedAt) return
    disarm?.()
    disarm = undefined
    armedAt = next
    if (next !== Number.POSITIVE_INFINITY) disarm = clock.setTimer(Math.max(0, next - clock.now()), fire)
  }

  function fire(): void {
    disarm = undefined
    armedAt = Number.POSITIVE_INFINITY
    const now = clock.now()
    while (heap[0] && heap[0].at <= now) {
      const { runId, at } = pop(heap)
      if (times.get(runId) !== at) continue
      times.delete(runId)
      onWake(runId)
    }
    if (parkedAt <= now) {
      parkedAt = Number.POSITIVE_INFINITY
      onParked()
    }
    arm()
  }

  /** Far-off timers of runs that have ended would pile up otherwise. */
  function compact(): void {
    const kept = heap.filter((entry) => times.get(entry.runId) === entry.at)
    heap.length = 0
    for (const entry of kept) insert(heap, entry)
  }

  return {
    set(runId, at) {
      if (times.get(runId) === at) return
      times.set(runId, at)
      insert(heap, { at, runId })
      if (heap.length > 2 * times.size + 64) compact()
      arm()
    },
    clear(runId) {
      if (times.delete(runId) && times.size === 0) {
        heap.length = 0
        arm()
      }
    },
    parked(at) {
      if (at >= parkedAt) return
      parkedAt = at
      arm()
    },
    stop() {
      disarm?.()
      times.clear()
      heap.length = 0
      parkedAt = armedAt = Number.POSITIVE_INFINITY
    },
  }
}

function insert(heap: Entry[], entry: Entry): void {
  let i = heap.push(entry) - 1
  while (i > 0) {
    const up = (i - 1) >> 1
    const parent = heap[up] as Entry
    if (parent.at <= entry.at) break
    heap[i] = parent
    i = up
  }
  heap[i] = entry
}

function pop(heap: Entry[]): Entry {
  const first = heap[0] as Entry
  const last = heap.pop() as Entry
  if (heap.length === 0) return first
  let i = 0
  for (;;) {
    let child = 2 * i + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && (heap[child + 1] as Entry).at < (heap[child] as Entry).at) child++
    if ((heap[child] as Entry).at >= last.at) break
    heap[i] = heap[child] as Entry
    i = child
  }
  heap[i] = last
  return first
}
