/** Group commit when the disk fails under it: one stand-in database that fails on demand. */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Writer } from '../../src/backend/sqlite/writer.ts'
import { MagError } from '../../src/model/error.ts'
import { rejectsWith } from './fixtures.ts'

/** A real database in memory whose COMMIT throws SQLite's `errcode` while it is set. */
function setting(): { writer: Writer; fail(errcode: number): void; count(): unknown } {
  const db = new DatabaseSync(':memory:')
  db.exec('CREATE TABLE t(a UNIQUE)')
  let failing = 0
  const commit = db.prepare('COMMIT')
  const stub = {
    run: () => {
      if (failing !== 0) throw Object.assign(new Error('injected'), { code: 'ERR_SQLITE_ERROR', errcode: failing })
      return commit.run()
    },
  }
  const failingDb = new Proxy(db, {
    get: (target, name) => {
      if (name === 'prepare') return (sql: string) => (sql === 'COMMIT' ? stub : target.prepare(sql))
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const writer = new Writer({ db: failingDb, path: '/nowhere/mag.db', now: () => 0, readOnly: false })
  return {
    writer,
    fail: (errcode) => {
      failing = errcode
    },
    count: () => db.prepare('SELECT count(*) AS n FROM t').get()?.['n'],
  }
}

const insert = (writer: Writer, value: number) => writer.write(() => writer.statement('INSERT INTO t VALUES (?)').run(value).changes)

test('a disk that is full rejects the whole group, undoes it, and the next one may succeed', async () => {
  const { writer, fail, count } = setting()
  fail(13)
  const group = await Promise.allSettled([insert(writer, 1), insert(writer, 2)])
  assert.deepEqual(group.map((each) => each.status === 'rejected' && each.reason instanceof MagError && each.reason.code), ['STORE_FULL', 'STORE_FULL'])
  assert.equal(count(), 0)
  fail(0)
  assert.equal(await insert(writer, 3), 1)
  writer.close()
})

test('after a failed fsync nothing is acknowledged any more', async () => {
  const { writer, fail, count } = setting()
  await insert(writer, 1)
  fail(1034)
  await rejectsWith(() => insert(writer, 2), 'STORE_IO')
  fail(0)
  await rejectsWith(() => insert(writer, 3), 'STORE_IO')
  assert.equal(count(), 1)
  writer.close()
})

test('a write that breaks does not take its group along', async () => {
  const { writer, count } = setting()
  const results = await Promise.allSettled([insert(writer, 1), insert(writer, 1), insert(writer, 2)])
  assert.deepEqual(results.map((each) => each.status), ['fulfilled', 'rejected', 'fulfilled'])
  assert.equal(count(), 2)
  writer.close()
})

test('a refusal is its own, and the transaction goes on', async () => {
  const { writer, count } = setting()
  const refused = writer.write(() => {
    throw new MagError('NO', 'no')
  })
  const results = await Promise.allSettled([insert(writer, 1), refused, insert(writer, 2)])
  assert.deepEqual(results.map((each) => each.status), ['fulfilled', 'rejected', 'fulfilled'])
  assert.equal(count(), 2)
  writer.close()
})

test('what was asked for before close is written, and what comes after is refused', async () => {
  const { writer } = setting()
  const before = insert(writer, 1)
  writer.close()
  assert.equal(await before, 1)
  await rejectsWith(() => insert(writer, 2), 'STORE_CLOSED')
})

test('more writes than one transaction takes all come through, in order', async () => {
  const { writer, count } = setting()
  await Promise.all(Array.from({ length: 10_000 }, (_, index) => insert(writer, index)))
  assert.equal(count(), 10_000)
  writer.close()
})
