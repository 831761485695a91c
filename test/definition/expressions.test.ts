/**
 * What expressions give: files of lines `expression => value as JSON`, or `=> error: a part of the message`. A line `with …` says
 * what the expressions after it see, as YAML. An expression of several lines ends where its arrow stands.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'
import { createExpressions } from '../../src/definition/expression.ts'
import { ExpressionError, type Scope } from '../../src/model/expression.ts'
import type { Json } from '../../src/model/json.ts'

interface Line {
  at: string
  src: string
  scope: Scope
  wanted: string
}

const folder = new URL('./expressions/', import.meta.url)

function linesOf(name: string): Line[] {
  const found: Line[] = []
  let scope: Scope = {}
  let pending = ''
  for (const [i, line] of readFileSync(new URL(name, folder), 'utf8').split('\n').entries()) {
    if (pending === '' && (line === '' || line.startsWith('#'))) continue
    if (line.startsWith('with ')) scope = parse(line.slice(5)) as Scope
    else {
      const arrow = line.lastIndexOf(' => ')
      pending += arrow === -1 ? `${line}\n` : line.slice(0, arrow)
      if (arrow === -1) continue
      found.push({ at: `${name}:${i + 1}`, src: pending, scope, wanted: line.slice(arrow + 4) })
      pending = ''
    }
  }
  assert.equal(pending, '', `${name}: an expression without its arrow`)
  return found
}

const files = readdirSync(folder).sort()
const all = files.flatMap(linesOf)
const expressions = createExpressions()

function answer({ src, scope }: Line): { value: Json } | { error: string } {
  try {
    return { value: expressions.compile(src).evaluate(scope) }
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
    return { error: error.message }
  }
}

for (const name of files) {
  const lines = all.filter(({ at }) => at.startsWith(`${name}:`))
  test(`expressions/${name}: ${lines.length} expressions`, () => {
    const wrong: string[] = []
    for (const line of lines) {
      const got = answer(line)
      const told = 'error' in got ? `error: ${got.error}` : JSON.stringify(got.value)
      const part = /^error(?:: (.*))?$/.exec(line.wanted)
      const right = part ? 'error' in got && got.error.includes(part[1] ?? '') : 'value' in got && told === JSON.stringify(JSON.parse(line.wanted))
      if (!right) wrong.push(`${line.at}  ${line.src}\n  gave   ${told}\n  wanted ${line.wanted}`)
    }
    assert.equal(wrong.join('\n'), '')
  })
}

test('nothing depends on the zone of the host', () => {
  const before = process.env.TZ
  const times = all.filter(({ at }) => at.startsWith('times.txt:'))
  const here = times.map(answer)
  try {
    for (const zone of ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia']) {
      process.env.TZ = zone
      assert.deepEqual(times.map(answer), here, zone)
    }
  } finally {
    if (before === undefined) delete process.env.TZ
    else process.env.TZ = before
  }
})

test('there are at least 200 of them', () => assert.ok(all.length >= 200, `${all.length}`))

test('an expression gives the same the second time, and leaves its scope as it was', () => {
  for (const line of all) {
    const before = JSON.stringify(line.scope)
    assert.deepEqual(answer(line), answer(line), line.src)
    assert.equal(JSON.stringify(line.scope), before, line.src)
  }
})

test('errors are in one line, without the library\'s words', () => {
  for (const line of all) {
    const got = answer(line)
    if (!('error' in got)) continue
    assert.doesNotMatch(got.error, /\n|re2find|google\.protobuf|TypeError|undefined|\bat .*:\d+/, `${line.at} ${line.src}: ${got.error}`)
    assert.notEqual(got.error, '', line.src)
  }
})
