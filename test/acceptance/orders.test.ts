/** E1-E17: failure, retries and compensation, on the order fulfilment sample with its stock in a file. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { historyOf, mag, project, runJson, samples, states, type Document, type Event, type Step } from './mag.ts'

const STOCK = { LAPTOP: 5, MOUSE: 20, KEYBOARD: 0, MONITOR: 3 }
const CARD = '4111 1111 1111 1111'
const item = (sku: unknown, quantity: unknown = 1) => ({ sku, quantity })

interface Ledger {
  stock: Record<string, number>
  reservations: Record<string, { active: boolean }>
  payments: Record<string, { active: boolean }>
  shipments: Record<string, { active: boolean }>
}

interface Ordered {
  code: number | null
  doc: Document
  dir: string
  stock: Record<string, number>
  /** How many stand: neither released, refunded nor cancelled. */
  active: { reservations: number; payments: number; shipments: number }
  /** How many there ever were. */
  made: { reservations: number; payments: number; shipments: number }
}

async function order(t: TestContext, input: unknown, dir = samples(t)): Promise<Ordered> {
  const { code, doc } = await runJson(['order_fulfilment', '--input', JSON.stringify(input)], { cwd: dir, env: { STOCK_FILE: 'stock.json' } })
  const file = join(dir, 'stock.json')
  const ledger: Ledger = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Ledger) : { stock: STOCK, reservations: {}, payments: {}, shipments: {} }
  const { stock, reservations, payments, shipments } = ledger
  const active = (entries: Record<string, { active: boolean }>) => Object.values(entries).filter((entry) => entry.active).length
  return {
    code, doc, dir, stock, active: { reservations: active(reservations), payments: active(payments), shipments: active(shipments) },
    made: { reservations: Object.keys(reservations).length, payments: Object.keys(payments).length, shipments: Object.keys(shipments).length },
  }
}

const stepOf = (doc: Document, id: string): Step => doc.steps.find((step) => step.id === id) ?? assert.fail(`no step ${id}`)
const pathsOf = (events: Event[], type: string): string[] => events.filter((event) => event.type === type).map(({ path }) => path ?? '')
const undoOrder = async (dir: string): Promise<string[]> => pathsOf(await historyOf(dir), 'compensation.completed')
const NONE = { reservations: 0, payments: 0, shipments: 0 }

function assertUndone({ code, doc, stock, active }: Ordered): void {
  assert.deepEqual([code, doc.state, doc.exitCode], [8, 'compensated', 8])
  assert.deepEqual([stock, active], [STOCK, NONE])
}

test('E1: reserve, charge, ship, confirm', async (t) => {
  const { code, doc, stock, active, made } = await order(t, { items: [item('LAPTOP'), item('MOUSE', 2)], amount: 1299.99, card: CARD })
  assert.deepEqual([code, doc.state], [0, 'completed'])
  assert.deepEqual(stock, { ...STOCK, LAPTOP: 4, MOUSE: 18 })
  assert.deepEqual([active, made], [{ reservations: 1, payments: 1, shipments: 1 }, { reservations: 1, payments: 1, shipments: 1 }])
  const { fee, amount, net_amount } = doc.stepResults.charge ?? {}
  assert.deepEqual([fee, amount, net_amount], [37.7, 1299.99, 1262.29])
  assert.equal(doc.stepResults.reserve?.reservation_status, 'complete')
})

test('E2: nothing in stock fails at reserve; nothing is charged, nothing is undone', async (t) => {
  const { code, doc, stock, made, dir } = await order(t, { items: [item('KEYBOARD', 5)], amount: 299.99, card: CARD })
  assert.deepEqual([code, doc.state, doc.error?.step, doc.error?.code], [1, 'failed', 'reserve', 'OUT_OF_STOCK'])
  assert.deepEqual([stock, made], [STOCK, NONE])
  assert.deepEqual(states(doc), { reserve: 'failed', charge: 'skipped', ship: 'skipped', confirm: 'skipped', mail_warning: 'skipped' })
  assert.deepEqual(doc.steps.filter(({ compensation }) => compensation), [])
  assert.ok(!(await historyOf(dir)).some(({ type }) => type.startsWith('compensation.')))
})

