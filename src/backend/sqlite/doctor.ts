/** The checks behind `mag doctor`: slow and thorough, unlike everything else here. */
import type { CheckResult } from '../backend.ts'
import { readPragma } from './file.ts'
import { checksum } from './schema.ts'
import type { Writer } from './writer.ts'

export function checkStore(writer: Writer): CheckResult[] {
  return [checkVersion(writer), checkSettings(writer), ...checkIntegrity(writer)]
}

/** Before 3.51.3 a WAL that is reset while another connection writes could lose pages (catalogue B12). */
function checkVersion(writer: Writer): CheckResult {
  const version = String(writer.row<{ version: string }>('SELECT sqlite_version() AS version')?.version)
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  const ok = major * 1e6 + minor * 1e3 + patch >= 3_051_003
  return { name: 'sqlite', ok, detail: `SQLite ${version}`, ...(ok ? {} : { hint: 'update Node to the newest 24' }) }
}

function checkSettings(writer: Writer): CheckResult {
  const mode = readPragma(writer.db, 'journal_mode')
  const synchronous = readPragma(writer.db, 'synchronous')
  return { name: 'durability', ok: mode === 'wal' && synchronous === 2, detail: `journal_mode=${mode}, synchronous=${synchronous}` }
}

function checkIntegrity(writer: Writer): CheckResult[] {
  const hint = `keep a copy of ${writer.path}, then try: sqlite3 "${writer.path}" .recover | sqlite3 recovered.db`
  try {
    const problems = writer.rows<{ integrity_check: string }>('PRAGMA integrity_check(10)').map((row) => row.integrity_check)
    const ok = problems.length === 1 && problems[0] === 'ok'
    const pages: CheckResult = { name: 'integrity', ok, detail: ok ? 'all pages and indexes are sound' : problems.join('; '), ...(ok ? {} : { hint }) }
    return [pages, checkHistories(writer, hint)]
  } catch (error) {
    return [{ name: 'integrity', ok: false, detail: error instanceof Error ? error.message : String(error), hint }]
  }
}

/** Every commit's checksum, no gap in any run's history, and no run that has lost its end. */
function checkHistories(writer: Writer, hint: string): CheckResult {
  let commits = 0
  let broken = 0
  let previous = { run: 0, last: 0 }
  const statement = writer.db.prepare('SELECT run, seq, last, sum, events FROM history ORDER BY run, seq')
  for (const row of statement.iterate() as Iterable<{ run: number; seq: number; last: number; sum: number; events: string }>) {
    commits += 1
    const expected = row.run === previous.run ? previous.last + 1 : 1
    if (row.seq !== expected || checksum(row.events) !== row.sum) broken += 1
    previous = row
  }
  const cut = 'SELECT count(*) AS n FROM run WHERE seq > coalesce((SELECT max(last) FROM history WHERE history.run = run.no), 0)'
  broken += writer.row<{ n: number }>(cut)?.n ?? 0
  const ok = broken === 0
  return { name: 'histories', ok, detail: `${commits} commits, ${broken} broken`, ...(ok ? {} : { hint }) }
}
