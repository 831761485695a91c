/**
 * Group commit: all writes that are asked for in one turn of the event loop share one transaction and so one fsync; each
 * promise settles after COMMIT. Writes share the transaction, not the fate: a write checks before it changes anything, a
 * `MagError` thrown by it is a refusal that wrote nothing, and any other throw undoes the group and repeats it one by one.
 * Only a failure of the store itself (disk full, I/O) is everybody's. After an I/O error nothing is acknowledged any more.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { MagError } from '../../model/error.ts'
import type { Now } from '../backend.ts'
import { closedError } from '../common.ts'
import { fileIdentity, goneError } from './file.ts'
import { isFatal, isStoreFault, readOnlyError, toStoreError } from './fault.ts'

/** Longest group: bounds how long one transaction blocks the event loop. */
const GROUP_LIMIT = 4_096
const IDENTITY_CHECK_MS = 1_000
const IDLE_CHECKPOINT_MS = 1_000

interface Write {
  durable: boolean
  work: () => unknown
  resolve: (value: never) => void
  reject: (error: unknown) => void
  result: unknown
  refusal: MagError | undefined
}

export class Writer {
  readonly path: string
  readonly db: DatabaseSync
  readonly now: Now
  readonly #readOnly: boolean
  readonly #statements = new Map<string, StatementSync>()
  readonly #identity: string | null
  #identityCheckedAt: number
  #queue: Write[] = []
  #scheduled = false
  #broken: unknown
  #dataVersion: unknown
  #idleTimer: NodeJS.Timeout | undefined
  /** Moves on whenever another connection has written or a group was undone: whatever was cached before is stale. */
  generation = 0

  constructor(options: { db: DatabaseSync; path: string; now: Now; readOnly: boolean }) {
    this.db = options.db
    this.path = options.path
    this.now = options.now
    this.#readOnly = options.readOnly
    this.#identity = fileIdentity(options.path)
    this.#identityCheckedAt = options.now()
  }

  statement(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = this.db.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  rows<Row>(sql: string, ...parameters: SQLInputValue[]): Row[] {
    return this.#reading(() => this.statement(sql).all(...parameters)) as unknown as Row[]
  }

  row<Row>(sql: string, ...parameters: SQLInputValue[]): Row | undefined {
    return this.#reading(() => this.statement(sql).get(...parameters)) as unknown as Row | undefined
  }

  #reading<T>(read: () => T): T {
    if (!this.db.isOpen) throw closedError(this.path)
    try {
      return read()
    } catch (error) {
      // Within a transaction the group's own handling needs SQLite's code.
      throw this.db.isTransaction ? error : toStoreError(error, this.path)
    }
  }

  /**
   * `durable: false`: committed, but without waiting for the disk; the next durable commit makes it so. For what a power cut
   * makes pointless anyway: leases and goodbyes of processes that are gone then, and log lines.
   */
  write<T>(work: () => T, { durable = true }: { durable?: boolean } = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ durable, work, resolve, reject, result: undefined, refusal: undefined })
      if (this.#scheduled) return
      this.#scheduled = true
      setImmediate(this.#flush)
    })
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    if (this.#queue.length === 0) return
    const group = this.#queue.length > GROUP_LIMIT ? this.#queue.splice(0, GROUP_LIMIT) : this.#queue
    if (group === this.#queue) this.#queue = []
    else {
      this.#scheduled = true
      setImmediate(this.#flush)
    }
    this.#run(group)
  }

  #run(group: Write[]): void {
    let failure: unknown
    const quick = !group.some((write) => write.durable) && this.db.isOpen
    try {
      if (quick) this.db.exec('PRAGMA synchronous = NORMAL')
      this.#begin()
      for (const write of group) this.#perform(write)
      this.statement('COMMIT').run()
    } catch (error) {
      failure = error
      this.#undo(error)
    } finally {
      if (quick && this.db.isOpen) this.db.exec('PRAGMA synchronous = FULL')
    }
    if (failure === undefined) return this.#settle(group)
    if (group.length > 1 && !isStoreFault(failure) && !(failure instanceof MagError)) {
      for (const write of group) this.#run([write])
      return
    }
    const error = toStoreError(failure, this.path)
    for (const write of group) write.reject(error)
  }

  #begin(): void {
    if (this.#broken !== undefined) throw this.#broken
    if (!this.db.isOpen) throw closedError(this.path)
    if (this.#readOnly) throw readOnlyError(this.path)
    this.#checkIdentity()
    this.statement('BEGIN IMMEDIATE').run()
    const version = this.statement('PRAGMA data_version').get()?.['data_version']
    if (version === this.#dataVersion) return
    this.#dataVersion = version
    this.generation += 1
  }

  #checkIdentity(): void {
    const now = this.now()
    if (now < this.#identityCheckedAt + IDENTITY_CHECK_MS && now >= this.#identityCheckedAt) return
    this.#identityCheckedAt = now
    if (fileIdentity(this.path) === this.#identity) return
    this.#broken = goneError(this.path)
    throw this.#broken
  }

  #perform(write: Write): void {
    write.refusal = undefined
    try {
      write.result = write.work()
    } catch (error) {
      if (!(error instanceof MagError)) throw error
      write.refusal = error
    }
  }

  #undo(error: unknown): void {
    this.generation += 1
    if (isFatal(error)) this.#broken ??= toStoreError(error, this.path)
    if (!this.db.isOpen || !this.db.isTransaction) return
    try {
      this.db.exec('ROLLBACK')
    } catch (failure) {
      // Without a rollback the next group would carry this one's writes along.
      this.#broken ??= toStoreError(failure, this.path)
    }
  }

  #settle(group: Write[]): void {
    for (const write of group) {
      if (write.refusal) write.reject(write.refusal)
      else write.resolve(write.result as never)
    }
    if (this.#idleTimer) this.#idleTimer.refresh()
    else this.#idleTimer = setTimeout(this.#checkpoint, IDLE_CHECKPOINT_MS).unref()
  }

  /** In a quiet moment, so that commits rarely pay for it. Passive: waits for nobody; what it leaves, the next one takes. */
  readonly #checkpoint = (): void => {
    this.#idleTimer = undefined
    if (this.#broken !== undefined || !this.db.isOpen) return
    try {
      this.statement('PRAGMA wal_checkpoint(PASSIVE)').get()
    } catch {
      // Nothing was promised: the WAL keeps everything, and a real fault will meet the next commit.
    }
  }

  /** What was asked for before is written; the rest is refused. */
  close(): void {
    clearTimeout(this.#idleTimer)
    while (this.#queue.length > 0) this.#flush()
    if (this.db.isOpen) this.db.close()
  }
}
