/** Warns where steps that do not wait for each other write one key of the context, as far as the types of workers tell (LANGUAGE.md section 4). */
import type { StepRecord } from '../check-context.ts'
import { areCases } from '../check-writers.ts'
import { createVisibility, repeatedAround } from '../visibility.ts'
import type { Model } from './model.ts'
import { merges } from './steps.ts'
import { members } from './type.ts'

/** More writers of one key than this are compared with their neighbours only. */
const MAX_COMPARED = 20

export function checkWorkerWriters(model: Model): void {
  const { check } = model
  const byKey = new Map<string, StepRecord[]>()
  for (const record of check.ids.values()) {
    // What elements and iterations write is not seen outside of them.
    if (!record.step || !merges(record.step.kind) || record.repeats || repeatedAround(record)) continue
    const names = new Set(members(model.outputs.get(record) ?? { t: 'unknown' }).flatMap((one) => (one.t === 'map' ? Object.keys(one.fields) : [])))
    for (const name of names) byKey.set(name, [...(byKey.get(name) ?? []).slice(-MAX_COMPARED), record])
  }
  const visibility = createVisibility()
  const told = new Map<string, { one: StepRecord; other: StepRecord; keys: string[] }>()
  for (const [name, writers] of byKey) {
    for (const [i, later] of writers.entries()) {
      const rival = writers.slice(0, i).find((one) => areRivals(one, later) && !visibility.sees(later, one) && !visibility.sees(one, later))
      if (!rival) continue
      const pair = told.get(`${rival.path} ${later.path}`) ?? { one: rival, other: later, keys: [] }
      pair.keys.push(name)
      told.set(`${rival.path} ${later.path}`, pair)
    }
  }
  for (const { one, other, keys } of told.values()) {
    const shown = keys.slice(0, 5).map((key) => `"${key}"`).join(', ') + (keys.length > 5 ? ', …' : '')
    check.report.warn('MAG1060', other.idSpan, `${shown} ${keys.length === 1 ? 'is' : 'are'} written by "${one.id}" at the same time; "${other.id}" wins, as the later one in the file`,
      `Read it as steps.${one.id}.output.${keys[0] ?? ''}, or let one of them wait for the other.`)
  }
}

/** Two that only `set` are told at their keys (check-writers.ts of the folder above). */
function areRivals(one: StepRecord, other: StepRecord): boolean {
  return one.list.section === other.list.section && !areCases(one, other) && !(one.step?.kind.type === 'set' && other.step?.kind.type === 'set')
}
