/** Every problem that a definition can have, word for word and place for place. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { CODES } from '../../src/definition/codes.ts'
import { checkedCase, rewritten, topics } from './corpus.ts'

// UPDATE_GOLDEN=1 rewrites the answers; read the difference before it is committed.
const rewrite = process.env.UPDATE_GOLDEN === '1'
const corpus = topics()

/** Codes that no case of the corpus has, and where they are tested. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  MAG1052: 'two files at once (test/acceptance/refusals.test.ts)',
  MAG1000: 'the error of WorkflowBuilder.build() (builder.test.ts), and the end of a list of more than 500 problems (hostile.test.ts)',
}

for (const topic of corpus) {
  test(`problems/${topic.name}: ${topic.cases.length} cases`, () => {
    const now = rewritten(topic)
    if (rewrite) writeFileSync(topic.url, now)
    else assert.equal(now, readFileSync(topic.url, 'utf8'), `problems/${topic.name} differs; look at it, then UPDATE_GOLDEN=1`)
  })
}

test('every code occurs, and only codes that are explained', () => {
  const seen = new Set([...corpus, ...topics('types')].flatMap(({ cases }) => cases).flatMap(({ answer }) => [...answer.matchAll(/ (?:error|warning) (MAG\d+): /g)].map((match) => match[1] ?? '')))
  for (const code of Object.keys(CODES)) assert.ok(seen.has(code) !== Object.hasOwn(ELSEWHERE, code), `${code}: ${seen.has(code) ? 'is listed as elsewhere' : 'no case has it'}`)
  for (const code of seen) assert.ok(Object.hasOwn(CODES, code), `${code} has no explanation`)
})

test('titles are unique, and there are at least 200 cases', () => {
  const titles = corpus.flatMap(({ name, cases }) => cases.map(({ title }) => `${name}: ${title}`))
  assert.equal(new Set(titles).size, titles.length)
  assert.ok(titles.length >= 200, `${titles.length}`)
})

test('every place lies inside of its file and after its beginning', () => {
  for (const one of corpus.flatMap(({ cases }) => cases)) {
    const { text, title } = one
    const lines = text.split('\n')
    for (const { line, column, endLine, endColumn, code } of checkedCase(one).problems) {
      assert.ok(line >= 1 && line <= lines.length && column >= 1 && column <= (lines[line - 1] ?? '').length + 1, `${title}: ${code} at ${line}:${column}`)
      assert.ok(endLine > line || (endLine === line && endColumn > column), `${title}: ${code} ends at ${endLine}:${endColumn}`)
    }
  }
})
