/** Warns where steps that do not wait for each other write one key of the context (LANGUAGE.md section 4). */
import type { Check, StepRecord } from './check-context.ts'
import type { Span } from './report.ts'
import { entryOf } from './tree.ts'
import { ancestors, createVisibility, repeatedAround } from './visibility.ts'

/** More writers of one key than this are compared with their neighbours only. */
const MAX_COMPARED = 40

interface Writer {
  record: StepRecord
  span: Span
}

/** Only `set` says in the file what it writes. */
export function checkWriters(check: Check): void {
  const byKey = new Map<string, Writer[]>()
  for (const record of check.ids.values()) {
    // What elements and iterations write is not seen outside of them.
    if (record.repeats || repeatedAround(record)) continue
    const values = entryOf(record.node, 'set')?.value
    for (const { key, keySpan: span } of values?.kind === 'map' ? values.entries : []) {
      const there = byKey.get(key)
      if (there) there.push({ record, span })
      else byKey.set(key, [{ record, span }])
    }
  }
  const visibility = createVisibility()
  for (const [key, writers] of byKey) {
    for (const [i, later] of writers.entries()) {
      const rival = writers.slice(Math.max(0, i - MAX_COMPARED), i).find((one) => areRivals(one.record, later.record) &&
        !visibility.sees(later.record, one.record) && !visibility.sees(one.record, later.record))
      if (!rival) continue
      check.report.warn('MAG1060', later.span, `"${key}" is written by "${rival.record.id}" at the same time; "${later.record.id}" wins, as the later one in the file`,
        `Read it as steps.${rival.record.id}.output.${key}, or name one of them otherwise.`)
    }
  }
}

function areRivals(one: StepRecord, other: StepRecord): boolean {
  return one.list.section === other.list.section && one !== other && !areCases(one, other)
}

/** In two cases of one switch: only one of them ever runs. */
export function areCases(one: StepRecord, other: StepRecord): boolean {
  const around = ancestors(other)
  for (const own of ancestors(one)) {
    const beside = around.find((there) => there.list.parent === own.list.parent)
    if (beside) return beside.list !== own.list && entryOf(own.list.parent?.node ?? own.node, 'switch') !== undefined
  }
  return false
}
