/** Places that take a value of one kind only, and cases that are never taken. */
import type { Check, StepRecord } from '../check-context.ts'
import { entryOf } from '../tree.ts'
import type { Model } from './model.ts'
import { describeType, members } from './type.ts'
import { typeOfNode } from './walk.ts'

export function checkPlaces(model: Model, record: StepRecord): void {
  checkForeach(model, record)
  checkSleep(model, record)
  checkCases(model.check, record)
}

function checkForeach(model: Model, record: StepRecord): void {
  const written = entryOf(record.node, 'foreach')?.value
  const node = written?.kind === 'map' ? entryOf(written, 'in')?.value : written
  if (!node || record.repeats !== 'foreach') return
  const type = typeOfNode(model, node, record)
  const others = members(type).filter(({ t }) => t !== 'list' && t !== 'unknown' && t !== 'never')
  if (others.length === 0) return
  const { report } = model.check
  if (others.every(({ t }) => t === 'null') && others.length < members(type).length) report.error('MAG1073', node.span, '`foreach` goes through a list, and this may be null', 'Say what it is then: x != null ? x : []')
  else report.error('MAG1074', node.span, `\`foreach\` goes through a list, and this is ${describeType(type)}`, others.some(({ t }) => t === 'map') ? 'The names of a map are x.map(name, name).' : undefined)
}

/** Cases that can never be taken. */
function checkCases(check: Check, record: StepRecord): void {
  const kind = record.step?.kind
  const nodes = entryOf(record.node, 'switch')?.value
  if (kind?.type !== 'switch' || nodes?.kind !== 'list') return
  const seen = new Set<string>()
  for (const [i, { when }] of kind.cases.entries()) {
    const item = nodes.items[i]
    const place = item?.kind === 'map' ? (item.entries[0]?.keySpan ?? item.span) : undefined
    const src = when?.src.replaceAll(/\s+/g, ' ')
    if (place && seen.has('true')) return check.report.warn('MAG1076', place, 'This case can never be taken: the one above is always true', 'Make it the default, at the end.')
    if (place && src !== undefined && seen.has(src)) check.report.warn('MAG1076', place, 'This case can never be taken: a case above asks the same', 'Remove it, or ask for something else.')
    if (src !== undefined) seen.add(src)
  }
}

/** Durations and times are texts. */
function checkSleep(model: Model, record: StepRecord): void {
  const written = entryOf(record.node, 'sleep')?.value
  const node = written?.kind === 'map' ? entryOf(written, 'until')?.value : written
  if (!node || record.step?.kind.type !== 'sleep') return
  const type = typeOfNode(model, node, record)
  const others = members(type).filter(({ t }) => t !== 'string' && t !== 'unknown' && t !== 'never')
  if (others.length === 0) return
  const { report } = model.check
  const wanted = written?.kind === 'map' ? 'a time such as 2026-01-03T14:56:32Z' : 'a duration such as 30s'
  if (others.every(({ t }) => t === 'null') && others.length < members(type).length) report.error('MAG1073', node.span, `\`sleep\` takes ${wanted}, and this may be null`)
  else report.error('MAG1074', node.span, `\`sleep\` takes ${wanted}, and this is ${describeType(type)}`, others.some(({ t }) => t === 'number') ? 'Say which unit: "${{ … }}s".' : undefined)
}
