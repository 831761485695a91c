/** Types from worker files to the line of a definition: what a change in a worker breaks is told before anything runs. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { mag, project, samples } from './mag.ts'

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

test('codes are explained', async (t) => {
  const dir = project(t, {})
  for (const code of ['MAG1070', 'MAG1071', 'MAG1072', 'MAG1073', 'MAG1074', 'MAG1075', 'MAG1076']) {
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

test('types that come to nothing never keep a run from starting', async (t) => {
  const dir = project(t, {
    'workers/a.ts': `${NAMED}export default worker('a', () => ({ n: 1 }))\n`,
    'workflows/w.yaml': 'outputs: { m: "${{ steps.a.output.m }}" }\nsteps:\n  - { id: a, worker: a }\n',
  })
  assert.equal((await mag(['validate'], { cwd: dir })).code, 2)
  const { code, stdout } = await mag(['run', 'w'], { cwd: dir })
  assert.deepEqual([code, JSON.parse(stdout)], [0, { m: null }])
})
