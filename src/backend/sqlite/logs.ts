/** Workers' log lines: kept beside the history, never part of it. */
import type { Json } from '../../model/json.ts'
import type { LogLine } from '../backend.ts'
import type { Records } from './records.ts'
import type { Writer } from './writer.ts'

interface LogRow {
  no: number
  path: string
  attempt: number
  at: number
  level: LogLine['level']
  body: string
}

export interface LogQuery {
  path?: string
  after?: number
  limit: number
}

export const LOG_QUERY = `SELECT no, path, attempt, at, level, body FROM log WHERE run = (SELECT no FROM run WHERE id = ?1)
  AND no > ?2 AND (?3 IS NULL OR path = ?3) ORDER BY no LIMIT ?4`

export class Logs {
  readonly #writer: Writer
  readonly #records: Records

  constructor(writer: Writer, records: Records) {
    this.#writer = writer
    this.#records = records
  }

  /** Lines of runs that do not exist are dropped. */
  append(lines: LogLine[]): void {
    for (const { runId, path, attempt, at, level, message, fields } of lines) {
      const run = this.#writer.row<{ no: number }>('SELECT no FROM run WHERE id = ?', runId)
      if (!run) continue
      const body = JSON.stringify(fields === undefined ? { message } : { message, fields })
      this.#writer.statement('INSERT INTO log(run, path, attempt, at, level, body) VALUES (?, ?, ?, ?, ?, ?)').run(run.no, path, attempt, at, level, body)
    }
  }

  read(runId: string, { path, after = 0, limit }: LogQuery): Array<LogLine & { no: number }> {
    const rows = this.#writer.rows<LogRow>(LOG_QUERY, runId, after, path ?? null, limit)
    return rows.map(({ body, ...row }) => ({ runId, ...row, ...this.#records.parse<{ message: string; fields?: Json }>(body) }))
  }
}
