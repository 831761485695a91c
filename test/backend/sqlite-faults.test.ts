/** What the SQLite store does with files that are not as they should be: a refusal in words, or every acknowledged row. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import type { Backend } from '../../src/backend/backend.ts'
import { configure, type PragmaReader } from '../../src/backend/sqlite/file.ts'
import { SCHEMA_VERSION } from '../../src/backend/sqlite/schema.ts'
import { openSqlite } from '../../src/backend/sqlite/sqlite.ts'
import { MagError } from '../../src/model/error.ts'
import { created, creation, events, INFO, LEASE_MS, rejectsWith, runId, START } from './fixtures.ts'

const folder = mkdtempSync(join(tmpdir(), 'mag-faults-'))
const mounts: string[] = []
after(() => {
  for (const mount of mounts) spawnSync('umount', [mount])
  rmSync(folder, { recursive: true, force: true })
})

const now = () => START
const open = (path: string) => openSqlite({ path, now })

/** Refused with this code, exit 7, the path and a hint. */
async function refuses(path: string, code: string, readOnly = false): Promise<void> {
  await assert.rejects(openSqlite({ path, now, readOnly }), (error: unknown) => {
    assert.ok(error instanceof MagError, String(error))
    assert.deepEqual([error.code, error.exitCode], [code, 7], error.message)
    assert.ok(error.message.includes(path), error.message)
    assert.ok(error.hint)
    return true
  })
}

async function filled(name: string, runs = 40): Promise<string> {
  const path = join(folder, name)
  const backend = await open(path)
  const owner = await backend.join(INFO, LEASE_MS)
  for (let index = 0; index < runs; index++) await created(backend, owner, index, { count: 3 })
  await backend.close()
  return path
}

async function readAll(backend: Backend, runs = 40): Promise<void> {
  const { items } = await backend.list({ limit: 1_000 })
  assert.equal(items.length, runs)
  for (const { id } of items) assert.deepEqual(await backend.history(id, 0), events(0, 3))
}

/** Mounts as root where the system allows it; undefined elsewhere, and the caller says so. */
function mounted(name: string, ...options: string[]): string | undefined {
  const path = join(folder, name)
  mkdirSync(path, { recursive: true })
  if (spawnSync('mount', [...options, path]).status !== 0) return undefined
  mounts.push(path)
  return path
}

test('a store is durable across handles, with its write-ahead log folded in at close', async () => {
  const path = await filled('durable.db')
  assert.deepEqual(readdirSync(folder).filter((file) => file.startsWith('durable.db-')), [])
  const backend = await open(path)
  await readAll(backend)
  await backend.close()
})

test('a new project folder is told to git as ignored', async () => {
  const backend = await open(join(folder, 'project', '.mag', 'mag.db'))
  await backend.close()
  assert.equal(readFileSync(join(folder, 'project', '.mag', '.gitignore'), 'utf8'), '*\n')
})

test('a folder, a link to itself and a pipe are no store', async () => {
  await refuses(folder, 'STORE_PATH')
  symlinkSync('loop.db', join(folder, 'loop.db'))
  await refuses(join(folder, 'loop.db'), 'STORE_PATH')
  execFileSync('mkfifo', [join(folder, 'pipe.db')])
  await refuses(join(folder, 'pipe.db'), 'STORE_PATH')
})

test('a text file and another program\'s database are refused unchanged', async () => {
  const text = join(folder, 'notes.txt')
  writeFileSync(text, 'just some notes\n'.repeat(500))
  const short = join(folder, 'short.txt')
  writeFileSync(short, 'x')
  const foreign = join(folder, 'foreign.db')
  const db = new DatabaseSync(foreign)
  db.exec('CREATE TABLE theirs(a)')
  db.close()
  for (const path of [text, short, foreign]) {
    const before = readFileSync(path)
    await refuses(path, 'STORE_CORRUPT')
    await refuses(path, 'STORE_CORRUPT', true)
    assert.deepEqual(readFileSync(path), before)
    assert.deepEqual(readdirSync(folder).filter((file) => join(folder, file).startsWith(`${path}-`)), [])
  }
})

