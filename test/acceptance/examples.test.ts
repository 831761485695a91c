/** Every file in examples/ does what it is there to show; the README's commands are played by test/docs. */
import assert from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { installInto, mag, project, root, runJson, samples, startProgram } from './mag.ts'

test('examples/customer-registration.ts: the same workflow as a program', async (t) => {
  const dir = samples(t)
  installInto(dir)
  const { code, stdout, stderr } = await startProgram(process.execPath, ['examples/customer-registration.ts'], { cwd: dir }).done
  assert.deepEqual([code, stderr], [0, ''])
  const steps = ['validate', 'check_duplicates', 'create_customer', 'send_email', 'update_analytics']
  assert.match(stdout, /^registered 5 workers\n/)
  const [, alice = '', john = ''] = stdout.split(/\nregistering .*\n/)
  assert.match(alice, new RegExp(`^ {2}started TX-\\d{8}-\\d{6}-[0-9a-z]{6,}\\n${steps.map((step) => ` {2}completed ${step}\\n`).join('')} {2}completed\\n`))
  assert.match(alice, /customer_id: 'CUST-/)
  assert.match(alice, /metrics_count: 3/)
  assert.match(john, /^ {2}started TX-\S+\n {2}completed validate\n {2}failed: duplicate customer: email already registered\n/)
  assert.doesNotMatch(john, /create_customer|undefined/)
  assert.doesNotMatch(stdout, /^ *_/m)
})

test('examples/customer-registration.ts runs in this repository, as its first lines say', async (t) => {
  const { code, stderr } = await startProgram(process.execPath, [join(root, 'examples/customer-registration.ts')], { cwd: project(t, {}) }).done
  assert.equal(code, 0, stderr)
})

/** What each example ends with. */
const ENDS: Record<string, [workflow: string, code: number, says: RegExp]> = {
  'customer_registration.json': ['customer_registration', 0, /"creation_status":"success"/], 'customer_duplicate.json': ['customer_registration', 1, /duplicate customer: email already registered/],
  'customer_invalid_email.json': ['customer_registration', 1, /validation failed: Invalid email format/], 'customer_mail_failure.json': ['customer_registration', 0, /welcome_email_failed/],
  'order_success.json': ['order_fulfilment', 0, /"fee":37\.7/], 'order_out_of_stock.json': ['order_fulfilment', 1, /OUT_OF_STOCK/], 'order_card_declined.json': ['order_fulfilment', 8, /CARD_DECLINED/],
  'order_payment_offline.json': ['order_fulfilment', 8, /ServiceOffline/], 'order_shipping_offline.json': ['order_fulfilment', 8, /"refund_payment"/],
  'order_confirmation_refused.json': ['order_fulfilment', 8, /"cancel_shipment"/], 'order_mail_failure.json': ['order_fulfilment', 0, /the confirmation was not sent/],
  'order_partial.json': ['order_fulfilment', 0, /"reservation_status":"partial"/], 'order_refund_refused.json': ['order_fulfilment', 9, /"manual_action_needed":true/],
  'order_flaky_payment.json': ['order_fulfilment', 0, /"attempts":3/], 'order_slow_carrier.json': ['order_fulfilment', 8, /TIMEOUT/],
  'text.json': ['text_processing', 0, /WORKFLOWS \(20 words\): A workflow is data\./],
}

test('each input in examples/ is run here', () => {
  assert.deepEqual(readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.json')).sort(), Object.keys(ENDS).sort())
})

test('each input ends as its name says', { concurrency: 2 }, async (t) => {
  const dir = samples(t)
  for (const [name, [workflow, code, says]] of Object.entries(ENDS)) {
    await t.test(name, async () => {
      const ended = await runJson([workflow, '--input', `examples/${name}`], { cwd: dir })
      assert.equal(ended.code, code, ended.stderr)
      assert.match(JSON.stringify(ended.doc), says)
    })
  }
})

test('the samples are valid, loaded without a word, and listed', async (t) => {
  const dir = samples(t)
  const valid = await mag(['validate'], { cwd: dir })
  assert.deepEqual([valid.code, valid.stderr], [0, ''])
  assert.match(valid.stdout, /^✔ 3 workflows, 16 workers checked/)
  assert.equal((await mag(['workflows', 'list', '-o', 'ids'], { cwd: dir })).stdout, 'customer_registration\norder_fulfilment\ntext_processing\n')
})

test('text_processing: other texts, in other scripts; count and summarize run side by side', async (t) => {
  const dir = samples(t)
  const texts: Array<[text: string, words: number, report: string]> = [
    ['One. Two three!', 3, 'TEXT (3 words): One.'], ['word', 1, 'TEXT (1 word): word'], ['', 0, 'TEXT (0 words): '], [' \u0000\u0007 \n ', 0, 'TEXT (0 words): '],
    ['Größe ist egal. Ça va?', 5, 'TEXT (5 words): Größe ist egal.'], ['это тест. да', 3, 'TEXT (3 words): это тест.'],
  ]
  for (const [text, words, report] of texts) {
    const { code, doc } = await runJson(['text_processing', '--input', JSON.stringify({ text })], { cwd: dir })
    assert.deepEqual([code, (doc.output as { word_count: number }).word_count, (doc.output as { report: string }).report], [0, words, report], text)
  }
  const titled = await runJson(['text_processing', '-i', 'title=hello', '-i', 'text=a b'], { cwd: dir })
  assert.equal((titled.doc.output as { report: string }).report, 'HELLO (2 words): a b')
  for (const wrong of ['{}', '{"text":5}', '{"text":"a","title":null}']) assert.equal((await mag(['run', 'text_processing', '--input', wrong], { cwd: dir })).code, 2, wrong)
})

test("the README's first command, in a fresh clone", async (t) => {
  const dir = project(t, {})
  for (const name of ['workers', 'workflows', 'examples', 'README.md']) cpSync(join(root, name), join(dir, name), { recursive: true })
  const [, command = ''] = /npx mag (run customer_registration .*)/.exec(readFileSync(join(dir, 'README.md'), 'utf8')) ?? assert.fail('the README begins with a run')
  const { code, stdout } = await mag(command.trim().split(' '), { cwd: dir })
  assert.equal(code, 0)
  assert.match(stdout, /"creation_status":"success"/)
})
