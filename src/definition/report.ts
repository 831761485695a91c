/** Findings with their places: offsets into a file's text become lines and columns here and nowhere else. */
import type { Problem } from '../model/problem.ts'
import type { Code } from './codes.ts'

/** Offsets into the text, the end exclusive. */
export interface Span {
  start: number
  end: number
}

export interface Report {
  readonly file: string
  readonly text: string
  readonly problems: Problem[]
  error(code: Code, span: Span, message: string, help?: string): void
  warn(code: Code, span: Span, message: string, help?: string): void
  place(offset: number): { line: number; column: number }
  hasErrors(): boolean
  /** True: further errors are counted and dropped, so nobody needs to look for more. */
  isFull(): boolean
  /** How many findings were dropped. */
  dropped(): number
}

/** More findings than anybody reads; a hostile file could make hundreds of thousands. */
const MAX_ERRORS = 500
const MAX_WARNINGS = 100
const UNPRINTED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g

export function createReport(file: string, text: string): Report {
  const problems: Problem[] = []
  /** A byte order mark is no column. */
  const indent = text.startsWith('\ufeff') ? 1 : 0
  const starts = [0]
  const counts = { error: 0, warning: 0 }
  /** What an anchored value has wrong is found again at each alias. */
  const seen = new Set<string>()

  function place(offset: number): { line: number; column: number } {
    const at = Math.max(indent, Math.min(offset, text.length))
    findStarts(text, starts, at)
    const line = lineOf(starts, at)
    return { line: line + 1, column: at - (starts[line] ?? 0) + 1 - (line === 0 ? indent : 0) }
  }

  function add(severity: Problem['severity'], code: Code, span: Span, message: string, help: string | undefined): void {
    const identity = `${code} ${span.start} ${message}`
    if (seen.has(identity)) return
    if (seen.size <= MAX_ERRORS + MAX_WARNINGS) seen.add(identity)
    if (++counts[severity] > (severity === 'error' ? MAX_ERRORS : MAX_WARNINGS)) return
    const from = place(span.start)
    const to = place(Math.max(span.end, span.start + 1))
    const end = to.line > from.line || to.column > from.column ? to : { line: from.line, column: from.column + 1 }
    problems.push({
      code, severity, message: printable(message).replaceAll('\n', '\\n'), ...(help === undefined ? {} : { help: printable(help) }), file,
      line: from.line, column: from.column, endLine: end.line, endColumn: end.column,
    })
  }

  return {
    file, text, problems, place,
    error: (code, span, message, help) => add('error', code, span, message, help),
    warn: (code, span, message, help) => add('warning', code, span, message, help),
    hasErrors: () => counts.error > 0,
    isFull: () => counts.error >= MAX_ERRORS,
    dropped: () => counts.error + counts.warning - problems.length,
  }
}

/** What a file's text brings into a message is data: nothing in it may drive a terminal or break a line. */
function printable(text: string): string {
  return text.replace(UNPRINTED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`).toWellFormed()
}

/** Goes no further than asked: a file that is refused for its size has millions. */
function findStarts(text: string, starts: number[], offset: number): void {
  for (let last = starts.at(-1) ?? 0; last <= offset; last = starts.at(-1) ?? 0) {
    const found = text.indexOf('\n', last)
    starts.push(found === -1 ? text.length + 1 : found + 1)
  }
}

function lineOf(starts: number[], offset: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return low
}
