/**
 * The tree of a run's steps, live and finished (CHOICES.md 3.1). Pure: a view, a moment and a screen in, lines out, none
 * wider than the screen less one. What is taller than the screen folds, failed and running steps first.
 */
import { formatDuration } from '../model/duration.ts'
import { isFinal } from '../model/event.ts'
import { clean } from './clean.ts'
import { runMark, stepMark, words } from './marks.ts'
import { stepMessage, stepTime } from './message.ts'
import { clip, clipLine, lineWidth, span, type Line, type Screen } from './span.ts'
import { isSettled } from './step-fold.ts'
import { FEW } from './steps.ts'
import type { RunView, StepView } from './views.ts'

/** Below this many columns there is room for names and times only. */
const NARROW = 60
const MESSAGE_CELLS = 60
const TIME_CELLS = 8

interface Row {
  step?: StepView
  /** Branch lines before the mark, two cells a level. */
  lead: string
  title?: string
}

/** Header, steps and a closing hint, for as long as the run goes; the same without hint once it is final. */
export function treeLines(view: RunView, screen: Screen, options: { hint?: string } = {}): Line[] {
  const head = headerLines(view, screen)
  const hint = options.hint && !isFinal(view.state) ? [clipLine([span('  '), span(options.hint, 'dim')], screen.columns - 1, screen)] : []
  const room = screen.rows === undefined ? undefined : Math.max(1, screen.rows - 1 - head.length - hint.length)
  return [...head, ...stepLines(view, screen, room), ...hint]
}

/** Mark, name, id, state: one line where it fits, up to three where it does not. */
export function headerLines(view: RunView, screen: Screen): Line[] {
  const mark = runMark(view.state, screen)
  const room = screen.columns - 1
  const name = span(clip(clean(view.workflow), Math.max(8, room - 2), screen), 'bold')
  const id = span(view.runId, 'dim')
  const status = span(statusText(view, screen.now), isFinal(view.state) && view.state !== 'completed' ? mark.style : 'plain')
  const steps = isFinal(view.state) ? '' : `${view.counts.done}/${view.counts.total} steps`
  const one: Line = [mark, span(' '), name, span('  '), id, span('  '), status]
  const gap = timeEnd(view, screen) - lineWidth(screen.width, one) - steps.length
  if (lineWidth(screen.width, one) <= room) return [steps && gap >= 2 ? [...one, span(' '.repeat(gap)), span(steps, 'dim')] : one]
  const first: Line = [mark, span(' '), name, span('  '), status]
  if (lineWidth(screen.width, first) <= room) return [first, clipLine([span('  '), id], room, screen)]
  return [[mark, span(' '), name], clipLine([span('  '), status], room, screen), clipLine([span('  '), id], room, screen)]
}

/** The steps in at most `room` lines. */
export function stepLines(view: RunView, screen: Screen, room = Number.POSITIVE_INFINITY): Line[] {
  const rows = rowsOf(view, screen)
  const { shown, folded } = rows.length <= room ? { shown: rows, folded: [] } : fold(rows, room)
  const layout = layoutOf(shown, screen)
  const lines = shown.map((row) => rowLine(view, row, layout, screen))
  if (folded.length > 0) lines.push(clipLine([span('  '), span(foldedText(folded, screen), 'dim')], screen.columns - 1, screen))
  return lines
}

function timeEnd(view: RunView, screen: Screen): number {
  return layoutOf(rowsOf(view, screen), screen).timeEnd
}

function statusText(view: RunView, now: number): string {
  const elapsed = formatDuration(Math.max(0, (view.finishedAt ?? now) - view.createdAt))
  if (isFinal(view.state)) return `${words(view.state)} in ${elapsed}`
  if (view.state === 'compensating') return `undoing ${elapsed}`
  if (view.cancel) return `cancelling ${elapsed}`
  return view.state === 'running' ? elapsed : `${words(view.state)} ${elapsed}`
}

function contentCells(screen: Screen): number {
  return Math.min(screen.columns - 1, 100)
}

/** Rows in file order; sections that have begun come under a title. */
function rowsOf(view: RunView, screen: Screen): Row[] {
  const rows: Row[] = []
  addRows(rows, view.steps, '', screen.unicode)
  for (const [title, steps] of [['on_failure', view.onFailure], ['finally', view.finally]] as const) {
    if (steps.some((step) => step.state !== 'pending')) {
      rows.push({ title, lead: '' })
      addRows(rows, steps, '', screen.unicode)
    }
  }
  return rows
}

/** Neighbours with the same needs run side by side and are drawn as branches; so are the lists inside a container. */
function addRows(rows: Row[], steps: readonly StepView[], lead: string, unicode: boolean): void {
  const { tee, end, bar, gap } = branchSigns(unicode)
  for (let from = 0; from < steps.length; ) {
    let to = from + 1
    while (to < steps.length && sameNeeds(steps[from], steps[to])) to++
    for (let i = from; i < to; i++) {
      const step = steps[i]
      if (!step) continue
      rows.push({ step, lead: to - from > 1 ? lead + (i === to - 1 ? end : tee) : lead })
      addBranches(rows, step, to - from > 1 ? lead + (i === to - 1 ? gap : bar) : lead, unicode)
    }
    from = to
  }
}

