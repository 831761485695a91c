/** From a mode to its painter; each is loaded only when it is used. */
import type { Painter, PainterOptions, ProgressMode } from './painter.ts'

export async function createPainter(mode: ProgressMode, options: PainterOptions): Promise<Painter> {
  switch (mode) {
    case 'live':
      return (await import('./painter-live.ts')).createLivePainter(options)
    case 'plain':
      return (await import('./painter-plain.ts')).createPlainPainter(options)
    case 'github':
    case 'gitlab':
      return (await import('./painter-ci.ts')).createCiPainter(mode, options)
    case 'json':
      return (await import('./painter-json.ts')).createJsonPainter(options)
    case 'none':
      return { event: () => undefined, log: () => undefined, note: (line) => options.put(`${options.paint(line)}\n`), finish: () => undefined }
  }
}
