/**
 * Hostile definitions (catalogue H01 to H07), one after the other in one process, which must stay alive and as it was. Each is
 * refused with a place, and soon: the language says within a second. Time is that of this thread, and the test fails at ten times
 * what the slowest takes here.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkWorkflow } from '../../src/definition/check.ts'
import { formatProblem } from '../../src/definition/format.ts'
import { watchPrototypes } from './frozen.ts'

const MAX_CPU_MS = 5_000
/** For what is refused before the parser sees it. */
const MAX_EARLY_MS = 1_500

const unchanged = watchPrototypes()

interface Refused {
  /** The first problem's. */
  code: string
  message: string
}

/** Checks it, and holds what must hold of every refusal. */
function refused(name: string, text: string, maxMs = MAX_CPU_MS): Refused {
  const before = process.threadCpuUsage()
  const { definition, problems } = checkWorkflow({ file: 'workflows/hostile.yaml', text })
  const { user, system } = process.threadCpuUsage(before)
  const ms = (user + system) / 1000
  assert.ok(ms < maxMs, `${name} took ${ms} ms`)
  assert.ok(definition === undefined, `${name} is accepted`)
  const [first] = problems
  assert.ok(first, `${name} has no problem`)
  assert.ok(problems.length <= 601, `${name} has ${problems.length} problems`)
  assert.match(formatProblem(first, text)[0] ?? '', /^workflows\/hostile\.yaml:\d+:\d+ (error|warning) MAG1\d\d\d: [^\n]+$/, name)
  assert.ok(formatProblem(first, text).join('').length < 3_000, `${name} is told at length`)
  unchanged(name)
  return first
}

const times = (count: number, line: (i: number) => string, between = '\n'): string => Array.from({ length: count }, (_, i) => line(i)).join(between)

const DEPTHS = [1_000, 10_000, 100_000, 1_000_000]
const OPENINGS = ['[', '{', '{ ', '- ', '? ', '- - ? ', '[{', '{a: ', '{? ', '&a [', '!t [', '["', '\n[', '- [', '? - ']

test('nesting to a million levels, in sequence', () => {
  for (const depth of DEPTHS) {
    for (const opening of OPENINGS) {
      const { code } = refused(`${depth} × ${JSON.stringify(opening)}`, opening.repeat(Math.min(depth, Math.floor(4_000_000 / opening.length))), MAX_EARLY_MS)
      assert.ok(['MAG1011', 'MAG1001', 'MAG1005', 'MAG1006'].includes(code), `${JSON.stringify(opening)}: ${code}`)
    }
  }
})

test('nesting by indentation', () => {
  for (const depth of [1_000, 2_500]) {
    for (const line of ['a:', '-', '- a:', '?', '? - b:']) {
      assert.equal(refused(`${depth} lines of ${line}`, times(depth, (i) => `${' '.repeat(i)}${line}`)).code, 'MAG1011')
    }
  }
  const steps = (depth: number): string => (depth === 0 ? '[{ id: x, run: x }]' : `[{ id: s${depth}, parallel: { b: ${steps(depth - 1)} } }]`)
  assert.equal(refused('parallel in parallel', `steps: ${steps(40)}`).code, 'MAG1011')
  const deep = checkWorkflow({ file: 'workflows/deep.yaml', text: `steps: ${steps(15)}` })
  assert.deepEqual(deep.problems, [])
})

