/** Whatever code a person sees, `mag explain` knows it: the hint of last resort sends them there. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { EXPLANATIONS } from '../../src/cli/explanations.ts'
import { CODES } from '../../src/definition/codes.ts'

const root = new URL('../..', import.meta.url).pathname
const explained = new Set([...Object.keys(CODES), ...Object.keys(EXPLANATIONS)])

test('every code in the source is explained, with a title and a text', () => {
  const used = new Map<string, string>()
  for (const file of [...globSync('src/**/*.ts', { cwd: root }), 'bin/mag']) {
    for (const [, code = ''] of readFileSync(join(root, file), 'utf8').matchAll(/\b(MAG\d{4}|STORE_[A-Z]+|LEASE_LOST)\b/g)) used.set(code, file)
  }
  assert.ok(used.size > 50)
  assert.deepEqual([...used].filter(([code]) => !explained.has(code)), [])
  for (const [code, { title, text }] of [...Object.entries(CODES), ...Object.entries(EXPLANATIONS)]) assert.ok(title !== '' && text.length > 20, code)
})

test('nothing is explained that does not exist', () => {
  const source = globSync('src/**/*.ts', { cwd: root }).filter((file) => !/explanations|codes\.ts$/.test(file)).map((file) => readFileSync(join(root, file), 'utf8')).join('\n')
  const unused = Object.keys(EXPLANATIONS).filter((code) => /^(MAG|STORE|LEASE)/.test(code) && !source.includes(`'${code}'`) && code !== 'MAG0001')
  assert.deepEqual(unused, [])
})
