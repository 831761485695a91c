/** Stores that cannot be used: each is refused with 7 and a way out; a disk that fills up loses nothing. Mounting needs root. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, chmodSync, closeSync, copyFileSync, existsSync, fstatSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { effects, five, letGo } from './five.ts'
import { mag, project, runJson, start, type Document } from './mag.ts'
import { base, refused } from './refusal.ts'

const run = (store: string) => ({ args: ['run', 'free', '--store', `sqlite:${store}`], code: 7 })
const list = (store: string) => ({ args: ['list', '--store', `sqlite:${store}`], code: 7 })

function sqlite(file: string, sql: string): void {
  const db = new DatabaseSync(file)
  db.exec(sql)
  db.close()
}

/** An empty store of mag's own, as its first run would leave it; made once. */
let made: string | undefined
function storeIn(dir: string, file: string): string {
  if (made === undefined) {
    made = mkdtempSync(join(tmpdir(), 'mag-store-'))
    const [node, bin] = [process.execPath, new URL('../../bin/mag', import.meta.url).pathname]
    mkdirSync(join(made, 'workflows'))
    writeFileSync(join(made, 'workflows/w.yaml'), 'steps:\n  - { id: a, set: { x: 1 } }\n')
    for (let i = 0; i < 3; i++) spawnSync(node, [bin, 'run', 'w', '-q', '--store', 'sqlite:mag.db'], { cwd: made })
  }
  copyFileSync(join(made, 'mag.db'), join(dir, file))
  return join(dir, file)
}
process.on('exit', () => made !== undefined && rmSync(made, { recursive: true, force: true }))

const newer = (dir: string): void => sqlite(storeIn(dir, 's.db'), 'PRAGMA user_version = 99')
const foreign = (dir: string): void => sqlite(join(dir, 's.db'), 'CREATE TABLE theirs(a); INSERT INTO theirs VALUES (1)')
const text = (dir: string): void => writeFileSync(join(dir, 's.db'), 'hello '.repeat(1_000))
const short = (dir: string): void => writeFileSync(join(dir, 's.db'), 'hello')
const noise = (dir: string): void => writeFileSync(join(dir, 's.db'), Buffer.alloc(100_000, 0xa5))
/** All pages but the first are overwritten. */
function damaged(dir: string): void {
  const fd = openSync(storeIn(dir, 's.db'), 'r+')
  for (let at = 4096; at < fstatSync(fd).size; at += 4096) writeSync(fd, Buffer.alloc(4096, 0xab), 0, 4096, at)
  closeSync(fd)
}

refused([
  { ...run('workflows'), name: 'store is a directory', says: [/STORE_PATH: .*workflows is a directory/, /--store sqlite:/] },
  { ...list('workflows'), name: 'store is a directory, for reading', says: [/STORE_PATH/, /directory/] },
  { ...run('/dev/zero'), name: 'store is a device', says: [/STORE_PATH: .*not a regular file/] },
  { ...run('workflows/one.yaml/mag.db'), name: 'store lies under a file', says: [/STORE_\w+: .*one\.yaml\/mag\.db/] },
  { ...run('/proc/mag.db'), name: 'store lies where nothing can be made', says: [/\/proc\/mag\.db/] },
  ...[run('s.db'), list('s.db')].flatMap((how, no) => [
    { ...how, name: `store from a newer version (${no})`, says: [/STORE_NEWER: .*s\.db.*schema 99/, /npm install multiagents@latest/], prepare: newer },
    { ...how, name: `store of another program (${no})`, says: [/STORE_CORRUPT: .*s\.db.*another program/], prepare: foreign },
    { ...how, name: `store is a text file (${no})`, says: [/STORE_CORRUPT: .*s\.db/], prepare: text },
    { ...how, name: `store is a short text file (${no})`, says: [/STORE_CORRUPT: .*s\.db/], prepare: short },
    { ...how, name: `store is noise (${no})`, says: [/STORE_CORRUPT: .*s\.db/], prepare: noise },
    { ...how, name: `store is damaged (${no})`, says: [/STORE_CORRUPT: .*s\.db/, /keep a copy/], prepare: damaged },
    { ...how, name: `store is cut short (${no})`, says: [/STORE_CORRUPT: .*s\.db/], prepare: (dir: string) => truncateSync(storeIn(dir, 's.db'), 20_000) },
  ]),
  { args: ['run', 'free', '--store', 'mongodb://x'], code: 2, name: 'store of an unknown kind', says: [/mongodb/, /sqlite:/] },
  { args: ['run', 'free', '--store', ''], code: 2, name: 'store without an address', says: [/STORE_URL/] },
  { args: ['run', 'free', '--store', 'sqlite:'], code: 2, name: 'store without a file', says: [/names no file/] },
  { args: ['list'], env: { MAG_STORE: 'nonsense' }, code: 2, name: 'store from the environment', says: [/STORE_URL: "nonsense"/] },
  { args: ['list'], files: { 'mag.config.yaml': 'store: nonsense\n' }, code: 2, name: 'store from the configuration', says: [/STORE_URL: "nonsense"/] },
])

test('a refused store is left as it was', async (t) => {
  for (const prepare of [newer, foreign, text, noise, damaged]) {
    const dir = project(t, base)
    prepare(dir)
    const before = readFileSync(join(dir, 's.db'))
    await mag(['run', 'free', '--store', 'sqlite:s.db'], { cwd: dir })
    assert.ok(before.equals(readFileSync(join(dir, 's.db'))))
  }
})

test('doctor names what is wrong with the store, and what to do', async (t) => {
  const dir = project(t, base)
  damaged(dir)
  const { code, stdout } = await mag(['doctor', '--store', 'sqlite:s.db'], { cwd: dir })
  assert.equal(code, 1)
  assert.match(stdout, /✖ store[^\n]*\n[^\n]*(keep a copy|recover)/)
})