test('a store of a newer version is refused unchanged', async () => {
  const path = await filled('newer.db', 1)
  const db = new DatabaseSync(path)
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`)
  db.close()
  const before = readFileSync(path)
  await refuses(path, 'STORE_NEWER')
  assert.deepEqual(readFileSync(path), before)
})

test('reading only: a missing store is not made, an existing one is not written', async () => {
  const missing = join(folder, 'none', 'mag.db')
  await refuses(missing, 'STORE_MISSING', true)
  assert.equal(existsSync(join(folder, 'none')), false)
  const path = await filled('read.db')
  const backend = await openSqlite({ path, now, readOnly: true })
  await readAll(backend)
  await rejectsWith(() => backend.join(INFO, LEASE_MS), 'STORE_READONLY')
  await backend.close()
})

test('an empty file becomes a store', async () => {
  const path = join(folder, 'empty.db')
  writeFileSync(path, '')
  const backend = await open(path)
  await created(backend, await backend.join(INFO, LEASE_MS), 1)
  await backend.close()
})

test('a read-only disk is told, not written', async (t) => {
  const disk = mounted('frozen', '-t', 'tmpfs', 'tmpfs')
  if (!disk) return t.skip('NOT TESTED: mounting a read-only disk needs root')
  copyFileSync(await filled('thaw.db'), join(disk, 'mag.db'))
  assert.equal(spawnSync('mount', ['-o', 'remount,ro', disk]).status, 0)
  await refuses(join(disk, 'mag.db'), 'STORE_READONLY')
  await refuses(join(disk, 'new.db'), 'STORE_READONLY')
  await refuses(join(disk, 'new', 'mag.db'), 'STORE_READONLY')
})

test('settings that are not honoured are refused', () => {
  const driver = (answers: Record<string, unknown>): PragmaReader => ({
    exec: () => {},
    prepare: (sql) => ({ get: () => ({ value: answers[sql.replace('PRAGMA ', '')] }) }),
  })
  const good = { journal_mode: 'wal', synchronous: 2, busy_timeout: 5_000, wal_autocheckpoint: 8_192 }
  configure(driver(good), '/x')
  for (const broken of [{ journal_mode: 'delete' }, { synchronous: 1 }, { busy_timeout: 0 }]) {
    assert.throws(() => configure(driver({ ...good, ...broken }), '/x'), { code: 'STORE_PRAGMA', exitCode: 7 })
  }
})

test('a truncated file is refused or whole, never wrong', async () => {
  const source = await filled('whole.db')
  const size = readFileSync(source).length
  for (let cut = 1; cut <= 20; cut++) {
    const path = join(folder, 'cut.db')
    copyFileSync(source, path)
    truncateSync(path, Math.floor((size * cut) / 21))
    await refusedOrWhole(path)
  }
})

test('flipped bits are refused or harmless, never wrong', async () => {
  const source = await filled('sound.db')
  let seed = 7
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return (seed >>> 8) % below
  }
  for (let round = 0; round < 40; round++) {
    const path = join(folder, 'flipped.db')
    const bytes = readFileSync(source)
    const at = random(bytes.length)
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random(8)), at)
    writeFileSync(path, bytes)
    await refusedOrWhole(path)
  }
})

/** `check` stands for `mag doctor`: what reading alone cannot see, it must. */
async function refusedOrWhole(path: string): Promise<void> {
  let backend: Backend | undefined
  try {
    backend = await open(path)
    const results = await backend.check()
    if (results.every((result) => result.ok)) await readAll(backend)
  } catch (error) {
    assert.ok(error instanceof MagError, error instanceof Error ? error.stack : '')
    assert.ok(['STORE_CORRUPT', 'STORE_NEWER', 'STORE_IO', 'STORE_PATH'].includes(error.code), error.code)
  } finally {
    await backend?.close()
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
  }
}

test('without its -shm or -wal file a store opens', async () => {
  const path = await filled('side.db')
  const backend = await open(path)
  await backend.join(INFO, LEASE_MS)
  const copy = join(folder, 'side-copy.db')
  copyFileSync(path, copy)
  copyFileSync(`${path}-wal`, `${copy}-wal`)
  const recovered = await open(copy)
  assert.equal((await recovered.processes()).length, 2)
  await recovered.close()
  copyFileSync(path, copy)
  const without = await open(copy)
  await readAll(without)
  await Promise.all([without.close(), backend.close()])
})

test('a full disk acknowledges nothing it does not keep, and goes on when there is space', async (t) => {
  const disk = mounted('small', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs')
  if (!disk) return t.skip('NOT TESTED: mounting a small disk needs root')
  const path = join(disk, 'mag.db')
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(256 * 1024))
  const backend = await open(path)
  const owner = await backend.join(INFO, LEASE_MS)
  const acknowledged: string[] = []
  let failure: unknown
  for (let index = 0; failure === undefined && index < 2_000; index++) {
    const group = [0, 1, 2].map((part) => creation(runId(index * 3 + part), owner, { count: 20 }))
    const results = await Promise.allSettled(group.map((commit) => backend.commit([commit])))
    for (const [part, result] of results.entries()) {
      if (result.status === 'fulfilled') acknowledged.push(group[part]?.runId ?? '')
      else failure = result.reason
    }
  }
  assert.ok(failure instanceof MagError && failure.code === 'STORE_FULL', String(failure))
  assert.ok(acknowledged.length > 0)
  rmSync(join(disk, 'ballast'))
  acknowledged.push(await created(backend, owner, 99_999))
  await backend.close()
  const again = await open(path)
  const stored = new Set((await again.list({ limit: 10_000 })).items.map((item) => item.id))
  assert.deepEqual(acknowledged.filter((id) => !stored.has(id)), [])
  assert.deepEqual((await again.check()).filter((result) => !result.ok), [])
  await again.close()
})

test('a store that was replaced while open is not written any more', async () => {
  let time = START
  const path = join(folder, 'moved.db')
  const backend = await openSqlite({ path, now: () => time })
  const owner = await backend.join(INFO, LEASE_MS)
  rmSync(path)
  time += 2_000
  await rejectsWith(() => backend.renew(owner, LEASE_MS, 0), 'STORE_GONE')
  await rejectsWith(() => backend.commit([creation(runId(1), owner)]), 'STORE_GONE')
  await backend.close()
})
