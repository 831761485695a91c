/** Who this process is, and whether another one on this host still lives. A pid alone is never trusted (catalogue A15). */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { ProcessInfo, ProcessRecord } from '../backend/backend.ts'

export function thisProcess(role: ProcessInfo['role']): ProcessInfo {
  return { host: hostname(), pid: process.pid, startToken: startToken(process.pid) ?? '', role }
}

/** Kernel start time of a process in clock ticks since boot, with the boot's id; undefined: no such process, or not Linux. */
function startToken(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command in parentheses may hold spaces; state and start time (fields 3 and 22) come after the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : `${fields[19]}@${bootId()}`
  } catch {
    return undefined
  }
}

let boot: string | undefined
function bootId(): string {
  if (boot === undefined) {
    try {
      boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim().slice(0, 8)
    } catch {
      boot = ''
    }
  }
  return boot
}

/** `alive` and `dead` are certain; `unknown`: on another host, where only the lease tells. */
export function livenessOf(record: ProcessRecord): 'alive' | 'dead' | 'unknown' {
  if (record.host !== hostname()) return 'unknown'
  const token = startToken(record.pid)
  if (token !== undefined) return record.startToken === '' || token === record.startToken ? 'alive' : 'dead'
  if (record.startToken !== '') return 'dead'
  try {
    process.kill(record.pid, 0)
    return 'alive'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? 'alive' : 'dead'
  }
}

/** True where nobody will write for it any more: said goodbye, fenced, surely dead, or its lease has lapsed. */
export function isGone(record: ProcessRecord, now: number): boolean {
  if (record.state !== 'live') return true
  const liveness = livenessOf(record)
  return liveness === 'dead' || (liveness === 'unknown' && record.leaseUntil < now)
}
