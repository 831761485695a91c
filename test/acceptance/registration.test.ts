/** S1-S17, S21: the customer registration of the tutorial, through the command line, and around the listed cases. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { historyOf, installInto, mag, runJson, samples, startProgram, states, statusOf, type Document } from './mag.ts'

const STEPS = ['validate', 'check_duplicates', 'create_customer', 'send_email', 'update_analytics']
const ALICE = {
  name: 'Alice Johnson', email: 'alice.johnson@example.com', phone: '(555) 123-9999', address: '123 Main St, Anytown, USA', company: 'Tech Startup Inc',
}
/** The two that are there from the start. */
const JOHN = { email: 'john.doe@example.com', phone: '5551234567' }
const JANE = { email: 'jane.smith@company.com', phone: '5559876543' }

interface Customer {
  email: string
  phone: string
  record?: Record<string, unknown>
}

interface Registered {
  code: number | null
  doc: Document
  dir: string
  customers: Customer[]
}

/** One registration, with the customers in a file, so that what was stored can be looked at. */
async function register(t: TestContext, input: unknown, dir = samples(t)): Promise<Registered> {
  const { code, doc } = await runJson(['customer_registration', '--input', JSON.stringify(input)], { cwd: dir, env: { CUSTOMERS_FILE: 'customers.json' } })
  const file = join(dir, 'customers.json')
  return { code, doc, dir, customers: existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Customer[]) : [JOHN, JANE] }
}

const result = (doc: Document, step: string): Record<string, unknown> => doc.stepResults[step] ?? assert.fail(`no result of ${step}: ${JSON.stringify(doc.error)}`)
const pick = (value: object | undefined, ...names: string[]) => Object.fromEntries(Object.entries(value ?? {}).filter(([name]) => names.includes(name)))
const validated = (doc: Document) => (doc.stepResults.validate ?? doc.error?.details)?.validated_data as Record<string, unknown>

/** Stopped at the first failing step: later ones never began, and nobody was stored. */
function assertRejected({ code, doc, customers }: Registered, step: string): void {
  assert.deepEqual([code, doc.state, doc.exitCode, doc.error?.step, doc.currentStep], [1, 'failed', 1, step, null])
  const at = STEPS.indexOf(step)
  assert.deepEqual(doc.steps.map(({ state, attempts }) => [state, attempts]), STEPS.map((_, no) => (no < at ? ['completed', 1] : no === at ? ['failed', 1] : ['skipped', 0])))
  assert.equal(customers.length, 2, 'nobody was stored')
  for (const later of STEPS.slice(at)) assert.equal(doc.stepResults[later], undefined)
}

test('S1: a new customer goes through all five steps, each once and in order', async (t) => {
  const { code, doc, dir, customers } = await register(t, { customer_data: ALICE })
  assert.deepEqual([code, doc.state, doc.currentStep, doc.error, doc.warnings], [0, 'completed', null, null, []])
  assert.deepEqual(doc.steps.map(({ id, state, attempts }) => [id, state, attempts]), STEPS.map((id) => [id, 'completed', 1]))
  const events = await historyOf(dir, doc.transactionId)
  assert.deepEqual(events.map(({ seq }) => seq), events.map((_, no) => no + 1), 'dense from 1')
  for (const type of ['step.scheduled', 'step.completed']) assert.deepEqual(events.filter((event) => event.type === type).map(({ path }) => path), STEPS, type)

  assert.deepEqual(pick(result(doc, 'validate'), 'validation_status', 'validation_errors', 'field_count'), { validation_status: 'passed', validation_errors: [], field_count: 6 })
  assert.deepEqual(pick(validated(doc), 'name', 'email', 'phone', 'address', 'company'), { ...ALICE, phone: '5551239999' })
  assert.deepEqual(pick(result(doc, 'check_duplicates'), 'is_duplicate', 'duplicate_status', 'existing_customer'), { is_duplicate: false, duplicate_status: 'none', existing_customer: null })
  const { customer_id, creation_status } = result(doc, 'create_customer')
  assert.match(String(customer_id), /^CUST-/)
  assert.equal(creation_status, 'success')
  assert.deepEqual(pick(result(doc, 'send_email'), 'email_status', 'recipient'), { email_status: 'sent', recipient: ALICE.email })
  const { analytics_updated, metrics_recorded, metrics_count } = result(doc, 'update_analytics')
  assert.deepEqual([analytics_updated, metrics_count], [true, 3])
  assert.deepEqual((metrics_recorded as Array<{ metric: string }>).map(({ metric }) => metric), ['customer_registration', 'welcome_email_sent', 'registration_source'])
  assert.equal(customers.length, 3)
  assert.deepEqual(pick(customers[2]?.record, 'id', 'phone', 'status', 'source'), { id: customer_id, phone: '5551239999', status: 'active', source: 'registration_workflow' })
})

