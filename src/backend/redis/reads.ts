/** Reading: replies become records. Nothing here writes, and no cost grows with finished runs unless it lists them. */
import type { RunEvent, RunState } from '../../model/event.ts'
import type { Message } from '../../model/message.ts'
import type { InboxItem, ListFilter, LogLine, Owner, RunRecord } from '../backend.ts'
import { formatCursor, newestFirst, parseCursor } from '../common.ts'
import { script } from './connection.ts'
import { decodeRecord, list, parseJson } from './encode.ts'
import { refusal } from './fault.ts'
import { DUE, FIND, HISTORY, INBOX, LIST, NEXT_WAKE, ORPHANS } from './lua/queries.ts'
import { everywhere, prefixOf, type Store } from './store.ts'

const SCRIPTS = {
  find: script(FIND), list: script(LIST), history: script(HISTORY), inbox: script(INBOX), due: script(DUE), nextWake: script(NEXT_WAKE), orphans: script(ORPHANS),
}

const ALL_STATES: readonly RunState[] = [
  'pending', 'running', 'waiting', 'paused', 'compensating', 'completed', 'failed', 'compensated', 'cancelled', 'timed_out', 'compensation_failed',
]
/** Runs that one call looks at for each state before it answers: no call may hold the server up. */
const LOOKED_AT = 1_000
const LOG_PAGE = 1_000

export class Reads {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  async run(id: string): Promise<RunRecord | undefined> {
    return decodeRecord(id, await this.#store.connection.ask('HGETALL', `${prefixOf(this.#store, id)}:r:${id}`))
  }