test('E3: a declined card releases the reservation, once, and nothing else', async (t) => {
  const ordered = await order(t, { items: [item('MONITOR')], amount: 399.99, card: '4111 1111 1111 0000' })
  assertUndone(ordered)
  assert.deepEqual([ordered.doc.error?.code, ordered.doc.error?.step, ordered.doc.error?.retryable], ['CARD_DECLINED', 'charge', false])
  assert.deepEqual(await undoOrder(ordered.dir), ['reserve'])
  assert.deepEqual(ordered.made, { reservations: 1, payments: 0, shipments: 0 })
  assert.deepEqual([stepOf(ordered.doc, 'ship').attempts, stepOf(ordered.doc, 'reserve').compensation?.attempts], [0, 1])
})

test('E4: the payment service is offline: released, and the error keeps its class', async (t) => {
  const ordered = await order(t, { items: [item('LAPTOP')], amount: 999.99, card: CARD, simulate: { offline: ['charge'] } })
  assertUndone(ordered)
  const { error } = ordered.doc
  assert.deepEqual([error?.code, error?.message, error?.attempt], ['ServiceOffline', 'the charge service is offline', 3])
  assert.deepEqual(await undoOrder(ordered.dir), ['reserve'])
})

test('E5: shipping is offline after the charge: refund, then release; no shipment is cancelled', async (t) => {
  const ordered = await order(t, { items: [item('LAPTOP')], amount: 999.99, card: CARD, simulate: { offline: ['ship'] } })
  assertUndone(ordered)
  assert.deepEqual(await undoOrder(ordered.dir), ['charge', 'reserve'])
  assert.equal(stepOf(ordered.doc, 'ship').compensation, undefined)
  assert.equal(stepOf(ordered.doc, 'charge').compensation?.worker, 'refund_payment')
})

test('E6: the confirmation fails for good: cancel, refund, release', async (t) => {
  const ordered = await order(t, { items: [item('LAPTOP')], amount: 999.99, card: CARD, simulate: { fatal: ['confirm'] } })
  assertUndone(ordered)
  assert.deepEqual(await undoOrder(ordered.dir), ['ship', 'charge', 'reserve'])
  assert.deepEqual(ordered.made, { reservations: 1, payments: 1, shipments: 1 })
})

test('E7: a mail that does not go out is a warning; the order stands', async (t) => {
  const ordered = await order(t, { items: [item('LAPTOP')], amount: 999.99, card: CARD, simulate: { mail_failure: true } })
  assert.deepEqual([ordered.code, ordered.doc.state, ordered.active], [0, 'completed', { reservations: 1, payments: 1, shipments: 1 }])
  assert.match(ordered.doc.warnings.map(({ message }) => message).join(), /the confirmation was not sent: the mail service is not available/)
  assert.deepEqual(await undoOrder(ordered.dir), [])
  const shown = await mag(['run', 'order_fulfilment', '--input', 'examples/order_mail_failure.json'], { cwd: ordered.dir })
  assert.match(shown.stderr, /warning .*the confirmation was not sent/)
})

test('E8: what there is is reserved, what there is not is told', async (t) => {
  const { code, doc, stock } = await order(t, { items: [item('LAPTOP'), item('KEYBOARD')], amount: 999.99, card: CARD })
  assert.equal(code, 0)
  const { reservation_status, reserved_count, failed_count, failed_items } = doc.stepResults.reserve ?? {}
  assert.deepEqual([reservation_status, reserved_count, failed_count, failed_items], ['partial', 1, 1, [{ sku: 'KEYBOARD', requested: 1, available: 0 }]])
  assert.deepEqual(stock, { ...STOCK, LAPTOP: 4 })
})

test('E9: an order without items fails at reserve, in one attempt, with nothing to undo', async (t) => {
  const { code, doc, made } = await order(t, { items: [], amount: 1, card: CARD })
  assert.deepEqual([code, doc.state, doc.error?.step, doc.error?.code, doc.error?.retryable], [1, 'failed', 'reserve', 'EMPTY_ORDER', false])
  assert.deepEqual([stepOf(doc, 'reserve').attempts, made], [1, NONE])
})

