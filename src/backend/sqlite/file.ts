/**
 * Opens the database file, or refuses without having changed it. Never opens or reads the file by `fs`: closing such a
 * descriptor drops the POSIX locks of the whole process ("How To Corrupt An SQLite Database File", 2.2).
 */
import { accessSync, constants, mkdirSync, type Stats, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import type { MagError } from '../../model/error.ts'
import { corruptError, fullError, isBusy, readOnlyError, storeError, toStoreError } from './fault.ts'
import { APPLICATION_ID, migrate, SCHEMA_VERSION } from './schema.ts'

const BUSY_TIMEOUT_MS = 5_000
/** 32 MB of WAL before a commit pays for a checkpoint; idle moments and close do it earlier. */
const CHECKPOINT_PAGES = 8_192
const OPEN_ATTEMPTS = 100

export interface OpenFile {
  path: string
  readOnly: boolean
}

export async function openFile({ path, readOnly }: OpenFile): Promise<DatabaseSync> {
  preparePath(path, readOnly)
  const { DatabaseSync } = await import('node:sqlite')
  // Switching a fresh file to WAL needs it alone for a moment, and SQLite does not wait there: several first processes race.
  for (let attempt = 1; ; attempt++) {
    let db: DatabaseSync | undefined
    try {
      db = new DatabaseSync(readOnly ? readableAs(path) : path, { readOnly, timeout: BUSY_TIMEOUT_MS })
      prepareDatabase(db, { path, readOnly })
      return db
    } catch (error) {
      if (db?.isOpen) db.close()
      if (!isBusy(error) || attempt === OPEN_ATTEMPTS) throw toStoreError(error, path)
    }
    // Loaded where it is needed at all: a start has no time for it.
    await (await import('node:timers/promises')).setTimeout(10 + attempt)
  }
}

/**
 * In a folder that nobody may write to, SQLite cannot make the index that a WAL needs. Where there is no WAL either, nothing has been
 * written since the last checkpoint, and nobody can: the file itself is the whole store.
 */
function readableAs(path: string): string | URL {
  try {
    accessSync(dirname(path), constants.W_OK)
    return path
  } catch {
    if ((statOf(`${path}-wal`)?.size ?? 0) > 0) return path
    const url = pathToFileURL(path)
    url.searchParams.set('immutable', '1')
    return url
  }
}

function preparePath(path: string, readOnly: boolean): void {
  const folder = dirname(path)
  const stats = statOf(path)
  if (stats && !stats.isFile()) {
    const what = stats.isDirectory() ? 'a directory' : 'not a regular file'
    throw storeError('STORE_PATH', `the store ${path} is ${what}`, 'name a file, e.g. --store sqlite:.mag/mag.db')
  }
  // SQLite takes anything shorter than a header for an empty database, and would write over it.
  if (stats && stats.size > 0 && stats.size < 512) throw corruptError(path, 'it is too short for a database')
  if (!stats && readOnly) {
    throw storeError('STORE_MISSING', `there is no store at ${path} yet`, 'it appears with the first run: mag run <workflow>')
  }
  if (!stats) makeFolder(folder, path)
  if (!readOnly) {
    // SQLite would open such a file read-only without a word.
    requireAccess(folder, constants.W_OK | constants.X_OK, path)
    if (stats) requireAccess(path, constants.W_OK, path)
  }
  if (stats) requireAccess(path, constants.R_OK, path)
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    throw storeError('STORE_PATH', `the store ${path} cannot be reached: ${detail}`, 'check the path, its folders and links', error)
  }
}

function makeFolder(folder: string, path: string): void {
  const there = statOf(folder)
  if (there?.isDirectory()) return
  if (there) throw storeError('STORE_PATH', `the store ${path} cannot be made: ${folder} is a file, not a folder`, 'move that file away, or choose another place with --store sqlite:<path>')
  try {
    mkdirSync(folder, { recursive: true })
    if (basename(folder) === '.mag') writeFileSync(join(folder, '.gitignore'), '*\n')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') throw fullError(path, error)
    throw readOnlyError(path, error)
  }
}

function requireAccess(what: string, mode: number, path: string): void {
  try {
    accessSync(what, mode)
  } catch (error) {
    throw readOnlyError(path, error)
  }
}

/** Looks before it writes: a file that will be refused must stay as it is, its journal mode included. */
function prepareDatabase(db: DatabaseSync, { path, readOnly }: OpenFile): void {
  const version = requireOurs(db, path)
  if (readOnly) {
    if (version < SCHEMA_VERSION) throw storeError('STORE_MISSING', `the store ${path} has not been set up by this version`, 'run any command that writes, e.g. mag run <workflow>')
    return
  }
  configure(db, path)
  if (version === SCHEMA_VERSION) return
  db.exec('BEGIN IMMEDIATE')
  try {
    // Another process may have migrated while this one waited for the lock.
    const current = requireOurs(db, path)
    if (current < SCHEMA_VERSION) migrate(db, current)
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

/** The schema's version; 0 for an empty file. */
function requireOurs(db: DatabaseSync, path: string): number {
  const version = Number(readPragma(db, 'user_version'))
  const application = readPragma(db, 'application_id')
  if (application === APPLICATION_ID && version <= SCHEMA_VERSION) return version
  if (application === APPLICATION_ID) {
    throw storeError('STORE_NEWER', `the store ${path} was written by a newer mag (schema ${version}, this one knows ${SCHEMA_VERSION})`,
      'update this installation: npm install multiagents@latest; or choose another place with --store sqlite:<path>')
  }
  const tables = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()
  if (version !== 0 || application !== 0 || tables?.['n'] !== 0) throw corruptError(path, 'it belongs to another program')
  return 0
}

/** The part of a connection that settings need; narrow, so that a test can stand in for a driver that does not obey. */
export type PragmaReader = Pick<DatabaseSync, 'exec'> & { prepare(sql: string): { get(): Record<string, unknown> | undefined } }

/** Asked for and read back: a driver that quietly answers `delete` would lose acknowledged commits (catalogue M23, B13). */
export function configure(db: PragmaReader, path: string): void {
  if (readPragma(db, 'journal_mode') !== 'wal') db.exec('PRAGMA journal_mode = WAL')
  db.exec(`PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA journal_size_limit = 67108864`)
  const wanted: Array<[string, unknown]> = [['journal_mode', 'wal'], ['synchronous', 2], ['busy_timeout', BUSY_TIMEOUT_MS], ['wal_autocheckpoint', CHECKPOINT_PAGES]]
  for (const [name, value] of wanted) {
    const actual = readPragma(db, name)
    if (actual === value) continue
    throw storeError('STORE_PRAGMA', `the store ${path} does not honour ${name}=${value} (it answers ${actual})`,
      'the store must lie on a local disk (no network or plug-in file system); choose another place with --store sqlite:<path>')
  }
}

export function readPragma(db: PragmaReader, name: string): unknown {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]
}

/** Identifies the file behind a path, to notice that it was replaced (catalogue B14). */
export function fileIdentity(path: string): string | null {
  try {
    const stats = statSync(path, { throwIfNoEntry: false })
    return stats ? `${stats.dev}:${stats.ino}` : null
  } catch {
    return null
  }
}

export function goneError(path: string): MagError {
  return storeError('STORE_GONE', `the store ${path} was moved, deleted or replaced while it was in use`, 'put the file back, then start again')
}
