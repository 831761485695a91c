/**
 * A run's timers: a persistent pairing heap. Entries are never removed early; one that no longer matches its step is
 * stale and ignored when it surfaces, so setting and forgetting a timer costs the same however many there are.
 */
export type TimerKind = 'retry' | 'sleep' | 'deadline' | 'grace' | 'run_timeout' | 'undo_retry' | 'timeout'

export interface Timer {
  at: number
  kind: TimerKind
  /** Step number, or -1 for the run itself. */
  no: number
  /** Undo of a child's step: its path. */
  path?: string
}

interface Node {
  readonly timer: Timer
  readonly children: Link
}
type Link = { readonly node: Node; readonly next: Link } | null
export type Timers = Node | null

export function addTimer(timers: Timers, timer: Timer): Timers {
  return meld(timers, { timer, children: null })
}

export function firstTimer(timers: Timers): Timer | undefined {
  return timers?.timer
}

export function dropFirst(timers: Timers): Timers {
  if (!timers) return null
  // Two passes, as lists rather than by recursion: ten thousand equal deadlines must not overflow the stack.
  const pairs: Node[] = []
  for (let link = timers.children; link; ) {
    const second = link.next
    pairs.push(second ? join(link.node, second.node) : link.node)
    link = second ? second.next : null
  }
  let result: Timers = null
  for (let i = pairs.length - 1; i >= 0; i--) result = meld(result, pairs[i] ?? null)
  return result
}

function meld(a: Timers, b: Timers): Timers {
  if (!a) return b
  return b ? join(a, b) : a
}

function join(a: Node, b: Node): Node {
  return b.timer.at < a.timer.at
    ? { timer: b.timer, children: { node: a, next: b.children } }
    : { timer: a.timer, children: { node: b, next: a.children } }
}
