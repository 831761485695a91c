/**
 * The pages come true: definitions are checked, TypeScript is checked against the package's own types, and each page is
 * played from top to bottom in a project of its own: files are written, commands and programs are run, and what the page
 * says that they print is what they print.
 */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { checkWorkflow } from '../../src/definition/check.ts'
import { matches, normal } from './match.ts'
import { page, pages, section, spans, tableRows, type Block, type Page } from './pages.ts'
import { openScratch, type Scratch } from './scratch.ts'

/** `yml` is for files that are no definitions, or that are meant to be wrong; `text` stands alone where nothing prints it. */
const LANGUAGES = new Set(['sh', 'ts', 'yaml', 'yml', 'json', 'text'])

let scratch: Scratch
before(async () => {
  scratch = await openScratch()
})
after(() => scratch?.remove())

for (const { name, blocks } of pages) {
  test(`${name}: its definitions are valid`, () => {
    for (const { language, file, text, line } of blocks) {
      assert.ok(LANGUAGES.has(language), `${name}:${line} is a block of "${language}": one of ${[...LANGUAGES].join(', ')}`)
      if (language !== 'yaml') continue
      const { problems } = checkWorkflow({ file: file ?? 'workflows/example.yaml', text }, { worker: () => undefined })
      assert.deepEqual(problems.map((problem) => `${name}:${line + problem.line} ${problem.message}`), [])
    }
  })
}

function write(project: string, file: string, text: string): void {
  mkdirSync(dirname(join(project, file)), { recursive: true })
  writeFileSync(join(project, file), text)
}

function programOf(block: Block): string {
  return block.file ?? `program-${block.line}.ts`
}

test('TypeScript examples fit the types of the package', async () => {
  const project = scratch.project('types')
  for (const { name, blocks } of pages) {
    for (const block of blocks.filter(({ language }) => language === 'ts')) write(project, `${name.replace(/\W/g, '-')}/${programOf(block)}`, block.text)
  }
  // The settings that docs/workers.md gives for editors are those that its examples are checked with.
  const settings = page('docs/workers.md').blocks.find(({ file }) => file === 'tsconfig.json')
  assert.ok(settings, 'docs/workers.md has a tsconfig.json')
  const { compilerOptions } = JSON.parse(settings.text) as { compilerOptions: object }
  write(project, 'tsconfig.json', JSON.stringify({ compilerOptions, include: ['**/*.ts'] }))
  const tsc = join(scratch.dir, 'node_modules/multiagents/node_modules/typescript/bin/tsc')
  const { code, output } = await scratch.run(process.execPath, [tsc, '-p', project], project)
  assert.equal(code, 0, output)
})

/** A page that stops half-way may leave a background process behind that would sleep for a day. */
async function endRuns(project: string): Promise<void> {
  const { output } = await scratch.run('mag', ['list', '--state', 'running,waiting,compensating', '-o', 'ids', '-q'], project)
  for (const id of output.split('\n').filter((line) => line.startsWith('TX-'))) await scratch.run('mag', ['cancel', id, '-q'], project)
}

async function play({ name, blocks }: Page, project: string): Promise<void> {
  const written = new Set<string>()
  for (const block of blocks) {
    const { language, text, file, line, prints } = block
    if (file !== undefined) {
      assert.ok(!written.has(file), `${name}:${line} ${file} stands twice on the page`)
      written.add(file)
      write(project, file, text)
    }
    const isProgram = language === 'ts' && !file?.startsWith('workers/')
    if (isProgram) write(project, programOf(block), text)
    if (language !== 'sh' && !isProgram) continue
    const { code, output } = await (language === 'sh' ? scratch.run('bash', ['-euo', 'pipefail', '-c', text], project) : scratch.run('node', [programOf(block)], project))
    assert.equal(code, 0, `${name}:${line} ended with ${code}:\n${text}\n${output}`)
    if (prints !== undefined) assert.ok(matches(prints, output), `${name}:${line} shows\n${normal(prints).join('\n')}\n\nbut there was\n${normal(output).join('\n')}`)
  }
  const { code, output } = await scratch.run('mag', ['workers', 'list', '-o', 'ids'], project)
  assert.equal(code, 0, `a worker file of ${name} cannot be loaded:\n${output}`)
}

describe('each page comes true, from top to bottom', { concurrency: 2 }, () => {
  for (const one of pages) if (one.blocks.some(({ language }) => language === 'sh' || language === 'ts')) test(one.name, async () => {
    const project = scratch.project(one.name.replace(/\W/g, '-'))
    await play(one, project).finally(() => endRuns(project))
  })
})