test('aliases that unfold, and that contain themselves', () => {
  const levels = 'abcdefghi'
  const bomb = [...levels].map((name, i) => `${name}: &${name} [${times(9, () => (i === 0 ? 'x' : `*${levels[i - 1]}`), ',')}]`).join('\n')
  assert.match(refused('a billion laughs', bomb).message, /aliases expanded/)
  const maps = [...levels].map((name, i) => `${name}: &${name} {${times(9, (k) => `k${k}: ${i === 0 ? 'x' : `*${levels[i - 1]}`}`, ',')}}`).join('\n')
  assert.match(refused('a billion maps', maps).message, /aliases expanded/)
  assert.match(refused('quadratic', `a: &a [${times(2_000, () => 'x', ',')}]\nb: [${times(99, () => '*a', ',')}]`).message, /aliases expanded/)
  assert.match(refused('a long text, often', `a: &a ${'x'.repeat(100_000)}\nb: [${times(99, () => '*a', ',')}]`).message, /4 MiB of text, aliases expanded/)
  for (const [name, text] of Object.entries({ list: 'a: &a [*a]', map: 'a: &a { b: *a }', far: 'a: &a\n  b:\n    c: [1, { d: *a }]', top: '&a\nsteps: *a', key: 'a: &a { *a : 1 }' })) refused(`${name} of itself`, text)
  assert.match(refused('20,000 anchors', times(20_000, (i) => `k${i}: &a${i} x`)).message, /500 anchors/)
  assert.match(refused('20,000 anchors of one name', '&a '.repeat(20_000)).message, /500 anchors/)
  assert.match(refused('100,000 aliases', `a: &a 1\nb:\n${times(100_000, () => '- *a')}`).message, /100 aliases/)
  refused('merge keys in a row', `a0: &a0 { x: 1 }\n${times(99, (i) => `a${i + 1}: &a${i + 1} { <<: *a${i}, <<: *a0 }`)}`)
  refused('merge keys of lists', `a: &a { x: 1 }\nb: { <<: [${times(90, () => '*a', ',')}] }`)
  refused('an alias to nothing', 'steps: *gone')
})

test('very many keys, values, lines and signs', () => {
  const many: Record<string, string> = {
    'a million keys': times(1_000_000, (i) => `k${i}: 1`), '300,000 keys': times(300_000, (i) => `k${i}: 1`), '49,000 keys': times(49_000, (i) => `k${i}: 1`),
    '100,000 equal keys': times(100_000, () => 'k: 1'), '45,000 equal keys': times(45_000, () => 'k: 1'), 'a million items': `[${times(1_000_000, () => '1', ',')}]`,
    '49,000 unknown keys of a step': `steps:\n  - id: a\n    run: x\n${times(45_000, (i) => `    k${i}: 1`)}`,
    '45,000 keywords': `inputs:\n  a:\n${times(45_000, (i) => `    kyword${i}: 1`)}`, '45,000 inputs': `inputs:\n${times(45_000, (i) => `  input${i}: { type: strin }`)}`,
    'a million commas': `[${','.repeat(1_000_000)}`, 'a million ends': '}'.repeat(1_000_000), 'a million colons': ':'.repeat(1_000_000), 'a million ": "': 'a: '.repeat(1_000_000),
    'a million "?"': `{${'? '.repeat(1_000_000)}`, 'four million line breaks': '\n'.repeat(4_000_000), 'two million comments': '#\n'.repeat(2_000_000), 'a million spaces': ' '.repeat(1_000_000),
    'a million tabs': '\t'.repeat(1_000_000), '100,000 tabs as indentation': '\ta: b\n'.repeat(100_000), 'a million documents': '---\n'.repeat(1_000_000), '100,000 documents': '---\na\n...\n'.repeat(100_000),
    '100,000 directives': '%X\n'.repeat(100_000), 'a million tags': '!a '.repeat(1_000_000), '200,000 tags': '- !x y\n'.repeat(200_000), 'a million quotes': '"'.repeat(1_000_000),
    'a million single quotes': "'".repeat(1_000_001), '60,000 escapes that are none': '"\\q"\n'.repeat(60_000), '50,000 mismatches': '[}\n'.repeat(50_000), '100,000 traps': '{ a: ${{ x }} }\n'.repeat(100_000),
    'a million stars': '*'.repeat(1_000_000), 'a million ampersands': '&'.repeat(1_000_000), 'a million percent signs': '%'.repeat(1_000_000), 'a million at signs': '@ '.repeat(1_000_000),
    'two errors in each line': 'a: b: c\n'.repeat(100_000), '100,000 values after values': '"a" b\n'.repeat(100_000),
  }
  for (const [name, text] of Object.entries(many)) refused(name, text)
})

