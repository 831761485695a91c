/** Log lines of workers, written in batches off the steps' path, bounded per step (LANGUAGE.md section 7). */
import type { Backend, LogLine } from '../backend/backend.ts'
import { LIMITS } from '../model/limits.ts'
import type { Clock } from './clock.ts'

const FLUSH_MS = 100

export interface LogBuffer {
  add(line: LogLine): void
  flush(): Promise<void>
}

export function createLogBuffer(backend: Backend, clock: Clock, listener?: (line: LogLine) => void): LogBuffer {
  let lines: LogLine[] = []
  let timer: (() => void) | undefined
  let writing: Promise<void> = Promise.resolve()
  const written = new Map<string, number>()

  function add(line: LogLine): void {
    const bounded = bound(line)
    if (!bounded) return
    listener?.(bounded)
    lines.push(bounded)
    timer ??= clock.setTimer(FLUSH_MS, () => void flush())
  }

  function bound(line: LogLine): LogLine | undefined {
    const key = `${line.runId}/${line.path}`
    const before = written.get(key) ?? 0
    if (before > LIMITS.logStepBytes) return undefined
    const message = line.message.length > LIMITS.logLineBytes ? `${line.message.slice(0, LIMITS.logLineBytes)}… (line truncated)` : line.message
    const size = before + message.length + 64
    written.set(key, size)
    if (size > LIMITS.logStepBytes) return { ...line, level: 'warn', message: `log of ${line.path} truncated: more than ${LIMITS.logStepBytes} bytes` }
    return { ...line, message }
  }

  function flush(): Promise<void> {
    timer?.()
    timer = undefined
    const batch = lines
    lines = []
    if (batch.length > 0) {
      // A log that cannot be written never stops a run (catalogue B04).
      writing = writing.then(() => backend.appendLogs(batch)).catch(() => undefined)
    }
    return writing
  }

  return { add, flush }
}
