/** The order of steps: `needs` that name steps of their list, and no circles. */
import { didYouMean, type Check, type ListRecord, type StepRecord } from './check-context.ts'
import type { Span } from './report.ts'
import { clip } from './tree.ts'
import { ancestors } from './visibility.ts'

/** Fills in each step's needs, the implicit one on the step above it included. */
export function checkOrder(check: Check): void {
  for (const list of check.lists) {
    for (const record of list.steps) resolveNeeds(check, list, record)
    checkCircles(check, list)
  }
}

function resolveNeeds(check: Check, list: ListRecord, record: StepRecord): void {
  record.after = record.needs ? named(check, list, record, record.needs) : above(list, record)
  if (record.step) record.step.needs = record.after
}

/** The step above; one whose id is not usable is reported, and passed over. */
function above(list: ListRecord, { index }: StepRecord): string[] {
  for (let i = index - 1; i >= 0; i--) {
    const record = list.steps[i]
    if (record && list.byId.get(record.id) === record) return [record.id]
  }
  return []
}

function named(check: Check, list: ListRecord, record: StepRecord, needs: Array<{ id: string; span: Span }>): string[] {
  const found = new Set<string>()
  for (const { id, span } of needs) {
    if (check.report.isFull()) break
    if (id === record.id) check.report.error('MAG1035', span, `Step "${id}" needs itself`)
    else if (list.byId.has(id)) found.add(id)
    else check.report.error('MAG1034', span, ...noSuchNeed(check, record, id))
  }
  return [...found]
}

function noSuchNeed(check: Check, record: StepRecord, id: string): [string, string] {
  const { list } = record
  const elsewhere = check.ids.get(id)
  const others = [...list.byId.keys()]
  if (!elsewhere) return [`There is no step "${clip(id)}"`, didYouMean(check, id, others) ?? `This list has: ${others.slice(0, 20).join(', ')}.`]
  const { section } = elsewhere.list
  if (section !== list.section) return [`Step "${id}" stands in \`${section}\``, section === 'steps' ? 'That has ended before this begins: remove it.' : 'A step needs steps of its own list.']
  if (ancestors(record).includes(elsewhere)) return [`Step "${id}" contains this step`, 'It ends after this step: remove it.']
  return [`Step "${id}" is not in this list but at ${elsewhere.path}`, 'A step needs steps of its own list; name the container around the other step.']
}

/** Reports one circle of a list, along its steps. Iterative: a list may have ten thousand. */
function checkCircles(check: Check, list: ListRecord): void {
  const state = new Map<StepRecord, 'open' | 'done'>()
  for (const start of list.steps) {
    const path: Array<{ record: StepRecord; next: number }> = state.has(start) ? [] : [{ record: start, next: 0 }]
    while (path.length > 0) {
      const top = path[path.length - 1]
      if (!top) break
      state.set(top.record, 'open')
      const id = top.record.after[top.next++]
      const need = id === undefined ? undefined : list.byId.get(id)
      if (id === undefined) {
        state.set(top.record, 'done')
        path.pop()
      } else if (need && state.get(need) === 'open') {
        return reportCircle(check, path.map(({ record }) => record), need)
      } else if (need && !state.has(need)) path.push({ record: need, next: 0 })
    }
  }
}

function reportCircle(check: Check, path: StepRecord[], again: StepRecord): void {
  const circle = path.slice(path.indexOf(again))
  const names = [...circle, again].map(({ id }) => id)
  const last = circle.at(-1) ?? again
  const span = last.needs?.find(({ id }) => id === again.id)?.span ?? last.idSpan
  const shown = names.length > 8 ? [...names.slice(0, 4), '…', ...names.slice(-3)] : names
  check.report.error('MAG1036', span, `Steps need each other in a cycle: ${shown.join(' -> ')}`, 'None of them could ever start: remove one of these needs.')
}