const DUPLICATES: Array<[id: string, email: string, phone: string, status: string, existing: object]> = [
  ['S2', 'john.doe@example.com', '(555) 999-8888', 'email', JOHN], ['S3', 'new.person@example.com', '555-987-6543', 'phone', JANE],
  ['S4', 'john.doe@example.com', '555-987-6543', 'both', JOHN], ['S5', 'john.doe@example.com', '555-123-4567', 'both', JOHN],
  ['S6', 'JOHN.DOE@EXAMPLE.COM', '555-222-3333', 'email', JOHN], ["around: Jane's address in mixed case, her own phone", 'Jane.Smith@Company.com', '+5559876543', 'both', JANE],
]
for (const [id, email, phone, status, existing] of DUPLICATES) {
  test(`${id}: a duplicate (${status}) is rejected before anything is stored or sent`, async (t) => {
    const registered = await register(t, { customer_data: { name: 'John Doe', email, phone } })
    assertRejected(registered, 'check_duplicates')
    const { error } = registered.doc
    assert.match(error?.message ?? '', /^duplicate customer: /)
    assert.deepEqual(pick(error?.details, 'is_duplicate', 'duplicate_status', 'existing_customer'), { is_duplicate: true, duplicate_status: status, existing_customer: existing })
  })
}

test('S2: a person is shown the reason and the existing customer, without a crash', async (t) => {
  const dir = samples(t)
  const { code, stdout, stderr } = await mag(['run', 'customer_registration', '--input', 'examples/customer_duplicate.json'], { cwd: dir })
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /FAIL_IF: duplicate customer: email already registered/)
  assert.match(stderr, /"existing_customer": \{ "email": "john\.doe@example\.com", "phone": "5551234567" \}/)
  assert.doesNotMatch(stderr, /TypeError|undefined/)
})

const INVALID: Array<[id: string, customer: unknown, errors: string[], fields: number]> = [
  ['S7', { name: 'Test User' }, ['Missing required field: email', 'Missing required field: phone'], 2],
  ['S8', { name: 'Test User', email: 'invalid-email', phone: '555-123-4567' }, ['Invalid email format'], 4],
  ['S9', { name: 'Test User', email: 'invalid-email', phone: '555-000-1111' }, ['Invalid email format'], 4],
  ['S10', { name: 'Test User', email: 'test@example.com', phone: '12345' }, ['Phone number must have at least 10 digits'], 4],
  ['S11', { email: 'x', phone: '12' }, ['Missing required field: name', 'Invalid email format', 'Phone number must have at least 10 digits'], 3],
  ['S13', { name: 42, email: 'test@example.com', phone: '555-000-1111' }, ['Field must be text: name'], 3],
]
for (const [id, customer_data, errors, fields] of INVALID) {
  test(`${id}: refused at validate, with exactly: ${errors.join('; ')}`, async (t) => {
    const registered = await register(t, { customer_data })
    assertRejected(registered, 'validate')
    const { error } = registered.doc
    assert.deepEqual(pick(error?.details, 'validation_status', 'validation_errors', 'field_count'), { validation_status: 'failed', validation_errors: errors, field_count: fields })
    assert.equal(error?.message, `validation failed: ${errors.join('; ')}`)
    assert.doesNotMatch(error?.message ?? '', /duplicate/)
  })
}

test('S12: blanks around are cut, and never stored', async (t) => {
  const { code, doc, customers } = await register(t, { customer_data: { name: '  Bo Li ', email: ' bo.li@example.com  ', phone: ' 555 000 2222 ' } })
  assert.equal(code, 0)
  assert.deepEqual(pick(validated(doc), 'name', 'email', 'phone'), { name: 'Bo Li', email: 'bo.li@example.com', phone: '5550002222' })
  assert.equal(customers[2]?.email, 'bo.li@example.com')
})

test('S14: the mail fails, the customer stays, and it is counted', async (t) => {
  const { code, doc, customers } = await register(t, { customer_data: ALICE, simulate_email_failure: true })
  assert.deepEqual([code, doc.state], [0, 'completed'])
  assert.deepEqual(pick(result(doc, 'send_email'), 'email_status', 'retry_recommended', 'recipient'), { email_status: 'failed', retry_recommended: true, recipient: ALICE.email })
  const metrics = result(doc, 'update_analytics').metrics_recorded as Array<{ metric: string }>
  assert.deepEqual(metrics.map(({ metric }) => metric), ['customer_registration', 'welcome_email_failed', 'registration_source'])
  assert.equal(customers.length, 3)
})

