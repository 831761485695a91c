/** The schema for editors and the checker give the same yes or no, as far as a schema can see. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { parseDocument } from 'yaml'
import { workflowSchema } from '../../src/definition/schema.ts'
import { isObject, type Json, type JsonObject } from '../../src/model/json.ts'
import { checkedCase, topics } from './corpus.ts'
import { validSamples } from './samples.ts'

// The library's declarations are those of CommonJS.
const { default: Ajv2020 } = createRequire(import.meta.url)('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js')

const schema = workflowSchema()
const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: false, keywords: ['deprecationMessage'] })
const validate = ajv.compile(schema)

function jsonOf(text: string): Json {
  return parseDocument(text, { version: '1.2', schema: 'core', uniqueKeys: false, merge: false, logLevel: 'silent' }).toJS({ maxAliasCount: -1 }) as Json
}

function accepts(value: Json): boolean {
  return validate(value)
}

test('it is a valid schema, and says what each key is for', () => {
  assert.ok(ajv.validateSchema(schema), JSON.stringify(ajv.errors))
  const described = (at: unknown): void => {
    if (Array.isArray(at)) at.forEach(described)
    if (!isObject(at)) return
    if (isObject(at['properties']) && at['title'] !== undefined) {
      for (const [key, property] of Object.entries(at['properties'])) assert.match(String((property as JsonObject).description), /^[A-Z`].*\.$/s, `${String(at['title'])}.${key}`)
    }
    Object.values(at).forEach(described)
  }
  described(schema)
})

test('every valid sample and every valid case of the corpus is accepted', () => {
  const samples = validSamples()
  assert.ok(samples.length >= 20)
  for (const { name, text } of samples) assert.ok(accepts(jsonOf(text)), `${name}: ${ajv.errorsText(validate.errors)}`)
})

/** What a schema can see. */
const STRUCTURAL = new Set(['MAG1003', 'MAG1013', 'MAG1014', 'MAG1015', 'MAG1030', 'MAG1032', 'MAG1033', 'MAG1040', 'MAG1041', 'MAG1021'])
/** Cases whose mistakes it cannot see all the same, and why. */
const UNSEEN: Readonly<Record<string, string>> = {
  'names.txt: a workflow without a name in a file whose name is none': 'the name of the file',
  'names.txt: ids of steps that are words of the expression language': 'a list of words that editors need not know',
  'inputs.txt: references': 'the schema of a schema stops at its keywords',
}

test('what the checker refuses for its structure, the schema refuses', () => {
  let seen = 0
  for (const topic of topics()) {
    for (const one of topic.cases) {
      const name = `${topic.name}: ${one.title.replace(/ \{.*$/, '')}`
      if (one.text.length > 100_000) continue
      const { problems } = checkedCase(one)
      if (!problems.some(({ code, severity }) => severity === 'error' && STRUCTURAL.has(code))) continue
      if (problems.some(({ code }) => ['MAG1001', 'MAG1002', 'MAG1005', 'MAG1006', 'MAG1009', 'MAG1012'].includes(code))) continue
      seen++
      assert.equal(accepts(jsonOf(one.text)), Object.hasOwn(UNSEEN, name), `${name} is ${Object.hasOwn(UNSEEN, name) ? 'seen' : 'accepted'}: ${problems.map(({ message }) => message).join('; ')}`)
    }
  }
  assert.ok(seen >= 50, `${seen}`)
})

const GOOD: JsonObject = { name: 'a', steps: [{ id: 'a', worker: 'w', timeout: '5m', retry: { attempts: 3, delay: '1s' } }] }

