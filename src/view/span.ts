/** Styled text before it is painted. A line is a list of spans; what a style looks like is the painter's business. */

export type Style = 'plain' | 'bold' | 'dim' | 'good' | 'bad' | 'warn' | 'busy' | 'name' | 'command'

export interface Span {
  text: string
  style: Style
}

export type Line = Span[]

/** Cells that a text takes on a terminal. Injected: the library that knows is slow to load. */
export type Width = (text: string) => number

/** What the lines are for. */
export interface Screen {
  now: number
  columns: number
  /** Lines that fit; undefined: no limit (a page that scrolls). */
  rows?: number
  unicode: boolean
  /** Of the spinners; below 0: nothing moves on this page. */
  frame: number
  width: Width
  /** For absolute times; undefined: the machine's own. */
  timeZone?: string
}

export function span(text: string, style: Style = 'plain'): Span {
  return { text, style }
}

export function textOf(line: Line): string {
  return line.map((part) => part.text).join('').trimEnd()
}

/** Printable ASCII is as wide as it is long. */
export function widthOf(width: Width, text: string): number {
  return /^[\x20-\x7e]*$/.test(text) ? text.length : width(text)
}

export function lineWidth(width: Width, line: Line): number {
  return line.reduce((sum, part) => sum + widthOf(width, part.text), 0)
}

/** At most `cells` wide, with an ellipsis where something went. */
export function clip(text: string, cells: number, screen: { width: Width; unicode: boolean }): string {
  if (widthOf(screen.width, text) <= cells) return text
  const end = screen.unicode ? '…' : '...'
  const room = cells - end.length
  if (room < 0) return end.slice(0, Math.max(0, cells))
  let kept = ''
  let used = 0
  for (const character of text) {
    const next = widthOf(screen.width, character)
    if (used + next > room) break
    kept += character
    used += next
  }
  return kept.trimEnd() + end
}

export function clipLine(line: Line, cells: number, screen: { width: Width; unicode: boolean }): Line {
  let left = cells
  const kept: Line = []
  for (const part of line) {
    const size = widthOf(screen.width, part.text)
    if (size <= left) kept.push(part)
    else if (left > 0) kept.push(span(clip(part.text, left, screen), part.style))
    left -= size
    if (left <= 0) break
  }
  return kept
}

export function pad(text: string, cells: number, width: Width): string {
  return text + ' '.repeat(Math.max(0, cells - widthOf(width, text)))
}

/** Words broken over lines of at most `cells`, the first shorter by `offset`; a longer word stands alone, clipped by nobody. */
export function wrap(text: string, cells: number, width: Width, offset = 0): string[] {
  const lines: string[] = []
  for (const paragraph of text.split('\n')) {
    let line: string | undefined
    for (const word of paragraph.split(' ')) {
      const room = lines.length === 0 ? cells - offset : cells
      const joined = line === undefined ? word : `${line} ${word}`
      if (line !== undefined && widthOf(width, joined) > room) {
        lines.push(line)
        line = word
      } else line = joined
    }
    lines.push(line ?? '')
  }
  return lines
}
