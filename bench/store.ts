/**
 * What a durable step costs in the store alone: `commit` of this repository's SQLite backend beside the smallest engine
 * the disk and the runtime allow (one row update and one history row a step, group commit over a turn of the event
 * loop, synchronous=FULL). Both in this process, alternating; medians. Run: node bench/store.ts [rounds] [runs]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Backend, Commit, Owner } from '../src/backend/backend.ts'
import { openSqlite } from '../src/backend/sqlite/sqlite.ts'
import type { RunEvent } from '../src/model/event.ts'

const STEPS = 50
const IN_FLIGHT = 100
const rounds = Number(process.argv[2] ?? 7)
const runs = Number(process.argv[3] ?? 400)

async function inFlight(count: number, run: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < count) await run(next++)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
}

const runId = (index: number) => `TX-20260103-145632-${index.toString(36).padStart(8, '0')}`

function stepEvents(seq: number, step: number): RunEvent[] {
  const at = Date.now()
  return [
    { seq: seq + 1, at, type: 'step.completed', path: `step_${step}`, token: step + 1, output: { n: step + 1, name: 'no-op step' }, startedAt: at },
    { seq: seq + 2, at, type: 'step.scheduled', path: `step_${step + 1}`, attempt: 1, token: step + 2, worker: 'no_op', input: { n: step + 1, name: 'no-op step' } },
  ]
}

async function chain(backend: Backend, owner: Owner, index: number): Promise<void> {
  const id = runId(index)
  const commit = async (values: Omit<Commit, 'runId' | 'owner'>) => {
    const [result] = await backend.commit([{ runId: id, owner, ...values }])
    if (result?.status !== 'ok') throw new Error(`commit of ${id}: ${result?.status}`)
  }
  const createdAt = Date.now()
  const started: RunEvent = { seq: 1, at: createdAt, type: 'run.started', workflow: 'chain', definition: 'sha256:abc', input: { n: 0 } }
  await commit({ expectedSeq: 0, events: [started], create: { workflow: 'chain', definition: 'sha256:abc', inputHash: 'x', createdAt }, patch: { state: 'running' } })
  for (let step = 0; step < STEPS; step++) {
    const expectedSeq = 1 + 2 * step
    const events = stepEvents(expectedSeq, step)
    await commit({ expectedSeq, events, ...(step === STEPS - 1 ? { patch: { state: 'completed', finishedAt: Date.now() } } : {}) })
  }
}

async function product(folder: string): Promise<number> {
  const backend = await openSqlite({ path: join(folder, 'product.db'), now: Date.now })
  const owner = await backend.join({ host: 'bench', pid: process.pid, startToken: '', role: 'cli' }, 60_000)
  const start = performance.now()
  await inFlight(runs, (index) => chain(backend, owner, index))
  const elapsed = performance.now() - start
  await backend.close()
  return (runs * STEPS * 1_000) / elapsed
}

async function reference(folder: string): Promise<number> {
  const db = new DatabaseSync(join(folder, 'reference.db'))
  db.exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000;
    CREATE TABLE runs(id TEXT PRIMARY KEY, kind TEXT, state TEXT, step INTEGER, ctx TEXT, wake INTEGER) WITHOUT ROWID;
    CREATE TABLE history(run TEXT, seq INTEGER, kind TEXT, data TEXT, at INTEGER, PRIMARY KEY(run, seq)) WITHOUT ROWID;`)
  const insert = db.prepare('INSERT INTO runs VALUES(?,?,?,?,?,?)')
  const update = db.prepare('UPDATE runs SET state=?, step=?, ctx=?, wake=? WHERE id=?')
  const append = db.prepare('INSERT INTO history VALUES(?,?,?,?,?)')
  const [begin, commit] = [db.prepare('BEGIN IMMEDIATE'), db.prepare('COMMIT')]
  let group: Array<{ write: () => void; resolve: () => void }> = []
  const flush = () => {
    const writes = group
    group = []
    begin.run()
    for (const { write } of writes) write()
    commit.run()
    for (const { resolve } of writes) resolve()
  }
  const durable = (write: () => void) =>
    new Promise<void>((resolve) => {
      if (group.push({ write, resolve }) === 1) setImmediate(flush)
    })
  const start = performance.now()
  await inFlight(runs, async (index) => {
    const id = runId(index)
    let context = { id, n: 0, pad: 'x'.repeat(64) }
    await durable(() => {
      insert.run(id, 'chain', 'ready', 0, JSON.stringify(context), null)
      append.run(id, 0, 'start', JSON.stringify(context), Date.now())
    })
    for (let step = 0; step < STEPS; step++) {
      context = { ...context, n: context.n + 1 }
      const text = JSON.stringify(context)
      await durable(() => {
        update.run(step === STEPS - 1 ? 'done' : 'ready', step + 1, text, null, id)
        append.run(id, step + 1, 'step', text, Date.now())
      })
    }
  })
  const elapsed = performance.now() - start
  db.close()
  return (runs * STEPS * 1_000) / elapsed
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}

const results = { product: [] as number[], reference: [] as number[] }
for (let round = 0; round < rounds; round++) {
  for (const [name, measure] of [['reference', reference], ['product', product]] as const) {
    const folder = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'mag-bench-'))
    results[name].push(await measure(folder))
    rmSync(folder, { recursive: true })
  }
}
const [ours, theirs] = [median(results.product), median(results.reference)]
console.log(`${runs} runs of ${STEPS} steps, ${IN_FLIGHT} in flight, medians of ${rounds}`)
console.log(`reference ${Math.round(theirs)} steps/s, backend ${Math.round(ours)} steps/s, ratio ${(ours / theirs).toFixed(2)}`)
