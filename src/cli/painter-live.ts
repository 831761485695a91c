/**
 * The tree on a terminal. ora is the painter: it hides the cursor, clears what it drew and writes what comes from
 * elsewhere above it; what it draws is `treeLines`, made anew for each frame and clipped to the screen.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { isFinal } from '../model/event.ts'
import { closingLines } from '../view/closing.ts'
import { logLines } from '../view/plain.ts'
import { span, type Line, type Screen } from '../view/span.ts'
import { treeLines } from '../view/tree.ts'
import { withForceColor } from './colour.ts'
import type { Painter, PainterOptions } from './painter.ts'
import { placeText } from './painter-plain.ts'
import { sizeOf } from './terminal.ts'

const FRAME_MS = 80
/** A finished tree longer than this folds, too. */
const MOST_LINES = 200

export async function createLivePainter(options: PainterOptions): Promise<Painter> {
  const { view, paint, colour, unicode, clock } = options
  const [{ default: ora }, { default: stringWidth }] = await withForceColor(colour, () => Promise.all([import('ora'), import('string-width')]))
  const began = clock.monotonic()
  let { hint } = options
  const screen = (rows: number | undefined): Screen => ({
    now: clock.now(), columns: sizeOf(2).columns, unicode, frame: Math.floor((clock.monotonic() - began) / FRAME_MS), width: stringWidth,
    ...(rows === undefined ? {} : { rows }),
  })
  const painted = (lines: Line[]) => lines.map(paint).join('\n')
  const spinner = ora({ stream: process.stderr, isEnabled: true, discardStdin: false, interval: FRAME_MS, spinner: { frames: [' '], interval: FRAME_MS } })
  // The whole tree is one frame: ora asks for it when it draws, so nothing is made that is not shown.
  spinner.frame = () => painted(treeLines(view, screen(sizeOf(2).rows), { hint }))
  const redraw = () => spinner.isSpinning && spinner.render()
  const above = (lines: Line[]) => {
    if (lines.length === 0) return
    // ora has hooked the stream: it clears, lets this through and draws again.
    process.stderr.write(`${painted(lines)}\n`)
  }
  process.stderr.on('resize', redraw)
  // Events and log lines may come from inside a step, whose prints are diverted (capture.ts): the painter's are not.
  const outside = AsyncLocalStorage.snapshot()

  return {
    event: (event) => outside(() => {
      if (!spinner.isSpinning && !isFinal(view.state)) spinner.start()
      if (event.type === 'run.warning') redraw()
    }),
    log: (line) => outside(() => above(logLines(view, line))),
    note(line, { stopping = false } = {}) {
      if (stopping) hint = ''
      outside(() => above([line]))
    },
    finish: () => outside(() => {
      process.stderr.off('resize', redraw)
      spinner.stop()
      const last = screen(view.all.length > MOST_LINES ? MOST_LINES : undefined)
      const closing = closingLines(view, last, { debug: options.debug, place: placeText(options), kept: options.kept !== false })
      const lines = [...treeLines(view, last), ...(closing.length > 0 ? [[], ...closing] : []), ...(view.state === 'completed' ? [[span('')]] : [])]
      process.stderr.write(`${painted(lines)}\n`)
    }),
  }
}
