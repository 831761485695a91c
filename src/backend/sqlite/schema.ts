/**
 * The tables, and how an older file becomes a newer one. Two rules decide the speed (measured before the first line):
 * everything refers to a run by its integer `no`, never by its text id, and a commit appends one row to `history`,
 * touching the run's own row only when it starts, waits or ends. Indexes that follow runs over time are partial, so that
 * no cost but the disk's grows with finished runs.
 *
 * `history` is UNIQUE(run, seq) with the commit's first sequence number: two commits that saw the same history collide
 * whatever their lengths. `last` is the commit's last number, so that nobody must parse JSON to know where a run stands.
 * `sum` finds bits that rotted inside the JSON, which SQLite itself would hand out unnoticed.
 */
import type { DatabaseSync } from 'node:sqlite'

/** "magw": tells our files from other programs' databases. */
export const APPLICATION_ID = 0x6d616777

const FIRST = `
CREATE TABLE process(
  no INTEGER PRIMARY KEY AUTOINCREMENT, info TEXT NOT NULL, joined_at INTEGER NOT NULL, lease_until INTEGER NOT NULL,
  state TEXT NOT NULL, busy INTEGER NOT NULL
) STRICT;
CREATE TABLE definition(hash TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE run(
  no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, workflow TEXT NOT NULL, definition TEXT NOT NULL, key TEXT, parent TEXT,
  input_hash TEXT NOT NULL, state TEXT NOT NULL, open INTEGER NOT NULL, seq INTEGER NOT NULL, owner INTEGER,
  wake_at INTEGER, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, finished_at INTEGER, note TEXT
) STRICT;
CREATE UNIQUE INDEX run_key ON run(key) WHERE key IS NOT NULL;
CREATE INDEX run_parent ON run(parent, created_at, id) WHERE parent IS NOT NULL;
CREATE INDEX run_open ON run(owner, wake_at) WHERE open = 1;
CREATE INDEX run_state ON run(state, created_at, id);
CREATE TABLE history(
  cursor INTEGER PRIMARY KEY, run INTEGER NOT NULL, seq INTEGER NOT NULL, last INTEGER NOT NULL, at INTEGER NOT NULL,
  sum INTEGER NOT NULL, events TEXT NOT NULL, UNIQUE(run, seq)
) STRICT;
CREATE TABLE inbox(id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, message TEXT NOT NULL) STRICT;
CREATE INDEX inbox_run ON inbox(run);
CREATE TABLE task(
  no INTEGER PRIMARY KEY, run INTEGER NOT NULL, token INTEGER NOT NULL, queue TEXT NOT NULL, worker TEXT NOT NULL,
  priority INTEGER NOT NULL, task TEXT NOT NULL, holder INTEGER, lease_until INTEGER NOT NULL, UNIQUE(run, token)
) STRICT;
CREATE INDEX task_ready ON task(queue, worker, priority DESC, no) WHERE holder IS NULL;
CREATE INDEX task_held ON task(holder) WHERE holder IS NOT NULL;
CREATE TABLE log(
  no INTEGER PRIMARY KEY, run INTEGER NOT NULL, path TEXT NOT NULL, attempt INTEGER NOT NULL, at INTEGER NOT NULL,
  level TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX log_run ON log(run);
CREATE TABLE slot(
  key TEXT NOT NULL, run TEXT NOT NULL, path TEXT NOT NULL, since INTEGER NOT NULL, PRIMARY KEY(key, run, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX slot_run ON slot(run);
CREATE TABLE value(key TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL, expires INTEGER) STRICT, WITHOUT ROWID;
CREATE INDEX value_expires ON value(expires) WHERE expires IS NOT NULL;
PRAGMA application_id = ${APPLICATION_ID};
`

/** Migration i leads from version i to i + 1. Never edit one that was released; append. */
const MIGRATIONS: readonly string[] = [FIRST]

export const SCHEMA_VERSION = MIGRATIONS.length

/** To be called within a write transaction, so that a kill leaves the old schema or the new one, never between. */
export function migrate(db: DatabaseSync, from: number): void {
  for (const step of MIGRATIONS.slice(from)) db.exec(step)
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
}

/** FNV-1a over UTF-16 units: enough to notice a flipped bit, cheap enough for every commit. */
export function checksum(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash
}
