/** What SQLite and the file system complain about, in words that say what to do. Every message names the file. */
import { MagError } from '../../model/error.ts'

const BUSY = 5
const LOCKED = 6
const READONLY = 8
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const NOTADB = 26
/** SQLITE_IOERR_SHMSIZE: the index of the WAL could not grow, which a full disk is the reason of. */
const IOERR_SHMSIZE = 4_874

/** SQLite's primary result code, or 0 when the error is not SQLite's. */
export function sqliteCode(error: unknown): number {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return 0
  return error.errcode & 0xff
}

/** The store itself failed: what happens to one write of a transaction happens to all of them. */
export function isStoreFault(error: unknown): boolean {
  return [BUSY, LOCKED, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB].includes(sqliteCode(error))
}

export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === BUSY || sqliteCode(error) === LOCKED
}

/** After this nobody knows what the disk holds: no later success may be believed. */
export function isFatal(error: unknown): boolean {
  return [IOERR, CORRUPT, NOTADB].includes(sqliteCode(error))
}

export function storeError(code: string, message: string, hint: string, cause?: unknown): MagError {
  return new MagError(code, message, { hint, exitCode: 7, ...(cause === undefined ? {} : { cause }) })
}

export function readOnlyError(path: string, cause?: unknown): MagError {
  const hint = 'give this user the right to write to the file and its folder, or choose another place with --store sqlite:<path>'
  return storeError('STORE_READONLY', `the store ${path} cannot be written`, hint, cause)
}

export function fullError(path: string, cause?: unknown): MagError {
  return storeError('STORE_FULL', `no space is left for the store ${path}`, 'free some space on its disk; what was acknowledged is safe', cause)
}

export function corruptError(path: string, detail: string, cause?: unknown): MagError {
  const hint = `keep a copy, then try: sqlite3 "${path}" .recover | sqlite3 recovered.db; or begin anew by moving the file away`
  return storeError('STORE_CORRUPT', `the store ${path} is damaged or no database of mag: ${detail}`, hint, cause)
}

/** Turns what SQLite threw into a refusal; other errors are faults in mag and pass unchanged. */
export function toStoreError(error: unknown, path: string): unknown {
  const detail = error instanceof Error ? error.message : String(error)
  if (error instanceof Error && 'errcode' in error && error.errcode === IOERR_SHMSIZE) return fullError(path, error)
  switch (sqliteCode(error)) {
    case BUSY:
    case LOCKED:
      return storeError('STORE_BUSY', `the store ${path} stayed locked by another process for 5 s`, 'find the process that holds it (mag ps), then try again', error)
    case READONLY:
      return readOnlyError(path, error)
    case FULL:
      return fullError(path, error)
    case IOERR:
      return storeError('STORE_IO', `the disk failed under the store ${path}: ${detail}`, 'check the disk, then start again; what was acknowledged before is safe', error)
    case CORRUPT:
    case NOTADB:
      return corruptError(path, detail, error)
    case CANTOPEN:
      return storeError('STORE_PATH', `the store ${path} cannot be opened: ${detail}`, 'check that its folder exists and can be written', error)
    default:
      return error
  }
}
