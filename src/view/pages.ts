/** Pages that do not move: one run's status, the list of runs, the end of a validation. */
import { formatDuration } from '../model/duration.ts'
import { isFinal } from '../model/event.ts'
import type { Json, JsonObject } from '../model/json.ts'
import { clean } from './clean.ts'
import { closingLines, commandLines, type ClosingOptions } from './closing.ts'
import type { RunSummary } from './document.ts'
import { outputOf } from './run-view.ts'
import { badMark, goodMark, runMark, words } from './marks.ts'
import { clip, clipLine, span, type Line, type Screen } from './span.ts'
import { tableLines } from './table.ts'
import { headerLines, stepLines } from './tree.ts'
import type { RunView, StepView } from './views.ts'

/** Who drives the run; absent: nobody does. */
export interface OwnerText {
  who: string
  /** False: that process is gone. */
  live: boolean
}

export interface StatusOptions extends ClosingOptions {
  owner?: OwnerText
}

/** Beyond it a page folds: nobody reads a thousand lines. */
const MOST_STEPS = 200

export function statusLines(view: RunView, screen: Screen, options: StatusOptions = {}): Line[] {
  const after = closingLines(view, screen, options)
  const next = isFinal(view.state) ? [] : commandLines('next', nextCommands(view, options.owner), screen)
  return [
    ...headerLines(view, screen), ...factLines(view, screen, options), [], ...stepLines(view, screen, MOST_STEPS),
    ...(after.length > 0 ? [[], ...after] : []), ...(next.length > 0 ? [[], ...next] : []),
  ]
}

function factLines(view: RunView, screen: Screen, { owner }: StatusOptions): Line[] {
  const lines: Line[] = []
  const put = (label: string, text: string, style: Line[number]['style'] = 'plain') =>
    lines.push(clipLine([span(`  ${label.padEnd(10)}`, 'dim'), span(text, style)], screen.columns - 1, screen))
  put('started', `${ago(view.createdAt, screen.now)} (${localTime(view.createdAt, screen.timeZone)})${owner?.live ? ` by ${clean(owner.who)}` : ''}`)
  if (Object.keys(view.input).length > 0) put('input', brief(view.input))
  const { done, total, retries } = view.counts
  put('progress', `${done} of ${total} steps${retries > 0 ? `, ${retries} ${retries === 1 ? 'retry' : 'retries'}` : ''}`)
  if (view.state === 'completed') put('output', clip(brief(outputOf(view)), 200, screen))
  if (!isFinal(view.state) && !owner?.live) put('owner', owner ? `gone: ${clean(owner.who)} has ended; nothing moves until it is resumed` : 'none: nothing moves until it is resumed', 'warn')
  return lines
}

function nextCommands(view: RunView, owner: OwnerText | undefined): string[] {
  const asked = [...view.active].slice(0, 20).flatMap((step) => answerTo(view, step)).slice(0, 3)
  if (!owner?.live) return [...asked, `mag resume ${view.runId}`, `mag cancel ${view.runId}`]
  return [...asked, ...(view.paused ? [`mag resume ${view.runId}`] : []), `mag status ${view.runId} --watch`, `mag cancel ${view.runId}`]
}

/** What a person types so that the step goes on. */
function answerTo({ runId }: RunView, step: StepView): string[] {
  if (step.state === 'in_doubt') return [`mag resolve ${runId} --step ${step.path} --as completed`]
  if (step.state !== 'waiting') return []
  return [step.signal === undefined ? `mag approve ${runId} --step ${step.path}` : `mag signal ${runId} ${clean(step.signal)}`]
}

/** `order=A-1042, notify=false`: scalars as they are, the rest as JSON. */
export function brief(value: Json): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return clean(JSON.stringify(value))
  return Object.entries(value as JsonObject).filter(([key]) => !key.startsWith('_'))
    .map(([key, inner]) => `${clean(key)}=${clean(typeof inner === 'string' && inner !== '' ? inner : JSON.stringify(inner))}`).join(', ')
}

export interface ListOptions {
  /** More runs than these match. */
  more: boolean
  /** Process ids (owners) that are gone: their runs stand still. */
  gone: ReadonlySet<string>
  /** Without marks and the line about more: for pipes. */
  plain?: boolean
}

export function listLines(records: readonly RunSummary[], screen: Screen, { more, gone, plain = false }: ListOptions): Line[] {
  const rows = records.map((record) => {
    const mark = runMark(record.state, screen)
    const orphan = (record.state === 'running' || record.state === 'compensating') && (record.owner === null || gone.has(record.owner))
    const state = orphan ? 'owner gone' : words(record.state)
    return [
      record.id, record.workflow, span(plain || screen.columns < 50 ? state : `${mark.text} ${state}`, orphan ? 'warn' : mark.style), ago(record.createdAt, screen.now, 'narrow'),
      formatDuration((record.finishedAt ?? screen.now) - record.createdAt), record.note ?? '',
    ]
  })
  const columns = [{ title: 'RUN' }, { title: 'WORKFLOW', giveUp: 2 }, { title: 'STATE' }, { title: 'STARTED', giveUp: 3 }, { title: 'TIME', giveUp: 4 }, { title: 'NOTE', giveUp: 5 }]
  const lines = tableLines(columns, rows, screen)
  const hint = `${records.length} shown. More: mag list --limit ${Math.max(50, records.length * 2)}`
  return more && !plain ? [...lines, [], clipLine([span(hint, 'dim')], screen.columns - 1, screen)] : lines
}

export interface Validated {
  workflows: number
  workers: number
  errors: number
  warnings: number
  /** Files with problems. */
  files: number
  elapsedMs: number
}

export function validatedLine(found: Validated, screen: Screen): Line {
  const { errors, warnings } = found
  if (errors === 0) {
    const warned = warnings > 0 ? `, ${count(warnings, 'warning')}` : ''
    return [goodMark(screen), span(` ${count(found.workflows, 'workflow')}, ${count(found.workers, 'worker')} checked in ${formatDuration(found.elapsedMs)}${warned}`)]
  }
  const kinds = warnings > 0 ? ` (${count(errors, 'error')}, ${count(warnings, 'warning')})` : ''
  return [badMark(screen), span(` ${count(errors + warnings, 'problem')}${kinds} in ${found.files} of ${count(found.workflows, 'file')}`)]
}

export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

const STEPS: ReadonlyArray<[ms: number, unit: Intl.RelativeTimeFormatUnit]> = [
  [86_400_000, 'day'], [3_600_000, 'hour'], [60_000, 'minute'], [1_000, 'second'],
]
const relative = new Map<string, Intl.RelativeTimeFormat>()

/** `2 minutes ago`, `yesterday`, `now`; narrow: `2m ago`. */
export function ago(at: number, now: number, style: 'long' | 'narrow' = 'long'): string {
  const format = relative.get(style) ?? new Intl.RelativeTimeFormat('en', { numeric: 'auto', style })
  relative.set(style, format)
  const past = at - now
  for (const [ms, unit] of STEPS) if (Math.abs(past) >= ms) return format.format(Math.round(past / ms), unit)
  return 'now'
}

/** `2026-11-22 08:54:42`, by the given zone's clock or the machine's. */
export function localTime(at: number, timeZone?: string): string {
  return new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium', ...(timeZone === undefined ? {} : { timeZone }) }).format(at) + (timeZone === 'UTC' ? 'Z' : '')
}
