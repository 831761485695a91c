/** The events themselves, one JSON object a line. */
import { eventLine } from '../view/document.ts'
import type { Painter, PainterOptions } from './painter.ts'
import { safeJson } from './text.ts'

export function createJsonPainter({ view, put, paint }: Pick<PainterOptions, 'view' | 'put' | 'paint'>, notes: (text: string) => void = () => undefined): Painter {
  return {
    event: (event) => put(`${safeJson(eventLine(view, event))}\n`),
    log: () => undefined,
    note: (line) => notes(`${paint(line)}\n`),
    finish: () => undefined,
  }
}