  /** Ids are upper case before the first dash and lower case behind it, so a prefix of either case has one stored form. */
  async find(prefix: string, limit: number): Promise<string[]> {
    const start = prefix.slice(0, 3).toUpperCase() + prefix.slice(3).toLowerCase()
    const found = await everywhere(this.#store, SCRIPTS.find, [`[${start}`, `[${start}\u{10ffff}`, limit])
    return found.map(String).sort().slice(0, limit)
  }

  async list(filter: ListFilter): Promise<{ items: RunRecord[]; nextCursor: string | null }> {
    const { states = ALL_STATES, workflow = '', since = '-inf', parent, limit } = filter
    const mark = parseCursor(filter.cursor)
    const from = mark ? `${mark.createdAt}:${mark.id}` : ''
    const { keys, connection } = this.#store
    const groups = connection.isCluster ? keys.prefixes.map((prefix) => [prefix]) : [[...keys.prefixes]]
    const found = await Promise.all(groups.map((prefixes) => {
      // Children by their parent, everything else by its state.
      const indexes = typeof parent === 'string' ? [`:kids:${parent}`] : [...new Set(states)].map((state) => `:s:${state}`)
      const streams = prefixes.flatMap((_, place) => indexes.map((index) => ({ place: place + 1, index, mark: from })))
      const among = typeof parent === 'string' && filter.states ? `,${states.join(',')},` : ''
      return this.#listed(prefixes, streams, [limit + 1, since, workflow, LOOKED_AT, parent === null ? '-' : '', among])
    }))
    const all = found.flat().sort(newestFirst)
    const items = all.slice(0, limit)
    const last = items.at(-1)
    return { items, nextCursor: last && all.length > limit ? formatCursor(last) : null }
  }

  async #listed(prefixes: string[], streams: Array<{ place: number; index: string; mark: string }>, head: Array<string | number>): Promise<RunRecord[]> {
    const found: RunRecord[] = []
    const wanted = Number(head[0])
    const counts = new Map(streams.map((stream) => [stream, 0]))
    let open = streams
    while (open.length > 0) {
      const replies = list(await this.#store.connection.run(SCRIPTS.list, prefixes, [...head, ...open.flatMap(({ place, index, mark }) => [place, index, mark])]))
      const again = []
      for (const [no, stream] of open.entries()) {
        const [mark, rows] = list(replies[no])
        const records = toRecords(list(rows))
        found.push(...records)
        const count = (counts.get(stream) ?? 0) + records.length
        counts.set(stream, count)
        stream.mark = String(mark)
        if (stream.mark !== '' && count < wanted) again.push(stream)
      }
      open = again
    }
    return found
  }

  async history(runId: string, after: number, limit = Number.POSITIVE_INFINITY): Promise<RunEvent[]> {
    if (limit <= 0) return []
    const places = Number.isFinite(limit) ? limit : -1
    const [start, ...texts] = list(await this.#store.connection.run(SCRIPTS.history, [prefixOf(this.#store, runId)], [runId, after, places]))
    const events: RunEvent[] = []
    let expected = Number(start) + 1
    for (const [index, text] of texts.entries()) {
      if (text === '') continue
      if (events.length >= limit) break
      for (const event of parseJson<RunEvent[]>(String(text), runId)) {
        if (event.seq !== expected) throw broken(runId, expected)
        expected += 1
        if (event.seq > after) events.push(event)
      }
      const next = texts[index + 1]
      if (next !== undefined && next !== '' && expected !== Number(start) + index + 2) throw broken(runId, expected)
    }
    return events
  }

  async inbox(owner: Owner, limit: number): Promise<InboxItem[]> {
    const flat = await everywhere(this.#store, SCRIPTS.inbox, [owner.id, limit])
    const items: InboxItem[] = []
    for (let index = 0; index < flat.length; index += 2) items.push(toItem(String(flat[index]), String(flat[index + 1])))
    return items.sort((a, b) => a.id - b.id).slice(0, limit)
  }

  async inboxOf(runId: string): Promise<InboxItem[]> {
    const members = await this.#store.connection.ask('ZRANGE', `${prefixOf(this.#store, runId)}:i:${runId}`, 0, -1)
    return list(members).map((member) => toItem(runId, String(member)))
  }

  async due(owner: Owner, now: number, limit: number): Promise<RunRecord[]> {
    const records = toRecords(await everywhere(this.#store, SCRIPTS.due, [owner.id, now, limit]))
    return records.sort((a, b) => (a.wakeAt ?? 0) - (b.wakeAt ?? 0)).slice(0, limit)
  }

  async nextWake(owner: Owner): Promise<number | null> {
    const times = (await everywhere(this.#store, SCRIPTS.nextWake, [owner.id])).map(Number)
    return times.length > 0 ? Math.min(...times) : null
  }

  /** `alive`: ids of the processes whose lease lasts. */
  async orphans(limit: number, alive: string[]): Promise<RunRecord[]> {
    const rows = (await everywhere(this.#store, SCRIPTS.orphans, [limit, ...alive])).map(list)
    const ranked = rows.flatMap(([rank, id, fields]) => {
      const record = decodeRecord(String(id), fields)
      return record ? [{ rank: Number(rank), record }] : []
    })
    ranked.sort((a, b) => a.rank - b.rank || (a.record.wakeAt ?? 0) - (b.record.wakeAt ?? 0))
    return ranked.slice(0, limit).map(({ record }) => record)
  }

  async definition(hash: string): Promise<string | undefined> {
    const text = await this.#store.connection.ask('GET', `${prefixOf(this.#store, hash)}:d:${hash}`)
    return text === null ? undefined : String(text)
  }

  async logs(runId: string, { path, after = 0, limit }: { path?: string; after?: number; limit: number }): Promise<Array<LogLine & { no: number }>> {
    const found: Array<LogLine & { no: number }> = []
    for (let start = after; found.length < limit; start += LOG_PAGE) {
      const texts = list(await this.#store.connection.ask('LRANGE', `${prefixOf(this.#store, runId)}:l:${runId}`, start, start + LOG_PAGE - 1))
      for (const [index, text] of texts.entries()) {
        const line = parseJson<LogLine>(String(text), runId)
        if (found.length < limit && (path === undefined || line.path === path)) found.push({ ...line, no: start + index + 1 })
      }
      if (texts.length < LOG_PAGE) break
    }
    return found
  }
}

function toRecords(rows: unknown[]): RunRecord[] {
  return rows.flatMap((row) => {
    const [id, fields] = list(row)
    return decodeRecord(String(id), fields) ?? []
  })
}

function toItem(runId: string, member: string): InboxItem {
  const gap = member.indexOf(' ')
  return { id: Number(member.slice(0, gap)), runId, message: parseJson<Message>(member.slice(gap + 1), runId) }
}

function broken(runId: string, seq: number): Error {
  return refusal('STORE_CORRUPT', `the history of ${runId} is broken at event ${seq}`, 'mag doctor')
}