test('E10: a refund that fails for good: release still runs, a person is needed, and the exit code says so', async (t) => {
  const { code, doc, dir, stock, active } = await order(t, { items: [item('LAPTOP')], amount: 999.99, card: CARD, simulate: { offline: ['ship'], fatal: ['refund'] } })
  assert.deepEqual([code, doc.state], [9, 'compensation_failed'])
  assert.deepEqual([stock, active], [STOCK, { reservations: 0, payments: 1, shipments: 0 }])
  const { state, worker, error } = stepOf(doc, 'charge').compensation ?? assert.fail()
  assert.deepEqual([state, worker, error?.code, error?.details], ['failed', 'refund_payment', 'REFUSED', { service: 'refund', manual_action_needed: true }])
  assert.equal(stepOf(doc, 'reserve').compensation?.state, 'completed')
  assert.deepEqual(await undoOrder(dir), ['reserve'])
  const shown = await mag(['status', '@last'], { cwd: dir })
  assert.match(shown.stdout, /compensation failed[\s\S]*charge {2}not undone: refund_payment: REFUSED: refund was refused for good\n {4}needs a person/)
})

test('E11: a refund that fails twice is tried three times', async (t) => {
  const ordered = await order(t, { items: [item('LAPTOP')], amount: 999.99, card: CARD, simulate: { offline: ['ship'], fail: { refund: 2 } } })
  assertUndone(ordered)
  assert.equal(stepOf(ordered.doc, 'charge').compensation?.attempts, 3)
  assert.equal(stepOf(ordered.doc, 'reserve').compensation?.attempts, 1)
})

test('E12: an undo that is delivered twice raises the stock once; the second call finds nothing', async (t) => {
  const dir = samples(t, {
    'workers/twice.ts': `import { worker } from 'multiagents'
import release from './release_inventory.ts'
export default worker('release_twice', async (input: { context: never }, task) => ({ first: await release.run(input, task), second: await release.run(input, task) }))
`,
    'workflows/twice.yaml': 'steps:\n  - { id: reserve, worker: reserve_inventory, compensate: release_twice }\n  - { id: stop, fail: enough }\n',
  })
  const { code } = await runJson(['twice', '--input', JSON.stringify({ items: [item('LAPTOP', 2), item('MOUSE', 3)] })], { cwd: dir, env: { STOCK_FILE: 'stock.json' } })
  assert.equal(code, 8)
  const undone = (await historyOf(dir)).find(({ type }) => type === 'compensation.completed')?.output as Record<'first' | 'second', { release_status: string; stock_levels: object }>
  assert.deepEqual([undone.first.release_status, undone.second.release_status], ['released', 'not_found'])
  assert.deepEqual([undone.first.stock_levels, undone.second.stock_levels], [STOCK, STOCK])
})

test('E13: a charge that fails twice is tried three times, after about 100 and 200 ms', async (t) => {
  const { code, doc, dir } = await order(t, { items: [item('MOUSE')], amount: 24.5, card: CARD, simulate: { fail: { charge: 2 } } })
  assert.deepEqual([code, doc.state, stepOf(doc, 'charge').attempts], [0, 'completed', 3])
  const events = await historyOf(dir)
  const waits = events.filter(({ type }) => type === 'step.retrying').map(({ at, dueAt, error }) => ({ ms: Date.parse(String(dueAt)) - Date.parse(at), code: (error as { code: string }).code }))
  assert.deepEqual(waits.map(({ code: why }) => why), ['ServiceError', 'ServiceError'])
  const [first, second] = waits.map(({ ms }) => ms)
  assert.ok(first !== undefined && first >= 79 && first <= 121, `${first} ms`)
  assert.ok(second !== undefined && second >= 159 && second <= 241, `${second} ms`)
  const again = events.filter(({ type, path }) => type === 'step.scheduled' && path === 'charge').map(({ attempt }) => attempt)
  assert.deepEqual(again, [1, 2, 3])
})