function addBranches(rows: Row[], container: StepView, lead: string, unicode: boolean): void {
  const { tee, end, bar, gap } = branchSigns(unicode)
  const elements = shownElements(container)
  elements.forEach((element, at) => {
    const last = at === elements.length - 1
    rows.push({ step: element, lead: lead + (last ? end : tee) })
    addBranches(rows, element, lead + (last ? gap : bar), unicode)
  })
  const child = container.child?.view
  if (child && !isSettled(container.state)) addRows(rows, child.steps, `${lead}${gap}`, unicode)
  container.branches.forEach(({ steps }, no) => {
    const last = no === container.branches.length - 1
    steps.forEach((step, at) => {
      rows.push({ step, lead: lead + (at === 0 ? (last ? end : tee) : last ? gap : bar) })
      addBranches(rows, step, lead + (last ? gap : bar), unicode)
    })
  })
}

const MOST_ELEMENTS = 5

/** A few elements of a foreach: all of a small one, else those that failed and those at work. */
function shownElements({ each, state }: StepView): StepView[] {
  if (!each) return []
  const elements = [...each.shown].sort(([a], [b]) => a - b).map(([, element]) => element)
  if (each.total <= FEW) return elements
  const failed = elements.filter((element) => element.state === 'failed')
  const busy = isSettled(state) ? [] : elements.filter((element) => !isSettled(element.state))
  return [...failed, ...busy].slice(0, MOST_ELEMENTS)
}

function branchSigns(unicode: boolean): { tee: string; end: string; bar: string; gap: string } {
  return unicode ? { tee: '├ ', end: '└ ', bar: '│ ', gap: '  ' } : { tee: '|- ', end: '`- ', bar: '|  ', gap: '   ' }
}

function sameNeeds(a: StepView | undefined, b: StepView | undefined): boolean {
  if (!a || !b || a.needs.length !== b.needs.length) return false
  return a.needs.every((need) => b.needs.includes(need))
}

const FIRST = new Set(['failed', 'compensation_failed', 'running', 'compensating', 'retrying', 'waiting', 'in_doubt', 'sleeping', 'queued'])

function fold(rows: Row[], room: number): { shown: Row[]; folded: StepView[] } {
  const wanted = new Set<Row>()
  const take = (test: (row: Row) => boolean) => {
    for (const row of rows) {
      if (wanted.size >= room - 1) return
      if (!wanted.has(row) && test(row)) wanted.add(row)
    }
  }
  take(({ step }) => step?.state === 'failed' || step?.state === 'compensation_failed')
  take(({ step }) => step !== undefined && FIRST.has(step.state) && step.branches.length === 0)
  // What was done last and what comes next, around the first step that is not settled.
  const pivot = Math.max(0, rows.findIndex(({ step }) => step && !isSettled(step.state)))
  for (let far = 0; far < rows.length && wanted.size < room - 1; far++) {
    for (const row of far === 0 ? [rows[pivot]] : [rows[pivot - far], rows[pivot + far]]) if (row && wanted.size < room - 1) wanted.add(row)
  }
  return { shown: rows.filter((row) => wanted.has(row)), folded: rows.flatMap((row) => (row.step && !wanted.has(row) ? [row.step] : [])) }
}

function foldedText(folded: StepView[], screen: Screen): string {
  const done = folded.filter((step) => isSettled(step.state)).length
  const waiting = folded.filter((step) => step.state === 'pending').length
  const busy = folded.length - done - waiting
  const parts = [done && `${done} done`, busy && `${busy} at work`, waiting && `${waiting} waiting`].filter(Boolean)
  return `${screen.unicode ? '…' : '...'} ${folded.length} more (${parts.join(', ')})`
}

interface Layout {
  nameCells: number
  /** 0: no message. */
  messageCells: number
  /** Column at which times end; 0: no times. */
  timeEnd: number
}

function layoutOf(rows: Row[], screen: Screen): Layout {
  const longest = rows.reduce((most, { step, lead }) => Math.max(most, 2 + lead.length + 2 + (step?.id.length ?? 0)), 12)
  const nameCells = screen.columns < NARROW ? longest : Math.min(longest, 40)
  const cells = contentCells(screen)
  const messageCells = screen.columns < NARROW ? 0 : Math.max(0, Math.min(MESSAGE_CELLS, cells - nameCells - 2 - 1 - TIME_CELLS))
  const timeEnd = screen.columns < NARROW ? Math.min(cells, nameCells + 2 + TIME_CELLS) : Math.min(cells, nameCells + 2 + messageCells + 1 + TIME_CELLS)
  return { nameCells, messageCells, timeEnd }
}

function rowLine(view: RunView, row: Row, layout: Layout, screen: Screen): Line {
  const room = screen.columns - 1
  if (!row.step) return clipLine([span('  '), span(row.title ?? '', 'dim')], room, screen)
  const { step } = row
  const name = span(step.id, step.state === 'pending' || step.state === 'skipped' ? 'dim' : 'name')
  const line: Line = [span(`  ${row.lead}`, 'dim'), stepMark(step, screen), span(' '), name]
  let used = lineWidth(screen.width, line)
  const time = stepTime(step, screen.now)
  const put = (text: string, at: number, style: 'plain' | 'dim') => {
    line.push(span(' '.repeat(Math.max(2, at - used))), span(text, style))
    used = lineWidth(screen.width, line)
  }
  const timeAt = layout.timeEnd - time.length
  const message = layout.messageCells > 0 ? stepMessage(view, step, screen.now) : ''
  if (message) {
    const at = Math.max(layout.nameCells + 2, used + 2)
    const space = Math.min(layout.messageCells, (time ? timeAt - 1 : layout.timeEnd) - at)
    if (space > 3) put(clip(message, space, screen), at, step.state === 'failed' || step.state === 'compensation_failed' ? 'plain' : 'dim')
  }
  if (time && timeAt >= used + 1) {
    line.push(span(' '.repeat(timeAt - used)), span(time, 'dim'))
  }
  return clipLine(line, room, screen)
}

