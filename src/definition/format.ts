/** A problem as people read it: place, code, message, the lines around it, help. */
import type { Problem } from '../model/problem.ts'

/** Of a line's own text; a longer one is cut around the mark. */
const MAX_COLUMNS = 120
/** Characters that would drive a terminal, turn its reading direction or take no room: each is shown as one sign. */
const UNSHOWN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g
const WIDE = /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{17000}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{20000}-\u{3fffd}])/u
const NARROWLESS = /^(?:\p{Mn}|\p{Me}|\p{Cf})/u

type Place = Pick<Problem, 'line' | 'column' | 'endLine' | 'endColumn'>

/** First the headline, then the frame, then the help. `text`: the file's; without it there is no frame. */
export function formatProblem(problem: Problem, text: string): string[] {
  const { file, line, column, severity, code, message, help } = problem
  const head = `${file}:${line}:${column} ${severity} ${code}: ${message}`
  return [head, ...(text === '' ? [] : frame(problem, text)), ...helpLines(help)]
}

function helpLines(help: string | undefined): string[] {
  if (help === undefined) return []
  const [first = '', ...rest] = help.split('\n')
  return [`      = help: ${first}`, ...rest.map((line) => `              ${line}`)]
}

/** The line, its neighbours, and a mark under what is meant. */
export function frame(place: Place, text: string): string[] {
  const { line } = place
  const lines = linesOf(text)
  const width = Math.max(4, String(Math.min(lines.count, line + 1)).length)
  const shown: string[] = []
  for (let no = Math.max(1, line - 1); no <= Math.min(lines.count, line + 1); no++) {
    const source = lines.text(no)
    const label = String(no).padStart(width)
    if (no !== line) {
      if (source.trim() !== '') shown.push(`  ${label} | ${clip(source, 0, MAX_COLUMNS)}`)
      continue
    }
    const { cut, mark } = marked(source, place)
    shown.push(`> ${label} | ${cut}`.trimEnd(), `  ${' '.repeat(width)} | ${mark}`)
  }
  return shown
}

function marked(source: string, { line, column, endLine, endColumn }: Place): { cut: string; mark: string } {
  const from = Math.min(column - 1, source.length)
  const to = Math.max(from + 1, endLine === line ? endColumn - 1 : source.length)
  const start = source.length <= MAX_COLUMNS ? 0 : Math.max(0, Math.min(from - MAX_COLUMNS / 2, source.length - MAX_COLUMNS))
  const cut = clip(source, start, start + MAX_COLUMNS)
  const before = widthOf(source.slice(start, from)) + (start > 0 ? 1 : 0)
  const signs = Math.max(1, widthOf(source.slice(from, Math.min(to, start + MAX_COLUMNS))))
  return { cut, mark: `${' '.repeat(before)}${'^'.repeat(signs)}` }
}

/** A part of a line, with a sign where something was cut off. */
function clip(source: string, start: number, end: number): string {
  return `${start > 0 ? '…' : ''}${visible(source.slice(start, end))}${end < source.length ? '…' : ''}`
}

function visible(text: string): string {
  return text.replaceAll('\t', ' ').replace(UNSHOWN, '\ufffd').toWellFormed()
}

/** Columns on a terminal. */
function widthOf(text: string): number {
  if (/^[\x20-\x7e\t]*$/.test(text)) return text.length
  let width = 0
  for (const character of text.replace(UNSHOWN, '\ufffd')) width += NARROWLESS.test(character) ? 0 : WIDE.test(character) ? 2 : 1
  return width
}

interface Lines {
  count: number
  /** Line numbers from 1; without its line break. */
  text(no: number): string
}

/** A file's problems are formatted one after the other: its line starts are found once. */
let latest: { text: string; starts: number[] } | undefined

function linesOf(text: string): Lines {
  if (latest?.text !== text) latest = { text, starts: lineStarts(text) }
  const { starts } = latest
  return {
    count: starts.length,
    text(no) {
      const line = text.slice(starts[no - 1] ?? 0, (starts[no] ?? text.length + 1) - 1).replace(/\r$/, '')
      return no === 1 ? line.replace(/^\ufeff/, '') : line
    },
  }
}

/** Offsets at which lines begin. */
function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}
