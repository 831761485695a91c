/**
 * GitHub Actions and GitLab CI: the plain log, with what a step printed folded under it where it went well and open
 * where it failed, and failures pointed at in the definition and the worker's source.
 */
import { appendFileSync } from 'node:fs'
import type { LogLine } from '../backend/backend.ts'
import { formatDuration } from '../model/duration.ts'
import type { ErrorInfo, Location } from '../model/error.ts'
import type { RunEvent } from '../model/event.ts'
import { clean } from '../view/clean.ts'
import { durationOf } from '../view/document.ts'
import { words } from '../view/marks.ts'
import { logLines, plainLine } from '../view/plain.ts'
import type { RunView } from '../view/run-view.ts'
import type { Line } from '../view/span.ts'
import { createPlainPainter } from './painter-plain.ts'
import type { Painter, PainterOptions } from './painter.ts'

/** Lines kept per step until it ends. */
const MOST_LOGS = 1_000

export function createCiPainter(kind: 'github' | 'gitlab', options: PainterOptions): Painter {
  const { view, put, paint } = options
  const plain = createPlainPainter(options)
  const logs = new Map<string, LogLine[]>()
  const text = (lines: Line[]) => lines.map((line) => `${paint(line)}\n`).join('')

  function settled(event: RunEvent, path: string): void {
    const lines = text((logs.get(path) ?? []).flatMap((line) => logLines(view, line)))
    logs.delete(path)
    const line = plainLine(view, event)
    if (!line) return
    if (event.type !== 'step.failed') return put(lines === '' ? text([line]) : folded(kind, `${paint(line)}`, fenced(kind, lines, options), `${path}-${event.seq}`, event.at))
    put(text([line]) + fenced(kind, lines, options))
    if (kind === 'github') put(annotations(path, event.error, options))
  }

  return {
    event(event) {
      if (event.type === 'step.completed' || event.type === 'step.failed' || event.type === 'step.cancelled') return settled(event, event.path)
      plain.event(event)
    },
    log(line) {
      const kept = logs.get(line.path) ?? []
      if (kept.length < MOST_LOGS) logs.set(line.path, [...kept, line])
    },
    note: plain.note,
    finish() {
      plain.finish()
      const file = options.env.GITHUB_STEP_SUMMARY
      if (kind !== 'github' || !file) return
      try {
        appendFileSync(file, summary(view))
      } catch {
        // A summary that cannot be written never fails a run.
      }
    },
  }
}

function folded(kind: 'github' | 'gitlab', title: string, lines: string, id: string, at: number): string {
  if (kind === 'github') return `::group::${title}\n${lines}::endgroup::\n`
  const section = id.replaceAll(/[^A-Za-z0-9_.-]/g, '_')
  const seconds = Math.floor(at / 1_000)
  return `\u001b[0Ksection_start:${seconds}:${section}[collapsed=true]\r\u001b[0K${title}\n${lines}\u001b[0Ksection_end:${seconds}:${section}\r\u001b[0K\n`
}

/** What workers print must not be taken for commands to the runner. */
function fenced(kind: 'github' | 'gitlab', lines: string, { clock }: PainterOptions): string {
  if (kind !== 'github' || lines === '') return lines
  const token = Buffer.from(clock.random(16)).toString('hex')
  return `::stop-commands::${token}\n${lines}::${token}::\n`
}

function annotations(path: string, error: ErrorInfo, options: PainterOptions): string {
  const places: Location[] = [error.location, options.place?.(path)].filter((place) => place !== undefined)
  const message = escaped(clean(`${error.code}: ${error.message}`))
  const title = property(`${path} failed`)
  if (places.length === 0) return `::error title=${title}::${message}\n`
  return places.map(({ file, line, column }) => `::error file=${property(clean(file))},line=${line},col=${column},title=${title}::${message}\n`).join('')
}

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function property(text: string): string {
  return escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}

function summary(view: RunView): string {
  const cell = (text: string) => clean(text).replaceAll('|', '\\|').replaceAll('<', '&lt;')
  const rows = view.all.map((step) => {
    const duration = durationOf(step)
    const note = step.error ? `${step.error.code}: ${step.error.message}` : (step.reason ?? '')
    return `| ${cell(step.path)} | ${words(step.state)} | ${step.attempts || ''} | ${duration === undefined ? '' : formatDuration(duration)} | ${cell(note)} |`
  })
  return `### ${cell(view.workflow)}: ${words(view.state)}\n\n\`${view.runId}\`\n\n| step | state | attempts | time | |\n|---|---|---|---|---|\n${rows.join('\n')}\n\n`
}
