/** What runs share: slots of concurrency keys, and small values. Changes are to be called within a write transaction. */
import type { Json } from '../../model/json.ts'
import type { SlotHolder, SlotResult } from '../backend.ts'
import type { Records } from './records.ts'
import type { Writer } from './writer.ts'

const HOLDERS = 'SELECT key, run AS runId, path, since FROM slot WHERE key = ? ORDER BY since'
/** Values whose time is over are removed a few at a time, whenever one is put. */
const SWEPT = 20

export interface Slot {
  key: string
  runId: string
  path: string
}

export class Shared {
  readonly #writer: Writer
  readonly #records: Records

  constructor(writer: Writer, records: Records) {
    this.#writer = writer
    this.#records = records
  }

  takeSlot({ key, limit, runId, path }: Slot & { limit: number }): SlotResult {
    if (this.#writer.row('SELECT 1 FROM slot WHERE key = ? AND run = ? AND path = ?', key, runId, path)) return { taken: true }
    const holders = this.#writer.rows<SlotHolder>(HOLDERS, key)
    if (holders.length >= limit) return { taken: false, holders: holders.map((holder) => ({ ...holder })) }
    this.#writer.statement('INSERT INTO slot(key, run, path, since) VALUES (?, ?, ?, ?)').run(key, runId, path, this.#writer.now())
    return { taken: true }
  }

  freeSlots(slots: readonly Slot[]): void {
    for (const { key, runId, path } of slots) this.#writer.statement('DELETE FROM slot WHERE key = ? AND run = ? AND path = ?').run(key, runId, path)
  }

  slots(filter: { key: string } | { runId: string }): SlotHolder[] {
    const rows = 'key' in filter
      ? this.#writer.rows<SlotHolder>(HOLDERS, filter.key)
      : this.#writer.rows<SlotHolder>('SELECT key, run AS runId, path, since FROM slot WHERE run = ? ORDER BY since', filter.runId)
    return rows.map((row) => ({ ...row }))
  }

  value(key: string): { value: Json; version: number } | undefined {
    const row = this.#writer.row<{ version: number; body: string }>('SELECT version, body FROM value WHERE key = ? AND (expires IS NULL OR expires > ?)', key, this.#writer.now())
    return row && { value: this.#records.parse<Json>(row.body), version: row.version }
  }

  putValue({ key, body, version, ttlMs }: { key: string; body: string; version?: number; ttlMs?: number }): boolean {
    const now = this.#writer.now()
    const there = this.#writer.row<{ version: number }>('SELECT version FROM value WHERE key = ?', key)?.version ?? 0
    if (version !== undefined && version !== (this.value(key)?.version ?? 0)) return false
    this.#writer.statement('DELETE FROM value WHERE key IN (SELECT key FROM value WHERE expires <= ? LIMIT ?)').run(now, SWEPT)
    this.#writer.statement('INSERT INTO value(key, version, body, expires) VALUES (?, ?, ?, ?) ON CONFLICT(key) DO UPDATE SET version = excluded.version, body = excluded.body, expires = excluded.expires')
      .run(key, there + 1, body, ttlMs === undefined ? null : now + ttlMs)
    return true
  }
}
