/**
 * The repository's own sample workers, loaded as a user's are and run in a pool: what the scenarios in test/acceptance
 * cannot reach from outside. A second attempt, a lock whose owner died, an undo that is delivered twice.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { loadWorkers } from '../../src/runtime/loader/loader.ts'
import { LIGHT } from './loader-fixture.ts'
import { outputOf, poolFixture } from './pool-fixture.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const cacheDir = mkdtempSync(join(tmpdir(), 'mag-samples-'))
after(() => rmSync(cacheDir, { recursive: true, force: true }))
const { workers, problems } = await loadWorkers({ projectDir: root, dirs: ['workers'], cacheDir, libraryUrl: LIGHT })
const pool = poolFixture()
for (const { definition } of workers) pool.add(definition)
let runs = 0

/** Each worker on the input overlaid with the outputs before it, as steps are; the last one's output. */
async function steps(names: string[], input: JsonObject, runId = `TX-20260103-145632-test${++runs}`): Promise<JsonObject> {
  let context = input
  let last: Json = {}
  for (const name of names) {
    const task = pool.task(name, { runId, input: context, idempotencyKey: `${runId}/${name}` })
    pool.pool.run(task)
    last = outputOf(await pool.outcome(task.token))
    context = { ...context, ...(last as JsonObject) }
  }
  return last as JsonObject
}

const fields = (value: JsonObject, ...names: string[]) => names.map((name) => value[name])

test('all samples load', () => {
  assert.deepEqual(problems, [])
  for (const name of ['validate_customer', 'check_duplicates', 'create_customer', 'send_welcome_email', 'update_analytics', 'reserve_inventory', 'refund_payment', 'clean_text']) {
    assert.ok(workers.some((worker) => worker.name === name), name)
  }
})

test('a second attempt of a step that did its work gives the same customer', async () => {
  const validated = await steps(['validate_customer'], { customer_data: { name: 'Cy', email: 'cy@example.com', phone: '5550002222' } })
  const [first, second] = [await steps(['create_customer'], validated, 'TX-1'), await steps(['create_customer'], validated, 'TX-1')]
  assert.equal(first['customer_id'], second['customer_id'])
})

test('S17 between processes, after one that died with the lock: one record in the file', async () => {
  const file = join(cacheDir, 'customers.json')
  // The lock of a process that died; the breaker looks twice.
  writeFileSync(`${file}.lock`, '999999999')
  const program = `
    import { jsonStore } from ${JSON.stringify(new URL('../../workers/lib/json-store.ts', import.meta.url).href)}
    const store = jsonStore('CUSTOMERS_FILE', () => [])
    await Promise.all(Array.from({ length: 25 }, (_, i) => store.update((all) => all.includes(i) ? null : all.push(i))))
  `
  const { spawn } = await import('node:child_process')
  const codes = await Promise.all(Array.from({ length: 4 }, () => new Promise<number | null>((resolve) => {
    spawn(process.execPath, ['--input-type=module', '-e', program], { env: { ...process.env, CUSTOMERS_FILE: file }, stdio: 'inherit' }).on('exit', resolve)
  })))
  assert.deepEqual(codes, [0, 0, 0, 0])
  assert.deepEqual((JSON.parse(readFileSync(file, 'utf8')) as number[]).sort((a, b) => a - b), Array.from({ length: 25 }, (_, i) => i))
  assert.equal(execFileSync('ls', [cacheDir], { encoding: 'utf8' }).includes('.lock'), false)
})

const stock = { LAPTOP: 5, MOUSE: 20, KEYBOARD: 0, MONITOR: 3 }

test('E12: each undo, delivered twice, undoes once', async () => {
  const input = { items: [{ sku: 'LAPTOP', quantity: 1 }, { sku: 'MOUSE', quantity: 2 }], amount: 1299.99, card: '4111', stock }
  const run = 'TX-20260103-145632-e1e1e1'
  const reserve = await steps(['reserve_inventory'], input, run)
  assert.deepEqual(reserve['stock_levels'], { LAPTOP: 4, MOUSE: 18, KEYBOARD: 0, MONITOR: 3 })
  const charge = await steps(['process_payment'], input, run)
  assert.deepEqual(fields(charge, 'fee', 'payment_status'), [37.7, 'charged'])
  const ship = await steps(['reserve_inventory', 'process_payment', 'create_shipment'], input, run)
  assert.deepEqual(ship['active'], { reservations: 1, payments: 1, shipments: 1 })
  for (const [undo, field, done] of [['cancel_shipment', 'cancel_status', 'cancelled'], ['refund_payment', 'refund_status', 'refunded'], ['release_inventory', 'release_status', 'released']] as const) {
    assert.equal((await steps([undo], { context: input }, run))[field], done)
    const again = await steps([undo], { context: input }, run)
    assert.equal(again[field], 'not_found')
    if (undo === 'release_inventory') assert.deepEqual([again['stock_levels'], again['active']], [stock, { reservations: 0, payments: 0, shipments: 0 }])
  }
})
