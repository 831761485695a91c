/** Several real processes on one SQLite file, and the queries that must stay cheap however many runs have ended. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LOG_QUERY } from '../../src/backend/sqlite/logs.ts'
import { QUERIES } from '../../src/backend/sqlite/records.ts'
import { openSqlite } from '../../src/backend/sqlite/sqlite.ts'
import { TASK_QUERIES } from '../../src/backend/sqlite/tasks.ts'

const folder = mkdtempSync(join(tmpdir(), 'mag-processes-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const program = fileURLToPath(new URL('writer-process.ts', import.meta.url))

interface Writer {
  kill(): void
  /** Run ids to the last acknowledged sequence number. */
  finished: Promise<{ acknowledged: Map<string, number>; errors: string; code: number | null }>
}

interface WriterOptions {
  first?: number
  runs: number
  steps: number
  onLine?: (lines: number) => void
  /** A program to run it under, with its arguments. */
  under?: string[]
}

function writer(path: string, { first = 0, runs, steps, onLine = () => {}, under = [] }: WriterOptions): Writer {
  const [command = '', ...args] = [...under, process.execPath, program, path, `${first}`, `${runs}`, `${steps}`]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    onLine(output.split('\n').length)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const finished = new Promise<Awaited<Writer['finished']>>((resolve) => {
    child.on('close', (code) => {
      // The last line may have been cut by a kill: an unfinished one acknowledges nothing.
      const lines = output.split('\n').slice(0, -1).map((line) => line.split(' '))
      resolve({ acknowledged: new Map(lines.map(([id = '', seq]) => [id, Number(seq)])), errors, code })
    })
  })
  return { kill: () => child.kill('SIGKILL'), finished }
}

test('two processes start on a fresh file, write and read at once: no lock is ever seen', async () => {
  const path = join(folder, 'shared.db')
  const writers = [0, 1_000].map((first) => writer(path, { first, runs: 20, steps: 50 }))
  const reader = await openSqlite({ path, now: Date.now })
  let running = true
  const finished = Promise.all(writers.map((each) => each.finished)).finally(() => {
    running = false
  })
  let reads = 0
  while (running) {
    const { items } = await reader.list({ limit: 100 })
    for (const { id } of items.slice(0, 5)) assert.ok((await reader.history(id, 0)).length <= 50)
    reads += 1
    await new Promise((resolve) => setImmediate(resolve))
  }
  const results = await finished
  assert.deepEqual(results.map(({ code, errors }) => [code, errors]), [[0, ''], [0, '']])
  assert.ok(reads > 0)
  for (const { acknowledged } of results) {
    assert.equal(acknowledged.size, 20)
    for (const id of acknowledged.keys()) assert.equal((await reader.history(id, 0)).length, 50)
  }
  await reader.close()
})

test('a process killed in mid-write loses nothing that was acknowledged', async () => {
  for (const after of [5, 60, 150]) {
    const path = join(folder, `killed-${after}.db`)
    const onLine = (lines: number) => {
      if (lines > after) child.kill()
    }
    const child: Writer = writer(path, { runs: 10, steps: 2_000, onLine })
    const { acknowledged } = await child.finished
    assert.ok(acknowledged.size > 0)
    await holds(path, acknowledged)
  }
})

async function holds(path: string, acknowledged: Map<string, number>): Promise<void> {
  const backend = await openSqlite({ path, now: Date.now })
  for (const [id, seq] of acknowledged) assert.ok((await backend.history(id, 0)).length >= seq, id)
  assert.deepEqual((await backend.check()).filter((result) => !result.ok), [])
  await backend.close()
}

test('when the disk fails under a process, what it acknowledged is there', async (t) => {
  if (spawnSync('strace', ['-V']).status !== 0) return t.skip('NOT TESTED: injecting disk faults needs strace')
  const faults: Array<[string, string]> = [
    ['fsync,fdatasync:error=EIO:when=30', 'STORE_IO'],
    ['pwrite64:error=EIO:when=90', 'STORE_IO'],
    ['pwrite64:error=ENOSPC:when=90+', 'STORE_FULL'],
    ['pwrite64:signal=SIGKILL:when=77', ''],
    ['fsync,fdatasync:signal=SIGKILL:when=25', ''],
  ]
  for (const [index, [fault, code]] of faults.entries()) {
    const path = join(folder, `fault-${index}.db`)
    // Which call syncs depends on how Node was built.
    const call = fault.split(':')[0] ?? ''
    const under = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${fault}`]
    const { acknowledged, errors, code: status } = await writer(path, { runs: 3, steps: 60, under }).finished
    assert.notEqual(status, 0, fault)
    assert.ok(errors.startsWith(code), `${fault}: ${errors}`)
    assert.ok(acknowledged.size > 0, fault)
    await holds(path, acknowledged)
  }
})

test('every query goes through an index, so that none grows with finished runs', async () => {
  const path = join(folder, 'plans.db')
  await (await openSqlite({ path, now: Date.now })).close()
  const db = new DatabaseSync(path, { readOnly: true })
  const statements = { ...QUERIES, ...TASK_QUERIES, logs: LOG_QUERY }
  // These tables hold only what is unhandled, held or recent.
  const small = /^SCAN (inbox|process|task|told|\(subquery)/
  for (const [name, sql] of Object.entries(statements)) {
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all().map((row) => String(row['detail']))
    for (const step of plan) {
      assert.ok(!step.startsWith('SCAN') || small.test(step), `${name}: ${step}`)
      assert.ok(!/TEMP B-TREE/.test(step) || name === 'lost' || name === 'orphansTold', `${name}: ${step}`)
    }
  }
  const uses = (name: keyof typeof QUERIES, index: string) => {
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${QUERIES[name]}`).all().map((row) => String(row['detail']))
    assert.ok(plan.some((step) => step.includes(index)), `${name}: ${plan.join('; ')}`)
  }
  uses('due', 'run_open')
  uses('nextWake', 'run_open')
  uses('orphansOwned', 'run_open')
  uses('orphansFree', 'run_open')
  uses('list', 'run_state')
  uses('inboxOf', 'inbox_run')
  db.close()
})