/** A change of the good one that is a mistake. */
const MISTAKES: ReadonlyArray<[string, JsonObject]> = [
  ['an unknown key of the workflow', { ...GOOD, nmae: 'x' }], ['no steps', { name: 'a' }], ['empty steps', { steps: [] }], ['steps in a map', { steps: { a: {} } }], ['a name with a space', { ...GOOD, name: 'a b' }],
  ['a number as version', { ...GOOD, version: 1 }], ['a bare number as timeout', { ...GOOD, timeout: 5 }], ['a bad duration', { ...GOOD, timeout: '5 minutes' }],
  ...([
    ['a step without an id', { worker: 'w' }], ['a step without a kind', { id: 'a' }], ['a step of two kinds', { id: 'a', worker: 'w', run: 'x' }], ['an unknown key', { id: 'a', worker: 'w', retires: 3 }], ['a bad id', { id: '1a', worker: 'w' }],
    ['a bad duration', { id: 'a', worker: 'w', timeout: '5x' }], ['a number as duration', { id: 'a', worker: 'w', timeout: 5 }], ['no tries', { id: 'a', worker: 'w', retry: 0 }], ['half a try', { id: 'a', worker: 'w', retry: 1.5 }],
    ['a text as retry', { id: 'a', worker: 'w', retry: '3' }], ['an unknown key of retry', { id: 'a', worker: 'w', retry: { atempts: 3 } }], ['a bad backoff', { id: 'a', worker: 'w', retry: { backoff: 'quadratic' } }], ['a bad delay', { id: 'a', worker: 'w', retry: { delay: 5 } }],
    ['a text as boolean', { id: 'a', worker: 'w', continue_on_error: 'yes' }], ['a bad worker', { id: 'a', worker: 'a b' }], ['a template as worker', { id: 'a', worker: '${{ x }}' }], ['a list as with', { id: 'a', worker: 'w', with: [1] }], ['a plain text as with', { id: 'a', worker: 'w', with: 'x' }],
    ['cwd on a worker', { id: 'a', worker: 'w', cwd: '/' }], ['retry on parallel', { id: 'a', parallel: { x: [] }, retry: 3 }], ['no branch', { id: 'a', parallel: {} }], ['a bad branch', { id: 'a', parallel: { 'a-b': [] } }], ['a bad step in a branch', { id: 'a', parallel: { x: [{ id: 'b' }] } }],
    ['a bad sleep', { id: 'a', sleep: 'soon' }], ['a number as sleep', { id: 'a', sleep: 5 }], ['a bad time', { id: 'a', sleep: { until: 'tomorrow' } }], ['no time', { id: 'a', sleep: {} }], ['a number as script', { id: 'a', run: 5 }], ['a bad variable', { id: 'a', run: 'x', env: { 'A-B': 'x' } }],
    ['a list as variable', { id: 'a', run: 'x', env: { A: [1] } }], ['a bad name in with of a script', { id: 'a', run: 'x', with: { 'a-b': 1 } }], ['no message', { id: 'a', fail: { code: 'X' } }], ['an unknown key of fail', { id: 'a', fail: { message: 'm', kode: 'X' } }],
    ['a message without its condition', { id: 'a', worker: 'w', fail_message: 'm' }], ['compensate without a worker', { id: 'a', worker: 'w', compensate: {} }], ['a bad on_crash', { id: 'a', worker: 'w', on_crash: 'ignore' }], ['needs in a map', { id: 'a', worker: 'w', needs: { b: 1 } }],
    ['a number as condition', { id: 'a', worker: 'w', if: 1 }], ['text as set', { id: 'a', set: 'x' }],
  ] as Array<[string, JsonObject]>).map(([what, step]): [string, JsonObject] => [what, { steps: [step] }]),
  ['an input that is text', { ...GOOD, inputs: { a: 'string' } }], ['an unknown type', { ...GOOD, inputs: { a: { type: 'strin' } } }], ['an unknown keyword', { ...GOOD, inputs: { a: { minlength: 1 } } }], ['a bad name of an input', { ...GOOD, inputs: { 'a-b': {} } }], ['a bad section', { ...GOOD, finally: [{ id: 'z' }] }],
]

test(`${MISTAKES.length} mistakes are refused by both`, () => {
  assert.ok(accepts(GOOD), ajv.errorsText(validate.errors))
  for (const [what, value] of MISTAKES) {
    assert.ok(!accepts(value), `${what} is accepted by the schema: ${JSON.stringify(value)}`)
    const one = { title: what, file: 'workflows/a.json', text: JSON.stringify(value), source: '', answer: '', workers: undefined, workflows: undefined }
    assert.equal(checkedCase(one).definition, undefined, `${what} is accepted by the checker: ${JSON.stringify(value)}`)
  }
})
