/** A process group as one thing: told to end, then made to. */
import { readdirSync, readFileSync } from 'node:fs'
import type { Clock } from '../clock.ts'

/** Between SIGTERM and SIGKILL. */
export const KILL_AFTER_MS = 2_000
const FIRST_LOOK_MS = 5
const SLOWEST_LOOK_MS = 100

const live = new Set<number>()

/** A process that ends at once, as with a second Ctrl-C, takes its scripts with it. Only SIGKILL leaves it no time to. */
export function noteGroup(group: number | undefined): () => void {
  if (group === undefined) return () => undefined
  if (live.size === 0) process.on('exit', killLive)
  live.add(group)
  return () => {
    live.delete(group)
    if (live.size === 0) process.off('exit', killLive)
  }
}

function killLive(): void {
  for (const group of live) killGroup(group, 'SIGKILL')
}

/** False: no process of the group is left. The group's id is its leader's. */
export function killGroup(group: number | undefined, signal: NodeJS.Signals | 0): boolean {
  if (group === undefined) return false
  try {
    process.kill(-group, signal)
    return true
  } catch {
    return false
  }
}

/** Politely, then surely; `done` when nothing of the group runs any more. */
export function endGroup(group: number | undefined, clock: Clock, done: () => void): void {
  if (group === undefined || !killGroup(group, 'SIGTERM')) return done()
  const killAt = clock.monotonic() + KILL_AFTER_MS
  let wait = FIRST_LOOK_MS
  const look = (): void => {
    if (!killGroup(group, clock.monotonic() < killAt ? 0 : 'SIGKILL') || !runs(group)) return done()
    clock.setTimer(wait, look)
    wait = Math.min(wait * 2, SLOWEST_LOOK_MS)
  }
  look()
}

/** False only where it is certain. A killed process that nobody reaps, as in many containers, does not run. */
function runs(group: number): boolean {
  try {
    return readdirSync('/proc').some((pid) => /^\d+$/.test(pid) && isMember(pid, group))
  } catch {
    return true
  }
}

function isMember(pid: string, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command in parentheses may hold anything; state, parent and group come after the last one.
    const [state, , member] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(member) === group && state !== 'Z' && state !== 'X'
  } catch {
    return false
  }
}
