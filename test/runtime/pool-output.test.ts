import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorOf, outputOf, poolFixture } from './pool-fixture.ts'

const cyclic: { self?: unknown } = {}
cyclic.self = cyclic

const KEPT: Array<[name: string, returned: unknown, output: unknown]> = [
  ['undefined', undefined, {}],
  ['null', null, { result: null }],
  ['a function', () => 1, {}],
  ['a string', 'text', { result: 'text' }],
  ['a list', [1, undefined, () => 1], { result: [1, null, null] }],
  ['undefined members and functions', { a: undefined, b: () => 1, c: Symbol('s'), d: 1 }, { d: 1 }],
  ['a date', new Date(0), { result: '1970-01-01T00:00:00.000Z' }],
  ['a date inside', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
  ['an invalid date', { at: new Date(Number.NaN) }, { at: null }],
  ['a buffer', { b: Buffer.from('ab') }, { b: { type: 'Buffer', data: [97, 98] } }],
  ['NUL bytes', { text: 'a\0b' }, { text: 'a\0b' }],
  ['a lone surrogate', { text: '\ud800' }, { text: '\ud800' }],
  ['a map', new Map([[1, 2]]), {}],
  ['minus zero', { zero: -0 }, { zero: 0 }],
  ['boxed primitives', { n: Object(1), s: Object('s'), b: Object(false) }, { n: 1, s: 's', b: false }],
  ['the same object twice', (() => { const one = { n: 1 }; return { a: one, b: one } })(), { a: { n: 1 }, b: { n: 1 } }],
  ['a class instance', new (class { x = 1; get y() { return 2 } })(), { x: 1 }],
  ['a null prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ['toJSON that returns an object', { toJSON: () => ({ n: 1 }) }, { n: 1 }],
  ['a URL', { url: new URL('http://a/b') }, { url: 'http://a/b' }],
]

for (const [name, returned, output] of KEPT) {
  test(`kept: ${name}`, async () => {
    const got = outputOf(await poolFixture().once(() => returned))
    assert.deepEqual(got, output)
    assert.deepEqual(JSON.parse(JSON.stringify(got)), got)
  })
}

const REFUSED: Array<[name: string, returned: unknown, code: string, message: RegExp]> = [
  ['NaN', { a: [{ b: Number.NaN }] }, 'NOT_JSON', /^output\.a\[0\]\.b is NaN/],
  ['Infinity', Number.NEGATIVE_INFINITY, 'NOT_JSON', /^output is -Infinity/],
  ['a BigInt', { 'odd key': 1n }, 'NOT_JSON', /^output\["odd key"\] is a BigInt/],
  ['a cycle', cyclic, 'NOT_JSON', /^output\.self contains itself/],
  ['a throwing getter', { get x() { throw new Error('boom') } }, 'NOT_JSON', /^output\.x throws when it is read: boom/],
  ['a throwing toJSON', { a: { toJSON() { throw new Error('boom') } } }, 'NOT_JSON', /^output\.a throws in toJSON: boom/],
  ['a deep nest', Array.from({ length: 300 }).reduce<unknown>((inner) => ({ inner }), 1), 'NOT_JSON', /nested deeper than 200/],
  ['a key that reaches the prototype', JSON.parse('{"a":{"__proto__":{"polluted":true}}}'), 'NOT_JSON', /__proto__ is a key that is not allowed/],
  ['3 MB', { text: 'x'.repeat(3e6) }, 'LIMIT', /more than the 2 MiB/],
  ['3 MB in two-byte letters', { text: 'é'.repeat(1.5e6) }, 'LIMIT', /2\.9 MiB, more than the 2 MiB/],
  ['an endless toJSON list', { list: Array.from({ length: 3e6 }, () => 1) }, 'LIMIT', /more than the 2 MiB/],
]

for (const [name, returned, code, message] of REFUSED) {
  test(`refused: ${name}`, async () => {
    const error = errorOf(await poolFixture().once(() => returned))
    assert.deepEqual([error.how, error.code, error.retryable], ['thrown', code, false])
    assert.match(error.message, message)
  })
}

test('a large output warns in the log', async () => {
  const { once, logs } = poolFixture()
  outputOf(await once(() => ({ text: 'x'.repeat(300_000) })))
  assert.match(logs[0]?.message ?? '', /the output has 293 KiB; above 256 KiB/)
  outputOf(await once(() => ({ text: 'x'.repeat(200_000) })))
  assert.equal(logs.length, 1)
})