test('very long texts', () => {
  assert.equal(refused('50 MB in a line', `a: ${'x'.repeat(50_000_000)}`, MAX_EARLY_MS).code, 'MAG1010')
  assert.equal(refused('50 MB of lines', '\n'.repeat(50_000_000), MAX_EARLY_MS).code, 'MAG1010')
  assert.equal(refused('4 MiB in bytes, not in letters', `a: ${'ä'.repeat(2_100_000)}`, MAX_EARLY_MS).code, 'MAG1010')
  const long = {
    plain: `a: ${'x'.repeat(4_000_000)}`, quoted: `a: "${'x'.repeat(4_000_000)}"`, unclosed: `a: "${'x'.repeat(4_000_000)}`, escapes: `a: "${'\\n'.repeat(2_000_000)}"`,
    'single quotes': `a: '${"''".repeat(2_000_000)}'`, block: `a: |\n${' xxxxxxxx\n'.repeat(390_000)}`, folded: `a: >\n${' xxxxxxxx\n'.repeat(390_000)}`,
    'many lines': `a: x\n${' xxxxxxxx\n'.repeat(390_000)}`, 'blank lines': `a: x\n${'\n'.repeat(390_000)} x`, key: `${'k'.repeat(4_000_000)}: 1`, comment: `#${'x'.repeat(4_000_000)}\na: 1`,
    anchor: `a: &${'x'.repeat(4_000_000)} 1`, tag: `a: !${'x'.repeat(4_000_000)} 1`, number: `a: ${'1'.repeat(1_000_000)}`, spaces: `a:${' '.repeat(4_000_000)}1`, 'a line of 1 MB': `steps: [${'{ id: a, run: x },'.repeat(55_000)}]`,
  }
  for (const [name, text] of Object.entries(long)) refused(name, text)
})

test('very many templates and expressions', () => {
  const step = (value: string): string => `steps:\n  - id: a\n    worker: w\n    with:\n      text: "${value}"`
  refused('half a million unknown names', step('${{a}}'.repeat(500_000)))
  refused('200,000 different expressions', step(times(200_000, (i) => `\${{inputs.a${i}}}`, '')))
  refused('200,000 syntax errors', step('${{a+}}'.repeat(500_000)))
  refused('a million openings', step('${{ '.repeat(900_000)))
  refused('unclosed quotes in templates', step("${{ ' }}".repeat(499_999)))
  refused('brackets that never close', step(`\${{ ${'['.repeat(2_000_000)}`))
  refused('the longest expressions', step(times(900, (i) => `\${{ ${i}${'+1'.repeat(2_000)} + nope }}`, '')))
  refused('types that nest', step(times(300, (i) => `\${{ ${times(40, (d) => `${'['.repeat(d)}${i}${']'.repeat(d)}`, '==')} == nope }}`, '')))
})

test('very many steps that need and read each other', () => {
  const count = 9_000
  const braid = times(count, (i) => `  - { id: s${i}, run: x, needs: [${i < 2 ? '' : `s${i - 2}`}], if: "steps.s${Math.max(0, i - 3)}.output.ok" }`)
  refused('two chains that read across', `steps:\n${braid}`)
  refused('needs that are not there', `steps:\n${times(count, (i) => `  - { id: s${i}, run: x, needs: [t${i}, u${i}] }`)}`)
  refused('a circle of all', `steps:\n${times(count, (i) => `  - { id: s${i}, run: x, needs: s${(i + 1) % count} }`)}`)
  refused('one step that needs all, and nothing', `steps:\n${times(40_000, (i) => `  - s${i}`)}`)
  refused('the same id', `steps:\n${times(count, () => '  - { id: same, run: x }')}`)
  const writers = checkWorkflow({ file: 'workflows/x.yaml', text: `steps:\n${times(6_000, (i) => `  - { id: s${i}, needs: [], set: { k: 1 } }`)}` })
  assert.equal(writers.problems.length, 101)
})

