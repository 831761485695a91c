/** Which steps have ended, or were skipped, before another one can start: what it may read. */
import type { ListRecord, StepRecord } from './check-context.ts'

export interface Visibility {
  /** True where `target` has ended, or was skipped, before `record` can start. */
  sees(record: StepRecord, target: StepRecord): boolean
}

export function createVisibility(): Visibility {
  const tables = new Map<ListRecord, Reach>()

  function reaches(from: StepRecord, target: StepRecord): boolean {
    const { list } = from
    const table = tables.get(list) ?? reachOf(list)
    tables.set(list, table)
    // A circle is told as such; what could be read without it nobody knows.
    return table.hasCircle || (((table.bits[from.index * table.words + (target.index >> 5)] ?? 0) >>> (target.index & 31)) & 1) === 1
  }

  return {
    sees(record, target) {
      if (record.list === target.list) return record !== target && reaches(record, target)
      const around = visibleAncestors(target)
      for (const own of ancestors(record)) {
        const other = around.find((one) => one.list === own.list)
        if (other) return other !== own && reaches(own, other)
      }
      return false
    },
  }
}

/** Nothing inside a foreach or loop is seen from outside of it: the containers around a step up to the first of those. */
function visibleAncestors(target: StepRecord): StepRecord[] {
  const found = [target]
  for (let { parent } = target.list; parent && !parent.repeats; parent = parent.list.parent) found.push(parent)
  return found
}

/** The foreach or loop because of which a step is not seen from everywhere. */
export function repeatedAround(target: StepRecord): StepRecord | undefined {
  for (let { parent } = target.list; parent; parent = parent.list.parent) if (parent.repeats) return parent
  return undefined
}

/** The step and the containers around it, from the inside out. */
export function ancestors(record: StepRecord): StepRecord[] {
  const found = [record]
  for (let parent = record.list.parent; parent; parent = parent.list.parent) found.push(parent)
  return found
}

/** A row of bits for each step of a list: the steps that it needs, directly or not. */
interface Reach {
  words: number
  bits: Uint32Array
  hasCircle: boolean
}

const OPEN = 1
const DONE = 2

/** In the order of needs, each row is made of finished ones. Iterative: a list may have ten thousand steps. */
function reachOf(list: ListRecord): Reach {
  const words = (list.steps.length + 31) >> 5
  const bits = new Uint32Array(words * list.steps.length)
  const states = new Uint8Array(list.steps.length)
  let hasCircle = false
  for (const start of list.steps) {
    const path = states[start.index] ? [] : [{ record: start, next: 0 }]
    if (path.length > 0) states[start.index] = OPEN
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const id = top.record.after[top.next++]
      const need = id === undefined ? undefined : list.byId.get(id)
      if (need && !states[need.index]) {
        states[need.index] = OPEN
        path.push({ record: need, next: 0 })
      } else if (need) hasCircle ||= states[need.index] === OPEN
      else if (id === undefined) {
        path.pop()
        states[top.record.index] = DONE
        fill(bits, words, top.record)
      }
    }
  }
  return { words, bits, hasCircle }
}

function fill(bits: Uint32Array, words: number, { index, after, list }: StepRecord): void {
  const row = index * words
  for (const id of after) {
    const need = list.byId.get(id)
    if (!need) continue
    for (let word = 0; word < words; word++) bits[row + word] = (bits[row + word] ?? 0) | (bits[need.index * words + word] ?? 0)
    bits[row + (need.index >> 5)] = (bits[row + (need.index >> 5)] ?? 0) | (1 << (need.index & 31))
  }
}
