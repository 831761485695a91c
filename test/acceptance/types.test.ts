/** Types from worker files to the line of a definition: what a change in a worker breaks is told before anything runs. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { installInto, mag, project, root, samples } from './mag.ts'

const NAMED = "import { worker } from 'multiagents'\n"

function replace(dir: string, file: string, before: string, after: string): void {
  const text = readFileSync(join(dir, file), 'utf8')
  assert.ok(text.includes(before), `${file} has ${before}`)
  writeFileSync(join(dir, file), text.replace(before, after))
}

test('the samples have no problems', async (t) => {
  const { code, stdout, stderr } = await mag(['validate'], { cwd: samples(t) })
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /3 workflows, 16 workers checked/)
})

test('an output field renamed in a worker is told at the line that reads it', async (t) => {
  const dir = samples(t)
  assert.equal((await mag(['validate'], { cwd: dir })).code, 0)
  replace(dir, 'workers/count_words.ts', 'word_count: words.length', 'words_count: words.length')
  const { code, stdout } = await mag(['validate'], { cwd: dir })
  assert.equal(code, 2)
  const line = readFileSync(join(dir, 'workflows/text_processing.yaml'), 'utf8').split('\n').findIndex((text) => text.includes('      word_count: ${{ steps.count.output.word_count }}')) + 1
  assert.match(stdout, new RegExp(`^workflows/text_processing\\.yaml:${line}:\\d+ error MAG1072: steps\\.count\\.output has no "word_count"$`, 'm'))
  assert.match(stdout, /Did you mean "words_count"\?/)
})

test('an input renamed in a worker is told where the worker is named, with what the context has', async (t) => {
  const dir = samples(t)
  replace(dir, 'workers/count_words.ts', '{ clean_text }: { clean_text: string }', '{ cleaned_text: clean_text }: { cleaned_text: string }')
  const { code, stdout } = await mag(['validate', '--json'], { cwd: dir })
  assert.equal(code, 2)
  const { types, problems } = JSON.parse(stdout) as { types: object; problems: Array<{ code: string; line: number; help: string }> }
  assert.deepEqual(types, { checked: true, reason: null })
  assert.deepEqual(problems.map((problem) => [problem.code, problem.help]), [['MAG1070', 'There is "clean_text" in the context: with: { cleaned_text: "${{ context.clean_text }}" }']])
})

test('a change of a child is told where it is started and where its result is read', async (t) => {
  const dir = project(t, {
    'workflows/child.yaml': 'inputs: { amount: { type: number } }\noutputs: { number: "${{ steps.count.output.n }}" }\nsteps:\n  - { id: count, set: { n: 1 } }\n',
    'workflows/middle.yaml': 'outputs: { number: "${{ steps.child.output.number }}" }\nsteps:\n  - { id: child, workflow: child, with: { amount: 1 } }\n  - { id: self, if: false, workflow: middle }\n',
    'workflows/parent.yaml': 'outputs: { text: "${{ string(steps.middle.output.number) }}" }\nsteps:\n  - { id: middle, workflow: middle }\n',
  })
  assert.deepEqual(await mag(['validate'], { cwd: dir }).then(({ code, stderr }) => [code, stderr]), [0, ''])
  replace(dir, 'workflows/child.yaml', 'amount: {', 'amount_cents: {')
  replace(dir, 'workflows/middle.yaml', 'outputs: { number', 'outputs: { invoice_number')
  const { code, stdout } = await mag(['validate'], { cwd: dir })
  assert.equal(code, 2)
  assert.match(stdout, /workflows\/middle\.yaml:3:\d+ error MAG1071: Workflow "child" has no input "amount"/)
  assert.match(stdout, /workflows\/parent\.yaml:1:\d+ error MAG1072: steps\.middle\.output has no "number"/)
  // Children in other files count where only one file is checked.
  assert.match((await mag(['validate', 'workflows/parent.yaml'], { cwd: dir })).stdout, /steps\.middle\.output has no "number"/)
})

test('codes are explained', async (t) => {
  const dir = project(t, {})
  for (const code of ['MAG1070', 'MAG1071', 'MAG1072', 'MAG1073', 'MAG1074', 'MAG1075', 'MAG1076', 'MAG1077']) {
    const { code: exit, stdout } = await mag(['explain', code], { cwd: dir })
    assert.equal(exit, 0)
    assert.match(stdout, new RegExp(code))
  }
})

test('without a usable TypeScript one line says so, and the rest is checked', async (t) => {
  const dir = project(t, {
    'workers/a.ts': `${NAMED}export default worker('a', () => ({ n: 1 }))\n`,
    'workflows/w.yaml': 'inputs: { n: { type: number } }\nsteps:\n  - { id: a, worker: a }\n  - { id: b, if: inputs.n, run: echo }\n  - { id: c, set: { x: "${{ steps.a.output.m }}" } }\n',
    // Found first, and of no use: it breaks off the search, as an own copy that is broken does.
    'node_modules/typescript/package.json': '{ "name": "typescript", "version": "9.9.9", "exports": { "./package.json": "./package.json" } }',
  })
  const { code, stdout, stderr } = await mag(['validate'], { cwd: dir })
  assert.equal(code, 2)
  assert.match(stderr, /^the types of workers were not checked: .*; .*docs\/types\.md$/m)
  assert.match(stdout, /workflows\/w\.yaml:4:18 error MAG1023: This gives a number where true or false belongs/)
  assert.doesNotMatch(stdout, /MAG1072/)
})

/** As libraries do that turn their schemas into JSON Schema. */
const SCHEMA = `const schema = (json) => ({ '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }), jsonSchema: { input: () => json.input, output: () => json.output } } })
const input = schema({ input: { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] }, output: {} })
const output = schema({ input: {}, output: { type: 'object', properties: { total: { type: 'number' } }, required: ['total'], additionalProperties: false } })
const broken = schema({ get input() { throw new Error('not representable') }, output: {} })
`

