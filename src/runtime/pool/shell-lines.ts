/** Output of a shell step: kept whole up to a limit, told line by line up to others. Memory is bounded, whatever it prints. */
import { StringDecoder } from 'node:string_decoder'
import { LIMITS } from '../../model/limits.ts'

/** Of each of stdout and stderr, as they become part of the step's output. */
export const KEPT_BYTES = 1024 * 1024
const MARK = '\n… (truncated: more than 1 MiB)'

export interface Sink {
  write(chunk: Buffer): void
  /** The last line, where it had no end. */
  end(): void
  text(): string
  readonly truncated: boolean
}

/** `budget` is shared by the streams of one step. */
export function createSink(budget: { left: number }, onLine: (line: string) => void): Sink {
  const decoder = new StringDecoder('utf8')
  let kept = ''
  let keptBytes = 0
  let truncated = false
  let line = ''
  let skipping = false

  function keep(text: string, bytes: number): void {
    if (truncated) return
    if (keptBytes + bytes <= KEPT_BYTES) {
      kept += text
      keptBytes += bytes
      return
    }
    // `text` may end within the limit only in part; a UTF-16 unit is at least one byte.
    kept += Buffer.from(text).subarray(0, KEPT_BYTES - keptBytes).toString('utf8').replace(/\uFFFD$/, '')
    truncated = true
  }

  function tell(text: string): void {
    if (budget.left <= 0) return
    budget.left -= text.length + 1
    onLine(text)
    if (budget.left <= 0) onLine(`(further output is not logged: more than ${LIMITS.logStepBytes} bytes)`)
  }

  function split(text: string): void {
    const parts = text.split('\n')
    for (let i = 0; i < parts.length; i++) {
      if (i > 0) endLine()
      if (skipping || budget.left <= 0) continue
      line += parts[i] ?? ''
      if (line.length <= LIMITS.logLineBytes) continue
      tell(`${line.slice(0, LIMITS.logLineBytes)}… (line truncated)`)
      line = ''
      skipping = true
    }
  }

  function endLine(): void {
    if (!skipping && budget.left > 0) tell(line.endsWith('\r') ? line.slice(0, -1) : line)
    line = ''
    skipping = false
  }

  function take(text: string, bytes: number): void {
    if (text === '') return
    keep(text, bytes)
    split(text)
  }

  return {
    write: (chunk) => take(decoder.write(chunk), chunk.length),
    end() {
      const rest = decoder.end()
      take(rest, rest.length)
      if (line !== '') endLine()
    },
    text: () => (truncated ? kept + MARK : kept.replace(/\r?\n$/, '')),
    get truncated() {
      return truncated
    },
  }
}