test('S15: the same person twice is a duplicate by e-mail', async (t) => {
  const first = await register(t, { customer_data: ALICE })
  assert.equal(first.code, 0)
  const second = await register(t, { customer_data: { ...ALICE, phone: '555 777 0000' } }, first.dir)
  assert.deepEqual([second.code, second.doc.error?.step, second.doc.error?.details?.duplicate_status], [1, 'check_duplicates', 'email'])
  const third = await register(t, { customer_data: ALICE }, first.dir)
  assert.deepEqual(third.doc.error?.details?.duplicate_types, ['email', 'phone'])
  assert.equal(third.customers.length, 3)
})

/** Registers all of `inputs.json` at once, in one process, and prints each run's document. */
const PROGRAM = `
import { readFileSync } from 'node:fs'
import { createFramework } from 'multiagents'
await using framework = await createFramework({ store: 'sqlite:.mag/mag.db', workflows: ['customer_registration'], workers: ['workers'] })
const { eventBus, workerManager, orchestrator } = framework
await eventBus.start()
await workerManager.start()
await orchestrator.start()
const inputs = JSON.parse(readFileSync('inputs.json', 'utf8'))
const documents = await Promise.all(inputs.map(async (input) => {
  const id = await orchestrator.executeWorkflow('customer_registration', input)
  const { state, error, stepResults } = await orchestrator.waitFor(id)
  return { transactionId: id, state, error, stepResults }
}))
process.stdout.write(JSON.stringify(documents))
`

async function registerAll(t: TestContext, customers: unknown[]): Promise<{ dir: string; docs: Document[] }> {
  const dir = samples(t, { 'program.mjs': PROGRAM, 'inputs.json': JSON.stringify(customers.map((customer_data) => ({ customer_data }))) })
  installInto(dir)
  const { code, stdout, stderr } = await startProgram(process.execPath, ['program.mjs'], { cwd: dir }).done
  assert.equal(code, 0, stderr)
  return { dir, docs: JSON.parse(stdout) as Document[] }
}

test('S16: a thousand people at once get a thousand customer and run ids', { timeout: 120_000 }, async (t) => {
  const people = Array.from({ length: 1_000 }, (_, i) => ({ name: `Person ${i}`, email: `person.${i}@example.org`, phone: String(6_000_000_000 + i) }))
  const { dir, docs } = await registerAll(t, people)
  assert.deepEqual([...new Set(docs.map(({ state }) => state))], ['completed'])
  assert.equal(new Set(docs.map(({ transactionId }) => transactionId)).size, 1_000)
  assert.equal(new Set(docs.map((doc) => result(doc, 'create_customer').customer_id)).size, 1_000)
  const { stdout } = await mag(['list', '--state', 'completed', '--limit', '2000', '-o', 'ids'], { cwd: dir })
  assert.equal(stdout.trim().split('\n').length, 1_000)
})

test('S17: the same person at the same moment, in one process and in six: one customer', { timeout: 120_000 }, async (t) => {
  const { docs } = await registerAll(t, Array.from({ length: 10 }, () => ALICE))
  assert.equal(docs.filter(({ state }) => state === 'completed').length, 1)

  const dir = samples(t)
  const env = { CUSTOMERS_FILE: 'customers.json' }
  const ended = await Promise.all(Array.from({ length: 6 }, () => runJson(['customer_registration', '--input', 'examples/customer_registration.json'], { cwd: dir, env })))
  assert.deepEqual(ended.map(({ code }) => code).sort(), [0, 1, 1, 1, 1, 1])
  for (const { doc } of ended.filter(({ code }) => code === 1)) assert.match(doc.error?.message ?? '', /^duplicate customer: /)
  const stored = (JSON.parse(readFileSync(join(dir, 'customers.json'), 'utf8')) as Customer[]).filter(({ email }) => email === ALICE.email)
  assert.equal(stored.length, 1)
})

