/** `mag.config.yaml`: what it may hold, and where it is wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/definition/config.ts'
import { MagError } from '../../src/model/error.ts'

const FILE = 'mag.config.yaml'

function refusal(text: string): string {
  try {
    return `accepted: ${JSON.stringify(parseConfig(text, FILE))}`
  } catch (error) {
    assert.ok(error instanceof MagError && error.code === 'MAG2030' && error.location?.file === FILE, String(error))
    return `${error.location.line}:${error.location.column} ${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`
  }
}

test('settings', () => {
  assert.deepEqual(parseConfig('', FILE), {})
  assert.deepEqual(parseConfig('# nothing\n', FILE), {})
  assert.deepEqual(parseConfig('store: redis://localhost:6379/1\nconcurrency: 4\ncolor: never\nprogress: plain\n', FILE), { store: 'redis://localhost:6379/1', concurrency: 4, color: 'never', progress: 'plain' })
  assert.deepEqual(parseConfig('\ufeff{ "store": "sqlite:x [1].db", "concurrency": 1 }\r\n', FILE), { store: 'sqlite:x [1].db', concurrency: 1 })
})

const WRONG: ReadonlyArray<[string, RegExp]> = [
  ['stroe: x', /^1:1 unknown setting "stroe" \(did you mean "store"\?\)$/], ['colour: x\n', /^1:1 unknown setting "colour" \(did you mean "color"\?\)$/], ['\n\nzzz: 1', /^3:1 unknown setting "zzz" \(known settings: store, concurrency, color, progress\)$/],
  ['store: 5', /^1:8 store must be an address/], ['store: ""', /^1:8 store must be an address/], ['store:', /^1:7 store must be an address/], ['store: |\n  a\n  b\n', /store must be/], ['store: [a]', /store must be/], ['store: { a: b }', /store must be/],
  ['concurrency: 0', /^1:14 concurrency must be a whole number from 1 to 10000$/], ['concurrency: 1.5', /concurrency must be/], ['concurrency: "4"', /concurrency must be/], ['concurrency: 10001', /concurrency must be/], ['color: yes', /^1:8 color must be always, never or auto$/],
  ['progress: fancy', /^1:11 progress must be live, plain, json or none$/], ['- store', /^1:1 the settings must be a map/], ['store', /^1:1 the settings must be a map/], ['store: a\nstore: b', /^2:1 Duplicate key "store"/], ['store: "a', /^1:8 YAML: this " has no closing "/],
  ['store: a\n---\nstore: b', /^2:1 YAML: a second document/], ['store: !x y', /^1:8 A value that begins with "!"/], ['a: b: c', /^1:4 YAML: Nested mappings/], ['__proto__: 1', /^1:1 The key "__proto__" is not allowed/], ['toString: 1', /^1:1 unknown setting "toString"/],
  ['concurrency: 12345678901234567890', /^1:14 An integer beyond 2\^53/], ['store: a\u0000', /^1:9 Control character U\+0000/],
]

test(`${WRONG.length} mistakes, each with its place`, () => {
  for (const [text, wanted] of WRONG) assert.match(refusal(text), wanted, JSON.stringify(text))
})

test('hostile settings are refused, and the process lives on', () => {
  for (const text of ['- '.repeat(30_000), '? '.repeat(30_000), '['.repeat(60_000), '{'.repeat(60_000), Array.from({ length: 300 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'a: &a [*a]', 'k: 1\n'.repeat(10_000), 'x'.repeat(100_000)]) {
    assert.match(refusal(text), /^\d+:\d+ /, text.slice(0, 20))
  }
  assert.deepEqual(parseConfig('concurrency: 2', FILE), { concurrency: 2 })
})