/** What users give keeps its shape: nothing below these keys is mag's. */
const OPAQUE = new Set(['input', 'output', 'stepResults', 'definition', 'error'])

/** `steps[].state` of a document, and whatever else is in it. */
function fieldsOf(value: unknown, prefix: string, found: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) fieldsOf(item, `${prefix.slice(0, -1)}[].`, found)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return
  for (const [key, inner] of Object.entries(value)) {
    found.add(prefix + key)
    if (!OPAQUE.has(key) && !Array.isArray(inner)) fieldsOf(inner, `${prefix}${key}.`, found)
    if (!OPAQUE.has(key) && Array.isArray(inner) && inner.some((item) => typeof item === 'object')) fieldsOf(inner, `${prefix}${key}.`, found)
  }
}

const FULL = `
steps:
  - { id: nap, sleep: 10ms }
  - { id: weak, fail: no matter, continue_on_error: true }
  - { id: last, fail: the end }
on_failure:
  - { id: told, run: echo told }
`

/** Every field that a step beyond single ones can have. */
const PEOPLE = `steps:
  - { id: first, worker: clean_text, with: { text: a }, cache: { key: a } }
  - { id: again, worker: clean_text, with: { text: a }, cache: { key: a } }
  - { id: each, worker: clean_text, foreach: [a, b], with: { text: "\${{ item }}" } }
  - { id: loop, until: index > 0, max_iterations: 3, steps: [{ id: inner, set: { n: 1 } }] }
  - { id: sub, workflow: small }
  - id: both
    parallel:
      l: [{ id: hear, wait: go, timeout: 1h }]
      r: [{ id: ask, approve: "Well?" }]
`

test('docs/cli.md lists exactly the fields of each document', async (t) => {
  const project = scratch.project('documents')
  t.after(() => endRuns(project))
  write(project, 'workflows/full.yaml', FULL)
  write(project, 'workflows/nap.yaml', 'steps: [{ id: clean, worker: clean_text, with: { text: a } }, { id: nap, sleep: 1h }]\n')
  write(project, 'workflows/people.yaml', PEOPLE)
  write(project, 'workflows/small.yaml', 'steps: [{ id: one, set: { n: 1 } }]\n')
  const documents = new Map<string, unknown[]>()
  const ask = async (...words: string[]) => {
    const { output } = await scratch.run('mag', words, project, { MAG_PROGRESS: 'none' })
    const document = JSON.parse(output.split('\n').findLast((line) => line.startsWith('{')) ?? output) as { schema: string }
    documents.set(document.schema, [...(documents.get(document.schema) ?? []), document])
  }
  await ask('run', 'full', '-o', 'json')
  await ask('run', 'people', '--no-wait', '-o', 'json')
  await scratch.run('mag', ['cancel', '@last'], project)
  await ask('run', 'order_fulfilment', '--input', 'examples/order_refund_refused.json', '-o', 'json')
  await scratch.run('mag', ['run', 'nap', '--detach'], project)
  await ask('status', '-o', 'json')
  await ask('workers', 'list', '-o', 'json')
  await scratch.run('mag', ['cancel', '@last'], project)
  await ask('types', '-o', 'json')
  for (const words of ['list', 'history @last', 'workflows list', 'workflows show full', 'doctor', 'explain TIMEOUT', 'run nothing']) await ask(...words.split(' '), '-o', 'json')
  write(project, 'workflows/wrong.yaml', 'stps: []\n')
  await ask('validate', '-o', 'json')
  await ask('doctor', '-o', 'json')

  const told = section(page('docs/cli.md').text, 'JSON documents')
  const headings = [...told.matchAll(/^### (mag\.\S+)$/gm)].map(([, heading = '']) => heading)
  assert.deepEqual([...headings].sort(), [...documents.keys()].sort())
  for (const heading of headings) {
    const fields = new Set<string>()
    for (const document of documents.get(heading) ?? []) fieldsOf(document, '', fields)
    // Fields of a history's items are those of the events, each type with its own.
    const shown = [...fields].filter((field) => field !== 'schema' && !(heading === 'mag.history/v1' && field.startsWith('items[]')))
    const rows = tableRows(section(told, heading), ['field']).flatMap(([first = '']) => spans(first))
    const parts = rows.filter((field) => !field.startsWith('error.'))
    assert.deepEqual(parts.sort(), shown.sort(), heading)
  }
})