const M = (field: string) => `Missing required field: ${field}`
const T = (field: string) => `Field must be text: ${field}`
const EMAIL = 'Invalid email format'
const PHONE = 'Phone number must have at least 10 digits'
const OK = { name: 'Zoë Ångström', email: 'zoe+list@sub.example.co.uk', phone: '+1 (555) 010-2030' }
const NEARBY: Array<[customer: unknown, errors: string[]]> = [
  [OK, []], [{ ...OK, email: 'a@b.co', phone: '0123456789' }, []], [{ ...OK, email: 'UPPER@CASE.ORG', phone: '555.010.2031', notes: '  hi ' }, []],
  [{}, [M('name'), M('email'), M('phone')]], [{ ...OK, name: null, phone: null }, [M('name'), M('phone')]], [{ ...OK, name: ' \t ' }, [M('name')]],
  [{ ...OK, email: '' }, [M('email')]], [{ ...OK, email: 7, phone: true }, [T('email'), T('phone')]], [{ ...OK, phone: 5551239999 }, [T('phone')]],
  [{ ...OK, name: { first: 'A' }, email: ['a@b.co'] }, [T('name'), T('email')]], [{ ...OK, address: 5, notes: {} }, [T('address'), T('notes')]],
  [{ ...OK, email: 'a b@c.de' }, [EMAIL]], [{ ...OK, email: '@c.de' }, [EMAIL]], [{ ...OK, email: 'a@c' }, [EMAIL]], [{ ...OK, email: 'a@@c.de' }, [EMAIL]],
  [{ ...OK, email: 'a@c.de, b@c.de' }, [EMAIL]], [{ ...OK, email: `${'x'.repeat(300)}@c.de` }, [EMAIL]], [{ ...OK, email: `${'a@'.repeat(50_000)}` }, [EMAIL]],
  [{ ...OK, phone: 'call me' }, [PHONE]], [{ ...OK, phone: '555-123-456' }, [PHONE]], [{ ...OK, email: 'nobody', phone: '1' }, [EMAIL, PHONE]],
]
test('around S7-S13: other people, other mistakes', async (t) => {
  const { docs } = await registerAll(t, NEARBY.map(([customer]) => customer))
  docs.forEach((doc, no) => {
    const [customer, errors] = NEARBY[no] ?? assert.fail()
    const about = JSON.stringify(customer).slice(0, 200)
    assert.equal(doc.state, errors.length === 0 ? 'completed' : 'failed', about)
    if (errors.length > 0) assert.deepEqual(doc.error?.details?.validation_errors, errors, about)
  })
  assert.deepEqual(pick(validated(docs[2] ?? assert.fail()), 'notes', 'phone'), { notes: 'hi', phone: '5550102031' })
})

test('around S1: what is no customer at all is refused before anything starts', async (t) => {
  const dir = samples(t)
  const wrong: Array<[string[], RegExp]> = [
    [[], /customer_data: is missing/], [['-i', 'customer_data=5'], /customer_data/], [['-i', 'customer_data:=[]'], /must be an object, not a list/],
    [['-i', 'customer_data:=null'], /not null/], [['--input', '{"customer_data":{},"simulate_email_failure":"yes"}'], /simulate_email_failure: must be a boolean/],
    [['--input', '{"customer_data":{},"simulate_mail_failure":true}'], /did you mean "simulate_email_failure"/],
  ]
  for (const [args, says] of wrong) {
    const { code, stdout, stderr } = await mag(['run', 'customer_registration', ...args], { cwd: dir })
    assert.deepEqual([code, stdout], [2, ''], stderr)
    assert.match(stderr, says)
  }
  assert.equal(existsSync(join(dir, '.mag/mag.db')), false)
})

test('around S1: a sample worker alone, on what it cannot use', async (t) => {
  const dir = samples(t)
  writeFileSync(join(dir, 'damaged.json'), '[{"email":')
  const alone: Array<[worker: string, input: string, env: Record<string, string>, says: RegExp]> = [
    ['check_duplicates', '{}', {}, /NOT_VALIDATED: validated_data\.name is missing/], ['create_customer', '{"validated_data":{"name":"A","email":5}}', {}, /NOT_VALIDATED: validated_data\.email/],
    ['check_duplicates', '{"validated_data":{"name":"A","email":"a@b.co","phone":"1"}}', { CUSTOMERS_FILE: 'damaged.json' }, /INVALID_FILE: damaged\.json, which CUSTOMERS_FILE names, is not JSON/],
  ]
  for (const [worker, input, env, says] of alone) {
    const { code, stderr } = await mag(['workers', 'run', worker, '--input', input], { cwd: dir, env })
    assert.equal(code, 1, stderr)
    assert.match(stderr, says)
  }
  const { code, stdout } = await mag(['workers', 'run', 'validate_customer', '--input', '{"customer_data":null}'], { cwd: dir })
  assert.deepEqual([code, (JSON.parse(stdout) as { validation_errors: string[] }).validation_errors], [0, [M('name'), M('email'), M('phone')]])
})

test('S21: the status of a run that nobody knows: not found, what to type, exit 6', async (t) => {
  const { dir } = await register(t, { customer_data: ALICE })
  for (const command of ['status', 'history', 'logs', 'resume', 'cancel']) {
    const { code, stdout, stderr } = await mag([command, 'TX-20260103-145632-k3f9q2ab'], { cwd: dir })
    assert.deepEqual([code, stdout], [6, ''], stderr)
    assert.match(stderr, /^error MAG2006: no run TX-20260103-145632-k3f9q2ab\n {2}hint {2}mag list\n$/)
  }
  assert.deepEqual(states(await statusOf(dir)), Object.fromEntries(STEPS.map((id) => [id, 'completed'])))
})