test('a list of problems that was cut says so', () => {
  const { problems } = checkWorkflow({ file: 'workflows/x.yaml', text: `steps: []\n${times(600, (i) => `k${i}: 1`)}` })
  assert.equal(problems.length, 501)
  const last = problems.at(-1)
  assert.deepEqual([last?.code, last?.message, last?.line], ['MAG1000', 'There are more problems than these 500', problems.at(-2)?.line])
})

test('encodings: exact, or refused', () => {
  const valid = 'steps:\n  - id: a\n    set: { text: "Grüße 日本 😀 \u202e" }\n'
  const exact = (text: string) => checkWorkflow({ file: 'workflows/a.yaml', text }).definition?.steps[0]?.kind
  assert.deepEqual(exact(valid), { type: 'set', values: { t: 'lit', v: { text: 'Grüße 日本 😀 \u202e' } } })
  for (const same of [`\ufeff${valid}`, valid.replaceAll('\n', '\r\n'), `${valid}\n\n`, `---\n${valid}...\n`]) assert.deepEqual(exact(same), exact(valid))
  assert.deepEqual(exact(JSON.stringify({ steps: [{ id: 'a', set: { text: 'Grüße 日本 😀 \u202e' } }] })), exact(valid))
  for (const code of [0, 1, 7, 8, 11, 12, 14, 27, 31, 127, 128, 155, 159, 0xfffe, 0xffff, 0xd800, 0xdfff]) {
    assert.equal(refused(`U+${code.toString(16)}`, valid.replace('Grüße', `x${String.fromCharCode(code)}`)).code, 'MAG1012')
  }
  const utf16 = [...valid].map((character) => `${character}\0`).join('')
  assert.match(refused('UTF-16, little end first', `\ufffd\ufffd${utf16}`).message, /U\+0000/)
  refused('UTF-16, big end first', `\0${utf16}`)
  refused('invalid UTF-8, decoded', valid.replace('steps', 'st\ufffdps'))
  refused('line breaks of long ago', valid.replaceAll('\n', '\r'))
  refused('tabs', valid.replaceAll('  ', '\t'))
})

test('types of YAML: what is text stays text, what JSON cannot hold is refused', () => {
  const typed = (value: string) => {
    const { definition } = checkWorkflow({ file: 'workflows/a.yaml', text: `steps:\n  - id: a\n    set:\n      v: ${value}\n` })
    const kind = definition?.steps[0]?.kind
    return kind?.type === 'set' && kind.values.t === 'lit' ? (kind.values.v as { v: unknown }).v : assert.fail(`${value} is refused`)
  }
  const text = [
    'no', 'yes', 'on', 'off', 'y', 'n', '1:30', '12:30:45', '2026-01-03', '2026-01-03T14:56:32Z', '1_000', '0b101', '0o8', '0x', '.', '1e', '1.2.3', '1,5', '+', '=', 'nul', 'TRUe', '"5"', "'true'",
    '0O17', '1e5x', '٣', '½', '"12345678901234567890"',
  ]
  for (const value of text) assert.equal(typeof typed(value), 'string', value)
  const others: ReadonlyArray<[string, unknown]> = [
    ['012', 12], ['0o17', 15], ['0x1F', 31], ['+5', 5], ['-0', 0], ['1.10', 1.1], ['.5', 0.5], ['5.', 5], ['1e3', 1000], ['1E+3', 1000], ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['-9007199254740991', Number.MIN_SAFE_INTEGER], ['true', true], ['True', true], ['FALSE', false], ['null', null], ['~', null], ['', null], ['Null', null], ['1e308', 1e308], ['5e-324', 5e-324],
  ]
  for (const [value, wanted] of others) assert.equal(Object.is(typed(value), wanted) || (wanted === 0 && typed(value) === 0), true, `${value} gave ${JSON.stringify(typed(value))}`)
  for (const value of ['12345678901234567890', '9007199254740992', '-9007199254740992', '0xFFFFFFFFFFFFFFFF', '0o7777777777777777777777', '1e400', '-1e400', '.inf', '-.INF', '.nan', '9'.repeat(400), `${'9'.repeat(400)}.0`]) {
    assert.equal(refused(value, `steps:\n  - id: a\n    set:\n      v: ${value}\n`).code, 'MAG1007', value)
  }
})