test('E14: what is not retryable has exactly one attempt, whatever the policy', async (t) => {
  const { doc } = await order(t, { items: [item('MONITOR')], amount: 5, card: '0000' })
  assert.equal(stepOf(doc, 'charge').attempts, 1)
  const dir = project(t, {
    'workers/w.ts': "import { NonRetryableError, worker } from 'multiagents'\nexport default worker('never', { retry: 5 }, () => { throw new NonRetryableError('no', { code: 'NEVER', details: { a: 1 } }) })\n",
    'workflows/never.yaml': 'steps:\n  - { id: a, worker: never, retry: { attempts: 3, delay: 1ms } }\n',
  })
  const never = await runJson(['never'], { cwd: dir })
  assert.deepEqual([never.code, never.doc.error?.code, never.doc.error?.details, never.doc.steps[0]?.attempts], [1, 'NEVER', { a: 1 }, 1])
})

test('E15: a step over its timeout of 1 s fails then, naming step and limit', async (t) => {
  const ordered = await order(t, { items: [item('MOUSE')], amount: 24.5, card: CARD, simulate: { slow: { ship: 10_000 } } })
  assertUndone(ordered)
  assert.deepEqual([ordered.doc.error?.code, ordered.doc.error?.step], ['TIMEOUT', 'ship'])
  assert.match(ordered.doc.error?.message ?? '', /"ship".*\b1s\b/)
  const { durationMs = 0, compensation } = stepOf(ordered.doc, 'ship')
  assert.ok(durationMs >= 990 && durationMs < 6_000, `${durationMs} ms`)
  assert.equal(compensation?.outcome, 'unknown', 'nobody knows what the carrier did')
  assert.deepEqual(await undoOrder(ordered.dir), ['ship', 'charge', 'reserve'])
})

test('E15: a late result changes nothing', async (t) => {
  const dir = project(t, {
    'workers/w.ts': `import { worker } from 'multiagents'
let release = () => {}
const late = new Promise<void>((resolve) => { release = resolve })
let returned: (value?: unknown) => void = () => {}
const ended = new Promise((resolve) => { returned = resolve })
export const deaf = worker('deaf', async () => { await late; setImmediate(returned); return { late: true } })
/** Lets the deaf one go on, and ends after it has. */
export const free = worker('free', async () => { release(); await ended; return {} })
`,
    'workflows/late.yaml': 'steps:\n  - { id: slow, worker: deaf, timeout: 1s, continue_on_error: true }\n  - { id: next, worker: free }\n  - { id: end, set: { ok: true } }\n',
  })
  const { code, doc } = await runJson(['late'], { cwd: dir })
  assert.deepEqual([code, doc.state, states(doc)], [0, 'completed', { slow: 'failed', next: 'completed', end: 'completed' }])
  assert.deepEqual([doc.steps[0]?.error?.code, doc.stepResults.slow], ['TIMEOUT', undefined])
  assert.deepEqual((await historyOf(dir)).filter(({ type, path }) => path === 'slow' && /completed|failed/.test(type)).map(({ type }) => type), ['step.failed'])
})

test('E16: payment and shipping are both broken: only payment fails, shipping is never called', async (t) => {
  const ordered = await order(t, { items: [item('LAPTOP')], amount: 999.99, card: CARD, simulate: { offline: ['charge', 'ship'] } })
  assertUndone(ordered)
  assert.equal(ordered.doc.error?.step, 'charge')
  assert.deepEqual([stepOf(ordered.doc, 'ship').state, stepOf(ordered.doc, 'ship').attempts], ['skipped', 0])
})

test('E17: a refusal returned as data has the same effect as a thrown one', async (t) => {
  const thrown = await order(t, { items: [item('MONITOR')], amount: 399.99, card: '4111 1111 1111 0000' })
  const told = await order(t, { items: [item('MONITOR')], amount: 399.99, card: '4111 1111 1111 0000', simulate: { decline_as_data: true } })
  assertUndone(told)
  assert.deepEqual([told.doc.error?.code, told.doc.error?.message, told.doc.error?.details?.payment_status], ['FAIL_IF', 'payment declined: card declined', 'declined'])
  assert.deepEqual(states(told.doc), states(thrown.doc))
  assert.deepEqual(await undoOrder(told.dir), await undoOrder(thrown.dir))
})

