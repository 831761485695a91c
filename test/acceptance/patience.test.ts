/** What takes its time, limits of five and ten seconds, waited for side by side. */
import assert from 'node:assert/strict'
import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { effects, five, letGo } from './five.ts'
import { historyOf, mag, project, start, statusOf } from './mag.ts'
import { base } from './refusal.ts'

describe('limits that are waited for', { concurrency: true }, () => {
  test('D19: a step that does not finish within the grace is handed back, and is no failed attempt', { timeout: 60_000 }, async (t) => {
    const dir = project(t, five)
    const run = start(['run', 'five'], { cwd: dir, env: { HOLD: 'c' } })
    await run.saw('holding c')
    run.child.kill('SIGTERM')
    const stopped = await run.done
    assert.equal(stopped.code, 143, stopped.stderr)
    assert.equal((await mag(['resume', '@last'], { cwd: dir })).code, 0)
    assert.deepEqual(effects(dir), ['a', 'b', 'c', 'c', 'd', 'e'])
    assert.deepEqual((await historyOf(dir)).filter(({ type }) => /failed|lost|retrying/.test(type)), [])
  })

  test('H12: a top-level await that hangs is given up after 10 s; the others load, the file is named', { timeout: 60_000 }, async (t) => {
    const dir = project(t, { ...base, 'workers/hang.ts': 'await new Promise(() => setInterval(() => {}, 1000))\nexport const x = 1\n' })
    const result = await mag(['run', 'free'], { cwd: dir })
    assert.deepEqual([result.code, result.stdout], [0, '{"a":{}}\n'])
    assert.match(result.stderr, /workers\/hang\.ts:1:1 error MAG1101: the file was not loaded within 10s[\s\S]*top level/)
  })

  test('a store that is taken away in the middle of a run: the run stops with 7, and goes on once it is back', { timeout: 60_000 }, async (t) => {
    const dir = project(t, five)
    const running = start(['run', 'five'], { cwd: dir, env: { HOLD: 'b' } })
    await running.saw('holding b')
    renameSync(join(dir, '.mag'), join(dir, '.away'))
    await running.saw(/the store \S+mag\.db was moved, deleted or replaced/)
    letGo(dir)
    const { code, stderr } = await running.done
    assert.equal(code, 7, stderr)
    assert.match(stderr, /error STORE_GONE: the store \S+mag\.db was moved, deleted or replaced[\s\S]*hint {2}put the file back/)
    rmSync(join(dir, '.mag'), { recursive: true, force: true })
    renameSync(join(dir, '.away'), join(dir, '.mag'))
    assert.equal((await mag(['resume', '@last'], { cwd: dir })).code, 0)
    assert.deepEqual([...new Set(effects(dir))], ['a', 'b', 'c', 'd', 'e'])
  })

  test('a store that somebody has locked: who looks is not kept waiting; who writes waits, then is refused with 7', { timeout: 60_000 }, async (t) => {
    const dir = project(t, base)
    assert.equal((await mag(['run', 'free', '-q'], { cwd: dir })).code, 0)
    const db = new DatabaseSync(join(dir, '.mag/mag.db'))
    db.exec('BEGIN IMMEDIATE')
    assert.equal((await statusOf(dir)).state, 'completed')
    const waits = start(['run', 'free'], { cwd: dir })
    const refusal = await waits.done
    db.exec('ROLLBACK')
    db.close()
    assert.equal(refusal.code, 7, refusal.stderr)
    assert.match(refusal.stderr, /error STORE_BUSY: [\s\S]*hint/)
    assert.equal((await mag(['run', 'free', '-q'], { cwd: dir })).code, 0)
  })
})
