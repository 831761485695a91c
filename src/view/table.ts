/** Tables without boxes: a header in capitals, two spaces between columns, nothing wraps, the last column is clipped. */
import { clean } from './clean.ts'
import { clip, clipLine, pad, span, widthOf, type Line, type Screen, type Span } from './span.ts'

export interface Column {
  title: string
  /** Given up first, highest number first, where the screen is too narrow; absent: never. */
  giveUp?: number
}

export type Cell = Span | string

export function tableLines(columns: readonly Column[], rows: ReadonlyArray<readonly Cell[]>, screen: Screen): Line[] {
  const room = screen.columns - 1
  const spans = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? span(clean(cell)) : { ...cell, text: clean(cell.text) })))
  const cells = columns.map(({ title }, no) => spans.reduce((most, row) => Math.max(most, widthOf(screen.width, row[no]?.text ?? '')), title.length))
  const kept = keptColumns(columns, cells, room)
  const line = (row: readonly Span[]): Line => clipLine(kept.flatMap((no, at): Line => {
    const cell = row[no] ?? span('')
    const last = at === kept.length - 1
    return [span(last ? clip(cell.text, room, screen) : pad(cell.text, cells[no] ?? 0, screen.width), cell.style), ...(last ? [] : [span('  ')])]
  }), room, screen)
  return [line(columns.map(({ title }) => span(title, 'dim'))), ...spans.map(line)]
}

function keptColumns(columns: readonly Column[], cells: readonly number[], room: number): number[] {
  const kept = columns.map((_, no) => no)
  const least = () => kept.reduce((sum, no, at) => sum + (at === kept.length - 1 ? Math.min(cells[no] ?? 0, 8) : (cells[no] ?? 0) + 2), 0)
  while (least() > room) {
    const [victim] = kept.filter((no) => columns[no]?.giveUp !== undefined).sort((a, b) => (columns[b]?.giveUp ?? 0) - (columns[a]?.giveUp ?? 0))
    if (victim === undefined) break
    kept.splice(kept.indexOf(victim), 1)
  }
  return kept
}