test('around E1-E9: other goods, other amounts, one warehouse', async (t) => {
  const dir = samples(t)
  const first = await order(t, { items: [item('MOUSE', 3), item('MONITOR', 2)], amount: 50, card: CARD }, dir)
  assert.deepEqual([first.stock, first.doc.stepResults.charge?.fee], [{ ...STOCK, MOUSE: 17, MONITOR: 1 }, 1.45])
  const second = await order(t, { items: [item('MONITOR', 2), item('GLOVES', 1), item('__proto__', 1), item('LAPTOP', 5)], amount: 0.01, card: CARD }, dir)
  assert.deepEqual(second.doc.stepResults.reserve?.failed_items, [{ sku: 'MONITOR', requested: 2, available: 1 }, { sku: 'GLOVES', requested: 1, available: 0 }, { sku: '__proto__', requested: 1, available: 0 }])
  assert.deepEqual([second.stock.LAPTOP, second.active.reservations, second.doc.stepResults.charge?.fee], [0, 2, 0])
  const third = await order(t, { items: [item('LAPTOP'), item('LAPTOP')], amount: 10, card: CARD }, dir)
  assert.deepEqual([third.code, third.doc.error?.code, third.stock], [1, 'OUT_OF_STOCK', second.stock])
  const own = await order(t, { items: [item('PEN', 7), item('PEN', 5)], stock: { PEN: 10 }, amount: 12, card: CARD })
  assert.deepEqual([own.stock.PEN, own.doc.stepResults.reserve?.failed_items], [3, [{ sku: 'PEN', requested: 5, available: 3 }]])
})

test('around E9: items and amounts of the wrong kind are refused, each by name, with nothing reserved or charged', async (t) => {
  const dir = samples(t)
  const wrong: Array<[input: object, code: number, says: RegExp]> = [
    [{ items: 'LAPTOP', amount: 1 }, 2, /items: must be a list, not a string/], [{ items: [item('LAPTOP')], amount: '12' }, 2, /amount: must be a number/],
    [{ amount: 1 }, 2, /items: is missing/], [{ items: [item('LAPTOP')], amount: 1, card: 4111 }, 2, /card: must be a string/],
    [{ items: [null], amount: 1 }, 1, /INVALID_ITEM: items\[0\]/], [{ items: [item('LAPTOP'), 'MOUSE'], amount: 1 }, 1, /INVALID_ITEM: items\[1\]/],
    [{ items: [item('LAPTOP', 0)], amount: 1 }, 1, /INVALID_ITEM/], [{ items: [item('LAPTOP', -1)], amount: 1 }, 1, /INVALID_ITEM/],
    [{ items: [item('LAPTOP', 1.5)], amount: 1 }, 1, /INVALID_ITEM/], [{ items: [item('LAPTOP', '2')], amount: 1 }, 1, /INVALID_ITEM/],
    [{ items: [item(7)], amount: 1 }, 1, /INVALID_ITEM/], [{ items: [item('LAPTOP')], amount: 1, stock: { LAPTOP: 'many' } }, 1, /INVALID_STOCK: stock\.LAPTOP/],
  ]
  for (const [input, expected, says] of wrong) {
    const { code, stderr } = await mag(['run', 'order_fulfilment', '--input', JSON.stringify(input)], { cwd: dir, env: { STOCK_FILE: 'stock.json' } })
    assert.equal(code, expected, stderr)
    assert.match(stderr, says)
  }
  assert.equal(existsSync(join(dir, 'stock.json')), false)
  for (const amount of [0, -5, 1e15]) {
    const ordered = await order(t, { items: [item('LAPTOP')], amount, card: CARD })
    assertUndone(ordered)
    assert.equal(ordered.doc.error?.code, 'INVALID_AMOUNT')
  }
})