/** A file system of its own, or undefined where that is not allowed. */
function tmpfs(t: TestContext, size: string): string | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'mag-mount-'))
  const mounted = process.getuid?.() === 0 && spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', dir]).status === 0
  t.after(() => {
    if (mounted) spawnSync('umount', [dir])
    rmSync(dir, { recursive: true, force: true })
  })
  if (mounted) return dir
  t.skip('SKIPPED: only root may mount a small disk; run as root to test this')
  return undefined
}

function fill(disk: string): void {
  try {
    for (;;) appendFileSync(join(disk, 'fill'), Buffer.alloc(1024))
  } catch {
    // Full, as wanted.
  }
}

test('a read-only store: refused with 7, naming it', { timeout: 60_000 }, async (t) => {
  const disk = tmpfs(t, '1m')
  if (!disk) return
  const dir = project(t, base)
  const store = ['--store', `sqlite:${disk}/mag.db`]
  assert.equal((await mag(['run', 'free', '-q', ...store], { cwd: dir })).code, 0)
  rmSync(join(dir, 'touched'))
  assert.equal(spawnSync('mount', ['-o', 'remount,ro', disk]).status, 0)
  const { code, stderr } = await mag(['run', 'free', ...store], { cwd: dir })
  assert.equal(code, 7)
  assert.match(stderr, /^error STORE_READONLY: the store \S+mag\.db cannot be written\n {2}hint {2}give this user the right/)
  assert.equal(existsSync(join(dir, 'touched')), false)
})

test('a read-only project folder: the refusal names the store', { skip: process.getuid?.() === 0 ? 'root writes anywhere; the read-only disk above is for root' : false }, async (t) => {
  const dir = project(t, base)
  chmodSync(dir, 0o555)
  const { code, stderr } = await mag(['run', 'free'], { cwd: dir })
  chmodSync(dir, 0o755)
  assert.equal(code, 7)
  assert.match(stderr, /error STORE_\w+: .*mag\.db/)
})

test('a full disk: no store can be made, or no run be started in one; refused with 7, and nothing has run', { timeout: 60_000 }, async (t) => {
  const disk = tmpfs(t, '256k')
  if (!disk) return
  const dir = project(t, base)
  const args = ['run', 'free', '--store', `sqlite:${disk}/mag.db`]
  fill(disk)
  for (const state of ['without a store', 'with one']) {
    const { code, stdout, stderr } = await mag(args, { cwd: dir })
    assert.deepEqual([code, stdout], [7, ''], state)
    assert.match(stderr, /^error STORE_(FULL: no space is left for|IO: the disk failed under) the store \S+mag\.db.*\n {2}hint {2}\S/, state)
    assert.equal(existsSync(join(dir, 'touched')), false, state)
    if (state === 'with one') break
    rmSync(join(disk, 'fill'))
    storeIn(disk, 'mag.db')
    fill(disk)
  }
  rmSync(join(disk, 'fill'))
  assert.equal((await mag(args, { cwd: dir })).code, 0, 'with space again, it works')
})

test('a disk that fills up in the middle of a run: it says so once, waits, and goes on when there is space', { timeout: 60_000 }, async (t) => {
  const disk = tmpfs(t, '512k')
  if (!disk) return
  const dir = project(t, five)
  const env = { MAG_STORE: `sqlite:${disk}/mag.db` }
  const running = start(['run', 'five', '-o', 'json'], { cwd: dir, env: { ...env, HOLD: 'b' } })
  await running.saw('holding b')
  fill(disk)
  letGo(dir)
  await running.saw(/waiting for the store: no space is left for the store \S+mag\.db; free some space/)
  const meanwhile = await mag(['status', '-o', 'json'], { cwd: dir, env })
  if (meanwhile.code === 0) assert.equal((JSON.parse(meanwhile.stdout) as Document).state, 'running')
  rmSync(join(disk, 'fill'))
  const { code, stdout, stderr } = await running.done
  assert.equal(code, 0, stderr)
  assert.equal(stderr.match(/waiting for the store/g)?.length, 1, 'once')
  assert.deepEqual([(JSON.parse(stdout) as Document).state, effects(dir)], ['completed', ['a', 'b', 'c', 'd', 'e']])
})

test('a disk that stays full: Ctrl-C ends the waiting; nothing acknowledged is lost, resume finishes', { timeout: 60_000 }, async (t) => {
  const disk = tmpfs(t, '512k')
  if (!disk) return
  const dir = project(t, five)
  const env = { MAG_STORE: `sqlite:${disk}/mag.db` }
  const running = start(['run', 'five'], { cwd: dir, env: { ...env, HOLD: 'b' } })
  await running.saw('holding b')
  fill(disk)
  letGo(dir)
  await running.saw('waiting for the store')
  running.child.kill('SIGINT')
  const { code } = await running.done
  assert.equal(code, 130)
  rmSync(join(disk, 'fill'))
  assert.equal((await mag(['resume', '@last'], { cwd: dir, env })).code, 0)
  assert.equal(effects(dir).filter((step) => step === 'a').length, 1, 'what was acknowledged does not run again')
})

test('an empty file becomes a store; memory: keeps nothing', async (t) => {
  const dir = project(t, { ...base, 's.db': '' })
  assert.equal((await mag(['run', 'free', '-q', '--store', 'sqlite:s.db'], { cwd: dir })).code, 0)
  assert.ok(statSync(join(dir, 's.db')).size > 0)
  const { code, doc } = await runJson(['free', '--store', 'memory:'], { cwd: dir })
  assert.deepEqual([code, doc.state, existsSync(join(dir, '.mag/mag.db'))], [0, 'completed', false])
})
