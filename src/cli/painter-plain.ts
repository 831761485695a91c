/** One line per change, and a sign of life after each silence: for pipes, CI and cron. */
import { closingLines } from '../view/closing.ts'
import { heartbeatLine, logLines, plainLine } from '../view/plain.ts'
import type { Line } from '../view/span.ts'
import type { Painter, PainterOptions } from './painter.ts'

export const SILENCE_MS = 30_000

export function createPlainPainter(options: PainterOptions): Painter {
  const { view, paint, put, clock } = options
  let cancel: (() => void) | undefined
  let finished = false

  function say(lines: Line[]): void {
    if (lines.length > 0) put(lines.map((line) => `${paint(line)}\n`).join(''))
    cancel?.()
    if (!finished) cancel = clock.setTimer(SILENCE_MS, () => say([heartbeatLine(view, clock.now())]))
  }

  return {
    event(event) {
      const line = plainLine(view, event)
      if (line) say([line])
    },
    log: (line) => say(logLines(view, line)),
    note: (line) => say([line]),
    finish() {
      finished = true
      const screen = { now: clock.now(), columns: 1_000, unicode: options.unicode, frame: 0, width: (text: string) => text.length }
      const closing = closingLines(view, screen, { debug: options.debug, place: placeText(options), kept: options.kept !== false })
      if (closing.length > 0) say([[], ...closing])
      cancel?.()
    },
  }
}

export function placeText({ place }: PainterOptions): (path: string) => string | undefined {
  return (path) => {
    const at = place?.(path)
    return at && `${at.file}:${at.line}:${at.column}`
  }
}
