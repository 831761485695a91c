// The floor: the least a durable engine can do on node:sqlite with full history. One row update and one history row a step,
// all completions of one turn of the event loop in one transaction, the successor only after the commit. No retries,
// timeouts, templates, fencing or logs: a ceiling to be quoted against, not a product.
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const FAN = Number(process.env.FAN ?? 1000)
const JITTER = Number(process.env.JITTER_MS ?? 0)
const LENGTHS = { chain5: 5, chain50: 50, sleep: 5 }

export async function make(hooks) {
  const db = new DatabaseSync(path.join(process.env.DATA_DIR, 'reference.db'))
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE runs(id TEXT PRIMARY KEY, kind TEXT, state TEXT, step INTEGER, context TEXT, wake INTEGER) WITHOUT ROWID;
    CREATE TABLE history(run TEXT, seq INTEGER, kind TEXT, data TEXT, at INTEGER, PRIMARY KEY(run, seq)) WITHOUT ROWID;`)
  const insert = db.prepare('INSERT INTO runs VALUES(?,?,?,?,?,?)')
  const update = db.prepare('UPDATE runs SET state = ?, step = ?, context = ?, wake = ? WHERE id = ?')
  const append = db.prepare('INSERT INTO history VALUES(?,?,?,?,?)')
  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  let batch = []
  const flush = () => {
    const writes = batch
    batch = []
    begin.run()
    for (const { write } of writes) write()
    commit.run()
    for (const { resolve } of writes) resolve()
  }
  const durable = (write) => new Promise((resolve) => {
    if (batch.push({ write, resolve }) === 1) setImmediate(flush)
  })
  const user = async (id, step, context) => {
    hooks.step(id, step)
    if (JITTER > 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * JITTER))
    return { ...context, n: context.n + 1 }
  }

  async function fan(id, context) {
    await Promise.all(Array.from({ length: FAN }, async (_, k) => {
      const result = await user(id, k + 1, context)
      await durable(() => append.run(id, k + 1, 'branch', JSON.stringify(result), Date.now()))
    }))
    const result = await user(id, 'join', context)
    await durable(() => {
      update.run('done', 1, JSON.stringify(result), null, id)
      append.run(id, FAN + 1, 'join', '{}', Date.now())
    })
    hooks.done(id)
  }

  async function chain(kind, id, first) {
    let context = first
    for (let step = 0, length = LENGTHS[kind]; step < length; step++) {
      context = await user(id, step, context)
      const text = JSON.stringify(context)
      const parked = kind === 'sleep' && step === 0
      const state = step === length - 1 ? 'done' : parked ? 'sleeping' : 'ready'
      await durable(() => {
        update.run(state, step + 1, text, parked ? Date.now() + 3_600_000 : null, id)
        append.run(id, step + 1, 'step', text, Date.now())
      })
      if (parked) return
    }
    hooks.done(id)
  }

  return {
    async start() {},
    async submit(kind, id, context) {
      const text = JSON.stringify(context)
      await durable(() => {
        insert.run(id, kind, 'ready', 0, text, null)
        append.run(id, 0, 'start', text, Date.now())
      })
      void (kind === 'fan' ? fan(id, context) : chain(kind, id, context))
    },
    async stop() {
      db.close()
    },
  }
}