test('without TypeScript, schemas that become JSON Schema are known', async (t) => {
  const dir = project(t, {
    'workers/a.js': `${NAMED}${SCHEMA}export default [worker('a', { input, output }, () => ({ total: 1 })), worker('b', { input: broken }, () => ({}))]\n`,
    'workflows/w.yaml': 'steps:\n  - { id: a, worker: a, with: { m: 1 } }\n  - { id: b, worker: b, with: { n: "${{ steps.a.output.totl }}" } }\n',
    'node_modules/typescript/package.json': '{ "name": "typescript", "version": "9.9.9", "exports": { "./package.json": "./package.json" } }',
  })
  const { code, stdout } = await mag(['validate'], { cwd: dir })
  assert.equal(code, 2)
  assert.match(stdout, /w\.yaml:2:25 error MAG1070: Worker "a" needs "n" \(a number\)/)
  assert.match(stdout, /w\.yaml:3:\d+ error MAG1072: steps\.a\.output has no "totl"/)
  assert.match(stdout, /2 problems/)
})

test('types that come to nothing never keep a run from starting', async (t) => {
  const dir = project(t, {
    'workers/a.ts': `${NAMED}export default worker('a', () => ({ n: 1 }))\n`,
    'workflows/w.yaml': 'outputs: { m: "${{ steps.a.output.m }}" }\nsteps:\n  - { id: a, worker: a }\n',
  })
  assert.equal((await mag(['validate'], { cwd: dir })).code, 2)
  const { code, stdout } = await mag(['run', 'w'], { cwd: dir })
  assert.deepEqual([code, JSON.parse(stdout)], [0, { m: null }])
})

const CONFIG = JSON.stringify({
  compilerOptions: { target: 'es2024', lib: ['es2024', 'esnext.disposable'], module: 'nodenext', types: ['node'], strict: true, noEmit: true, allowImportingTsExtensions: true, skipLibCheck: false },
  include: ['**/*.ts'],
})