const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'isPrototypeOf', '__defineGetter__', '__lookupSetter__', 'toJSON', 'then', 'length', 'name']

test('names of inherited members, in every place where a name may stand: refused, or a name like others', () => {
  const places: ReadonlyArray<(name: string) => string> = [
    (name) => `name: ${name}\nsteps: [{ id: a, run: x }]`, (name) => `steps: [{ id: ${name}, run: x }, { id: b, run: x, needs: ${name}, if: "steps.${name}.output == null" }]`,
    (name) => `inputs: { ${name}: { type: string } }\nsteps: [{ id: a, worker: w, with: { x: "\${{ inputs.${name} }}" } }]`, (name) => `inputs: { a: { properties: { ${name}: {} }, required: [${name}] } }\nsteps: [{ id: a, run: x }]`,
    (name) => `inputs: { a: { default: { ${name}: 1 } } }\nsteps: [{ id: a, run: x }]`, (name) => `inputs: { a: { $defs: { ${name}: {} }, $ref: "#/$defs/${name}" } }\nsteps: [{ id: a, run: x }]`,
    (name) => `env: { ${name}: x }\nsteps: [{ id: a, run: x, if: "env.${name} == ''" }]`, (name) => `outputs: { ${name}: 1 }\nsteps: [{ id: a, run: x }]`, (name) => `steps: [{ id: a, worker: ${name}, compensate: ${name} }]`,
    (name) => `steps: [{ id: a, parallel: { ${name}: [{ id: b, run: x }] } }]`, (name) => `steps: [{ id: a, run: x, env: { ${name}: x }, with: { ${name}: x } }]`, (name) => `steps: [{ id: a, worker: w, with: { ${name}: { ${name}: 1 } } }]`,
    (name) => `steps: [{ id: a, set: { ${name}: "\${{ inputs }}" } }]`, (name) => `steps: [{ id: a, return: { ${name}: 1 } }]`, (name) => `${name}: 1\nsteps: [{ id: a, run: x }]`, (name) => `steps: [{ id: a, run: x, ${name}: 1 }]`,
    (name) => `steps: [{ id: a, fail: { message: m, ${name}: 1 } }]`, (name) => `steps: [{ id: a, worker: w, retry: { ${name}: 1 } }]`, (name) => `steps: [{ id: a, run: x, needs: [${name}] }]`,
    (name) => `steps: [{ id: a, run: x, if: "${name}" }]`, (name) => `steps: [{ id: a, run: x, if: "inputs.${name} == steps.${name}.output" }]`, (name) => `a: &${name} 1\nsteps: *${name}`,
  ]
  for (const name of NAMES) {
    for (const place of places) {
      const text = place(name)
      const checked = checkWorkflow({ file: 'workflows/a.yaml', text })
      assert.ok(checked.definition || checked.problems.length > 0, text)
      for (const { message, help = '' } of checked.problems) assert.doesNotMatch(`${message}${help}`, /\[native code\]|\[object |undefined|function/, text)
      if (['__proto__', 'constructor', 'prototype'].includes(name) && /[{,] *(__proto__|constructor|prototype): /.test(text)) assert.equal(checked.definition, undefined, `${text} is accepted`)
      unchanged(text)
    }
  }
})
