/** What runs share: slots of concurrency keys, and values. */
import type { Json } from '../../model/json.ts'
import type { SlotHolder, SlotResult } from '../backend.ts'
import { script } from './connection.ts'
import { list, parseJson } from './encode.ts'
import { FREE_SLOT, PUT_VALUE, SLOTS, SLOTS_OF, TAKE_SLOT, VALUE } from './lua/shared.ts'
import { everywhere, nowText, prefixOf, type Store } from './store.ts'

const SCRIPTS = {
  take: script(TAKE_SLOT), free: script(FREE_SLOT), slots: script(SLOTS), slotsOf: script(SLOTS_OF), value: script(VALUE), putValue: script(PUT_VALUE),
}

export interface Slot {
  key: string
  runId: string
  path: string
}

export class Shared {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  async take({ key, runId, path, limit }: Slot & { limit: number }): Promise<SlotResult> {
    const { lanes, keys } = this.#store
    const answer = await lanes.write(SCRIPTS.take, keys.partitionOf(key), [key, `${runId}/${path}`, limit, runId])
    return answer === '1' ? { taken: true } : { taken: false, holders: await this.slots({ key }) }
  }

  async free(slots: Slot[]): Promise<void> {
    const { lanes, keys } = this.#store
    await Promise.all(slots.map(({ key, runId, path }) => lanes.write(SCRIPTS.free, keys.partitionOf(key), [key, `${runId}/${path}`, runId])))
  }

  /** In the order in which they were taken. */
  async slots(filter: { key: string } | { runId: string }): Promise<SlotHolder[]> {
    const held: Array<{ no: number; holder: SlotHolder }> = []
    if ('key' in filter) {
      const flat = list(await this.#store.connection.run(SCRIPTS.slots, [prefixOf(this.#store, filter.key)], [filter.key])).map(String)
      for (let index = 0; index < flat.length; index += 2) held.push(toHolder(filter.key, flat[index] ?? '', flat[index + 1] ?? ''))
    } else {
      const flat = (await everywhere(this.#store, SCRIPTS.slotsOf, [filter.runId])).map(String)
      for (let index = 0; index < flat.length; index += 3) held.push(toHolder(flat[index] ?? '', flat[index + 1] ?? '', flat[index + 2] ?? ''))
    }
    return held.sort((a, b) => a.no - b.no).map(({ holder }) => holder)
  }

  async value(key: string): Promise<{ value: Json; version: number } | undefined> {
    const [version, text] = list(await this.#store.connection.run(SCRIPTS.value, [prefixOf(this.#store, key)], [nowText(this.#store), key]))
    return version === undefined ? undefined : { value: parseJson<Json>(String(text), `the value ${key}`), version: Number(version) }
  }

  async putValue({ key, value, version, ttlMs }: { key: string; value: Json; version?: number; ttlMs?: number }): Promise<boolean> {
    const { lanes, keys } = this.#store
    return (await lanes.write(SCRIPTS.putValue, keys.partitionOf(key), [key, JSON.stringify(value), version ?? '', ttlMs ?? ''])) === '1'
  }
}

function toHolder(key: string, holder: string, text: string): { no: number; holder: SlotHolder } {
  const slash = holder.indexOf('/')
  const [no, since] = text.split(' ')
  return { no: Number(no), holder: { key, runId: holder.slice(0, slash), path: holder.slice(slash + 1), since: Number(since) } }
}