/** The errors of the real compiler: `file:line code`. */
function tsc(dir: string): string[] {
  const { stdout, error } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', dir, '--pretty', 'false'], { encoding: 'utf8', cwd: dir })
  if (error) throw error
  return [...stdout.matchAll(/^(\S+)\((\d+),\d+\): error (TS\d+)/gm)].map(([, file, line, code]) => `${file}:${line} ${code}`)
}

test('mag types: programs that start workflows, and workers, are typed', async (t) => {
  const dir = samples(t, {
    'tsconfig.json': CONFIG,
    'package.json': '{ "type": "module" }\n',
    'workflows/typed.yaml': 'description: "ends */ here"\ninputs:\n  amount: { type: number }\n  note: { type: string, default: none }\n  mode: { enum: [fast, slow], optional: true }\noutputs: { twice: "${{ steps.double.output.twice }}", odd-key: "${{ inputs.note }}" }\nsteps:\n  - { id: double, worker: double }\n',
    'workers/double.ts': "import { worker } from 'multiagents'\nexport default worker('double', (context) => ({ twice: context.amount * 2, upper: context.note.toUpperCase(), wrong: context.gone }))\n",
    'program.ts': `import { createFramework } from 'multiagents'
const { orchestrator } = await createFramework({ workflows: ['typed'], workers: ['workers'] })
const id = await orchestrator.executeWorkflow('typed', { amount: 2, mode: 'fast' })
const { output } = await orchestrator.waitFor(id)
const twice: number = output?.twice ?? 0
const note: string = (await orchestrator.getStatus(id)).output?.['odd-key'] ?? ''
await orchestrator.executeWorkflow('typed')
await orchestrator.executeWorkflow('typed', { amount: '2' })
await orchestrator.executeWorkflow('typed', { amount: 2, mode: 'quick' })
await orchestrator.executeWorkflow('typed', { amont: 2 })
const text: string = output?.twice ?? ''
await orchestrator.executeWorkflow('one that nobody declared', { anything: 1 })
const plain: string = 'TX-1'
const status = await orchestrator.waitFor(plain)
console.log(twice, note, text, status.output)
`,
  })
  installInto(dir)
  symlinkSync(join(root, 'node_modules/@types'), join(dir, 'node_modules/@types'))
  const before = tsc(dir)
  assert.ok(before.some((error) => error.startsWith('workers/double.ts')), before.join(', '))
  const { code, stdout } = await mag(['types', '--out', 'types/mag.d.ts'], { cwd: dir })
  assert.deepEqual([code, stdout], [0, 'types/mag.d.ts: 4 workflows\n'])
  assert.deepEqual(tsc(dir).sort(), ['program.ts:10 TS2561', 'program.ts:11 TS2322', 'program.ts:7 TS2554', 'program.ts:8 TS2322', 'program.ts:9 TS2322', 'workers/double.ts:2 TS2339'].sort())

  const { mtimeMs } = statSync(join(dir, 'types/mag.d.ts'))
  await mag(['types', '--out', 'types/mag.d.ts'], { cwd: dir })
  assert.equal(statSync(join(dir, 'types/mag.d.ts')).mtimeMs, mtimeMs, 'what did not change is not written')
  assert.equal((await mag(['types'], { cwd: dir })).stdout, readFileSync(join(dir, 'types/mag.d.ts'), 'utf8'))
})

test('mag types leaves out what has errors, and says so', async (t) => {
  const dir = project(t, { 'workflows/good.yaml': 'steps: [{ id: a, run: echo }]\n', 'workflows/bad.yaml': 'stps: []\n', 'workflows/renamed.yaml': 'name: Other-Name\nsteps: [{ id: a, return: { n: 1 } }]\n' })
  const { code, stdout, stderr } = await mag(['types'], { cwd: dir })
  assert.equal(code, 2)
  assert.match(stderr, /left out: workflows\/bad\.yaml has errors/)
  assert.match(stdout, /^ {4}good: \{$/m)
  assert.match(stdout, /^ {4}"Other-Name": \{$/m)
})
