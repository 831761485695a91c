import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { rewriteScenario } from './scenario.ts'

// UPDATE_SCENARIOS=1 rewrites the answers; read the difference before it is committed.
const rewrite = process.env.UPDATE_SCENARIOS === '1'
const folder = new URL('./scenarios/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.endsWith('.txt')).sort()

for (const name of files) {
  test(`scenario ${name}`, () => {
    const file = new URL(name, folder)
    const text = readFileSync(file, 'utf8')
    const now = rewriteScenario(text)
    if (rewrite) writeFileSync(file, now)
    else assert.equal(now, text)
  })
}

test('there are at least 40 scenarios', () => assert.ok(files.length >= 40, `${files.length}`))
