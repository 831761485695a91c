/** Decisions about the screen: colour, progress, errors. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decideColour, painterOf, plainPaint } from '../../src/cli/colour.ts'
import { errorLines, exitCodeOfError } from '../../src/cli/errors.ts'
import { progressMode } from '../../src/cli/painter.ts'
import { quoted, resultText, safeJson } from '../../src/cli/text.ts'
import { MagError } from '../../src/model/error.ts'
import { span, textOf } from '../../src/view/span.ts'

test('colour: flag > MAG_COLOR > config > NO_COLOR > FORCE_COLOR > terminal', () => {
  const cases: Array<[boolean | undefined, NodeJS.ProcessEnv, 'always' | 'never' | 'auto' | undefined, boolean, boolean]> = [
    [true, { MAG_COLOR: 'never', NO_COLOR: '1' }, 'never', false, true],
    [false, { MAG_COLOR: 'always', FORCE_COLOR: '1' }, 'always', true, false],
    [undefined, { MAG_COLOR: 'always', NO_COLOR: '1' }, 'never', false, true],
    [undefined, { MAG_COLOR: 'auto', NO_COLOR: '1' }, 'always', false, true],
    [undefined, { NO_COLOR: '1', FORCE_COLOR: '1' }, 'auto', true, false],
    [undefined, { NO_COLOR: '', FORCE_COLOR: '1' }, undefined, false, true],
    [undefined, { FORCE_COLOR: '0' }, undefined, true, false],
    [undefined, {}, undefined, true, true],
    [undefined, {}, undefined, false, false],
    [undefined, { TERM: 'dumb' }, undefined, true, false],
  ]
  for (const [flag, env, config, isTty, wanted] of cases) assert.equal(decideColour({ flag, env, config, isTty }), wanted, JSON.stringify([flag, env, config, isTty]))
})

test('with colour the text is the same, and the environment is left as it was', async () => {
  const before = process.env.FORCE_COLOR
  const line = [span('✔', 'good'), span(' done', 'bold'), span('  ')]
  const painted = (await painterOf(true))(line)
  assert.equal(painted.replaceAll(/\u001b\[\d+m/g, ''), '✔ done')
  assert.match(painted, /\u001b\[/)
  assert.equal((await painterOf(false))(line), '✔ done')
  assert.equal(process.env.FORCE_COLOR, before)
})

test('nothing gets past the painter', () => {
  assert.equal(plainPaint([span('a\u001b[2Jb\u009bc')]), 'a^[[2Jb^[[c')
})

test('progress is live only where somebody looks', () => {
  const mode = (more: Partial<Parameters<typeof progressMode>[0]>) => progressMode({ wanted: 'auto', quiet: false, isTty: true, env: {}, ...more })
  assert.equal(mode({}), 'live')
  assert.equal(mode({ isTty: false }), 'plain')
  assert.equal(mode({ env: { CI: 'true' } }), 'plain')
  assert.equal(mode({ env: { TERM: 'dumb' } }), 'plain')
  assert.equal(mode({ env: { GITHUB_ACTIONS: 'true', CI: 'true' } }), 'github')
  assert.equal(mode({ env: { GITLAB_CI: 'true' } }), 'gitlab')
  assert.equal(mode({ quiet: true }), 'none')
  assert.equal(mode({ quiet: true, wanted: 'plain' }), 'plain')
})

test('an error says what, where and what to type next; a stack only where it is asked for', () => {
  const error = new MagError('MAG2001', 'no workflow named "x\u001b[2J"', { exitCode: 6, hint: 'mag workflows list', location: { file: 'workflows/a.yaml', line: 3, column: 7 } })
  const text = (debug: boolean) => errorLines(error, { debug }).map(textOf).join('\n')
  assert.equal(text(false), 'error MAG2001: no workflow named "x^[[2J"\n  workflows/a.yaml:3:7\n  hint  mag workflows list')
  assert.match(text(true), /\n {4}at /)
  assert.equal(exitCodeOfError(error), 6)
})

test('a fault in mag shows its stack and ends with 70', () => {
  const lines = errorLines(new Error('broken invariant: x'), { debug: false }).map(textOf)
  assert.match(lines[0] ?? '', /^error MAG0070: a fault in mag itself: broken invariant: x$/)
  assert.ok(lines.some((line) => line.trim().startsWith('at ')))
  assert.equal(exitCodeOfError(new Error('x')), 70)
})

test('results', () => {
  assert.equal(resultText({ a: 1, _hidden: 2 }, false), '{"a":1}\n')
  assert.equal(resultText({ a: 1 }, true), '{\n  "a": 1\n}\n')
  assert.equal(safeJson({ a: '\u009b2J\u2028\u202e' }), '{"a":"\\u009b2J\\u2028\\u202e"}')
  assert.equal(quoted("it's"), `'it'\\''s'`)
})
