/** What is made of a file: the definition that runs pin, where its steps stand, and which workers it names. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { checkWorkflow, WORKFLOW } from '../../src/definition/check.ts'
import { canonicalJson, hashDefinition } from '../../src/definition/hash.ts'
import { LATER_STEP_KEYS, LEAVES, MODIFIERS, STEP_ALIASES } from '../../src/definition/language-step.ts'
import { golden } from '../view/golden.ts'

const folder = new URL('./definitions/', import.meta.url)

for (const name of readdirSync(folder).filter((file) => file.endsWith('.yaml')).sort()) {
  test(`definitions/${name}`, () => {
    const text = readFileSync(new URL(name, folder), 'utf8')
    const { definition, hash, problems, workers, places } = checkWorkflow({ file: `workflows/${name}`, text })
    assert.ok(definition && problems.every(({ severity }) => severity === 'warning'), problems.filter(({ severity }) => severity === 'error').map(({ line, message }) => `${line}: ${message}`).join('\n'))
    assert.equal(hash, hashDefinition(definition))
    const shown = { definition: JSON.parse(canonicalJson(definition)) as unknown, workers, places, warnings: problems.map(({ line, column, message }) => `${line}:${column} ${message}`) }
    golden(new URL(name.replace('.yaml', '.json'), folder), `${JSON.stringify(shown, null, 2)}\n`)
  })
}

test('every key of the language is in them', () => {
  const text = readFileSync(new URL('everything.yaml', folder), 'utf8')
  const keys = [...Object.keys(WORKFLOW.keys), ...Object.keys(MODIFIERS), ...Object.keys(LEAVES), ...Object.keys(STEP_ALIASES), 'parallel', 'attempts', 'delay', 'backoff', 'factor', 'max_delay', 'jitter', 'on', 'not_on', 'message', 'code', 'details', 'until']
  for (const key of keys) if (!LATER_STEP_KEYS.has(key)) assert.match(text, new RegExp(`(^|[\\s{])${key}:`, 'm'), key)
})

test('the name is the file\'s where none is given; what is absent is not there', () => {
  const minimal = (file: string) => checkWorkflow({ file, text: 'steps: [{ id: a, worker: w }]' }).definition
  assert.deepEqual(minimal('workflows/send_mail.yaml'), { format: 1, name: 'send_mail', env: {}, secrets: [], steps: [{ id: 'a', kind: { type: 'worker', worker: 'w' }, needs: [] }], onFailure: [], finally: [] })
  assert.equal(minimal('a/b/c-d.yml')?.name, 'c-d')
  assert.equal(minimal('x.json')?.name, 'x')
  assert.equal(minimal('x.test.yaml'), undefined)
})
