/** H12, G15, D12: worker files that cannot be loaded, and results that cannot be kept. */
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { mag, project, runJson, runsIn, statusOf } from './mag.ts'
import { assertRefused, base, refused } from './refusal.ts'

const IMPORT = "import { worker } from 'multiagents'\n"
/** The only file that has the worker. */
const only = (text: string) => ({ 'workers/touch.ts': 'export const x = 1\n', 'workers/bad.ts': text })
const run = { args: ['run', 'free'], code: 2 }

refused([
  { ...run, name: 'a worker module that does not parse', says: [/workers\/bad\.ts:2:\d+/, /"touch"/, /\ba\b/], files: only(`${IMPORT}export default worker('touch', (( => 1)\n`) },
  { ...run, name: 'a worker module that throws on import', says: [/workers\/bad\.ts:2:\d+/, /no such luck/], files: only(`${IMPORT}throw new Error('no such luck')\nexport default worker('touch', () => 1)\n`) },
  { ...run, name: 'a worker module that throws nothing', says: [/workers\/bad\.ts/], files: only(`${IMPORT}export default worker('touch', () => 1)\nthrow undefined\n`) },
  { ...run, name: 'a worker module that is binary', says: [/workers\/bad\.ts/], files: only('\u0000\u0001\u0002') },
  { ...run, name: 'a missing package', says: [/left-pad/, /npm install left-pad/], files: only(`import pad from 'left-pad'\n${IMPORT}export default worker('touch', () => pad('x'))\n`) },
  { ...run, name: 'a missing file', says: [/workers\/bad\.ts:1:\d+/, /\.\/gone/], files: only(`import x from './gone.ts'\n${IMPORT}export default worker('touch', () => x)\n`) },
  { ...run, name: 'a missing export', says: [/workers\/bad\.ts:1:\d+/, /nothing/], files: { ...only(`import { nothing } from './touch.ts'\n${IMPORT}export default worker('touch', () => nothing)\n`) } },
  { ...run, name: 'a broken helper is told once, where it is', says: [/workers\/lib\/h\.ts:1:\d+/], files: { ...only(`import './lib/h.ts'\n${IMPORT}export default worker('touch', () => 1)\n`), 'workers/lib/h.ts': 'export const = 1\n', 'workers/other.ts': "import './lib/h.ts'\n" } },
  { ...run, name: 'a name that is none', says: [/workers\/bad\.ts:2:\d+/, /not a worker name/], files: only(`${IMPORT}export default worker('', () => 1)\n`) },
  { ...run, name: 'an option that is none', says: [/workers\/bad\.ts:2:\d+/, /retires/], files: only(`${IMPORT}export default worker('touch', { retires: 3 }, () => 1)\n`) },
  { ...run, name: 'two files with one worker', says: [/worker "touch" is defined twice: workers\/\w+\.ts:\d+ and workers\/\w+\.ts:\d+/], files: { 'workers/twin.ts': `${IMPORT}export const t = worker('touch', () => 1)\n` } },
  { ...run, name: 'a worker module that ends the process', says: [/workers\/bad\.ts:2:\d+/, /process\.exit\(0\)/], files: only(`${IMPORT}process.exit(0)\nexport default worker('touch', () => 1)\n`) },
  { ...run, name: 'a worker module that leaves a failing promise behind', says: [/MAG1103/, /workers\/bad\.ts:2:\d+/, /floating/], files: only(`${IMPORT}Promise.reject(new Error('floating'))\nexport default worker('touch', () => new Promise(() => {}))\n`) },
  { ...run, name: 'no folder workers/', says: [/"touch"/, /\ba\b/], files: { 'workers/touch.ts': '' } },
])

const BROKEN = {
  'workers/syntax.ts': 'export const = 1\n', 'workers/throws.ts': "throw new Error('bad luck')\n", 'workers/link.ts': "import { nothing } from './helper.ts'\nconsole.log(nothing)\n",
  'workers/exits.ts': 'process.exit(7)\n', 'workers/helper.ts': 'export const helper = 1\n', 'workers/empty.ts': '', 'workers/types.d.ts': 'export {}\n', 'workers/some.test.ts': "throw new Error('tests are not loaded')\n",
  'workers/notes.txt': 'no source\n', 'workers/list.ts': `${IMPORT}export const all = [worker('l1', () => 1), worker('l2', () => 2)]\n`,
}
test('H12: one error per module that cannot be loaded; the others load, a module without workers is just a helper', async (t) => {
  const dir = project(t, { ...base, ...BROKEN })
  const { code, stdout, stderr } = await mag(['workers', 'list', '-o', 'ids'], { cwd: dir })
  assert.deepEqual([code, stdout], [2, 'l1\nl2\ntouch\n'])
  const told = [...stderr.matchAll(/^(workers\/\w+\.ts):\d+:\d+ error MAG1101/gm)].map(([, file]) => file)
  assert.deepEqual(told, ['workers/exits.ts', 'workers/link.ts', 'workers/syntax.ts', 'workers/throws.ts'])
  const ran = await mag(['run', 'free'], { cwd: dir })
  assert.deepEqual([ran.code, ran.stdout], [0, '{"a":{}}\n'], 'a workflow that needs none of them runs')
  assert.match(ran.stderr, /workers\/throws\.ts:1:7 error MAG1101: bad luck/)
  assert.match((await mag(['validate'], { cwd: dir })).stdout, /✖ 4 problems in 4 of 6 files/)
  assert.match((await mag(['doctor'], { cwd: dir })).stdout, /✖ workers +workers\/throws\.ts:1 bad luck/)
})

test('what a module prints while it loads is no result', async (t) => {
  const dir = project(t, { ...base, 'workers/loud.ts': "console.log('\\u001b[2Jloud')\nprocess.stdout.write('very\\n')\n" })
  const { stdout, stderr } = await mag(['run', 'free'], { cwd: dir })
  assert.equal(stdout, '{"a":{}}\n')
  assert.match(stderr, /\^\[\[2Jloud\nvery\n/)
})

test('a module that ends the process from a timer, in the middle of a run: named, not taken for success, and resumed', { timeout: 60_000 }, async (t) => {
  const dir = project(t, {
    'workers/w.ts': `${IMPORT}
import { existsSync, writeFileSync } from 'node:fs'
if (!existsSync('mended')) { const timer = setInterval(() => { if (existsSync('begun')) { clearInterval(timer); process.exit(0) } }, 10) }
export default worker('wait', () => { if (existsSync('mended')) return {}; writeFileSync('begun', ''); return new Promise(() => {}) })
`,
    'workflows/w.yaml': 'steps:\n  - { id: a, worker: wait }\n',
  })
  const ended = await mag(['run', 'w'], { cwd: dir })
  assert.equal(ended.code, 2, ended.stderr)
  assert.match(ended.stderr, /^error MAG1103: a worker file threw outside of any step: the file calls process\.exit\(0\)\n {2}workers\/w\.ts:4:\d+\n {2}hint /m)
  writeFileSync(join(dir, 'mended'), '')
  assert.equal((await mag(['resume', '@last'], { cwd: dir })).code, 0)
})

const RESULTS: Array<[name: string, expression: string, code: string | undefined, says: RegExp, output?: unknown]> = [
  ['NaN', '({ a: { b: NaN } })', 'NOT_JSON', /output\.a\.b is NaN/], ['Infinity', '({ a: [1, -Infinity] })', 'NOT_JSON', /output\.a\[1\] is -?Infinity/], ['BigInt', '({ n: 10n })', 'NOT_JSON', /output\.n is a BigInt/],
  ['a cycle', '(() => { const a = {}; a.self = { a }; return a })()', 'NOT_JSON', /output\.self\.a contains itself/], ['a getter that throws', "({ get x() { throw new Error('no getter for you') } })", 'NOT_JSON', /output\.x throws when it is read: no getter for you/],
  ['a toJSON that throws', "({ toJSON() { throw new Error('no json') } })", 'NOT_JSON', /toJSON: no json/], ['__proto__', "JSON.parse('{\"__proto__\":{\"x\":1}}')", 'NOT_JSON', /output\.__proto__/],
  ['20,000 levels', '(() => { let a = {}; const r = a; for (let i = 0; i < 20_000; i++) { a.a = {}; a = a.a } return r })()', 'NOT_JSON', /deeper than/], ['3 MB', "({ text: 'x'.repeat(3 * 1024 * 1024) })", 'LIMIT', /2 MiB/],
  ['undefined members', "({ a: undefined, f: () => 1, s: Symbol('x'), keep: 1, list: [undefined, 2] })", undefined, /./, { keep: 1, list: [null, 2] }], ['undefined', 'undefined', undefined, /./, {}],
  ['null', 'null', undefined, /./, { result: null }], ['a list', '[1, [2]]', undefined, /./, { result: [1, [2]] }], ['a text', "'plain'", undefined, /./, { result: 'plain' }], ['a Date', '({ at: new Date(0) })', undefined, /./, { at: '1970-01-01T00:00:00.000Z' }],
  ['NUL and a lone surrogate', "({ s: 'a\\u0000b\\ud800' })", undefined, /./, { s: 'a\u0000b\ud800' }], ['keys of prototypes', "({ toString: 1, hasOwnProperty: 2 })", undefined, /./, { toString: 1, hasOwnProperty: 2 }],
]
test('G15, D12: a result is stored as it is, or the step fails and says why; the run never hangs', { timeout: 60_000 }, async (t) => {
  const workers = RESULTS.map(([, expression], no) => `export const w${no} = worker('w${no}', () => ${expression})\n`).join('')
  const dir = project(t, {
    'workers/w.js': `${IMPORT}${workers}`,
    // One step for each, side by side; what fails does not end the run.
    'workflows/w.yaml': `steps:\n${RESULTS.map((_, no) => `  - { id: s${no}, worker: w${no}, needs: [], retry: 3, continue_on_error: true }\n`).join('')}`,
  })
  const { code, doc } = await runJson(['w'], { cwd: dir })
  assert.deepEqual([code, doc.state], [0, 'completed'])
  RESULTS.forEach(([name, , wanted, says, output], no) => {
    const step = doc.steps[no] ?? assert.fail()
    assert.deepEqual([name, step.state, step.error?.code, step.attempts], [name, wanted ? 'failed' : 'completed', wanted, 1])
    if (wanted) assert.match(step.error?.message ?? '', says, name)
    else assert.deepEqual(doc.stepResults[`s${no}`], output, name)
  })
})

test('D12: alone, such a step fails its run, with the reason, in one attempt', async (t) => {
  const dir = project(t, { 'workers/w.ts': `${IMPORT}export default worker('nan', { retry: 3 }, () => ({ a: NaN }))\n`, 'workflows/w.yaml': 'steps:\n  - { id: s, worker: nan }\n' })
  const { code, stderr } = await mag(['run', 'w'], { cwd: dir })
  assert.equal(code, 1)
  assert.match(stderr, /s {2}NOT_JSON: output\.a is NaN; an output must be JSON/)
  assert.equal((await statusOf(dir)).steps[0]?.attempts, 1)
})

const THROWN: Array<[expression: string, code: string, message: RegExp]> = [
  ["throw 'just text'", 'Error', /just text/], ['throw null', 'Error', /null/], ['throw undefined', 'Error', /undefined/], ["throw { code: 'X', message: 'an object' }", 'X', /an object/],
  ["class Own extends Error {}; throw new Own('mine')", 'Own', /^mine$/], ["throw Object.assign(new Error('no host'), { code: 'ENOTFOUND' })", 'ENOTFOUND', /no host/], ["throw new Error('outer', { cause: new Error('inner') })", 'Error', /outer: inner/],
  ['process.exit(3)', 'PROCESS_EXIT', /process\.exit\(3\)/], ["await new Promise(() => setTimeout(() => { throw new Error('in a timer') }, 1))", 'Error', /in a timer/], ["Promise.reject(new Error('floating')); await new Promise(() => {})", 'Error', /floating/],
  ['const f = () => f(); f()', 'RangeError', /stack/i], ["throw new Error('\\u001b[2J\\u0007')", 'Error', /./],
]
test('what a worker throws, in whatever way, fails its attempt with code and message; the process lives on', { timeout: 60_000 }, async (t) => {
  const dir = project(t, {
    'workers/w.js': `${IMPORT}${THROWN.map(([body], no) => `export const w${no} = worker('w${no}', async () => { ${body} })\n`).join('')}`,
    'workflows/w.yaml': `steps:\n${THROWN.map((_, no) => `  - { id: s${no}, worker: w${no}, needs: [], continue_on_error: true }\n`).join('')}`,
  })
  const { code, doc, stderr } = await runJson(['w'], { cwd: dir })
  assert.equal(code, 0, stderr)
  THROWN.forEach(([body, wanted, message], no) => {
    const { state, error } = doc.steps[no] ?? assert.fail()
    assert.deepEqual([body, state, error?.code], [body, 'failed', wanted])
    assert.match(error?.message ?? '', message, body)
  })
  assert.doesNotMatch(stderr, /\u001b|\u0007/)
})

test('a run that has begun keeps its definition and needs its workers: resume without them is refused, and loses nothing', async (t) => {
  const dir = project(t, { ...base, 'workflows/nap.yaml': 'steps:\n  - { id: nap, sleep: 1s }\n  - { id: a, worker: touch }\n' })
  assert.equal((await mag(['run', 'nap', '--no-wait'], { cwd: dir })).code, 5)
  writeFileSync(join(dir, 'workflows/nap.yaml'), 'steps: []\n')
  writeFileSync(join(dir, 'workers/touch.ts'), '')
  const refusedResume = await mag(['resume', '@last'], { cwd: dir })
  assert.equal(refusedResume.code, 2)
  assert.match(refusedResume.stderr, /worker "touch", which no file in workers\/ has[\s\S]*hint/)
  assert.equal((await runsIn(dir)).length, 1)
  assert.equal((await statusOf(dir)).state, 'waiting')
  writeFileSync(join(dir, 'workers/touch.ts'), base['workers/touch.ts'] ?? '')
  assert.equal((await mag(['resume', '@last'], { cwd: dir })).code, 0)
  assert.ok(existsSync(join(dir, 'touched')))
})

test('refused: what a retry policy of a worker says', async (t) => {
  const dir = project(t, { ...base, ...only(`${IMPORT}export default worker('touch', { retry: 0 }, () => 1)\n`) })
  await assertRefused(dir, { ...run, says: [/workers\/bad\.ts:2:\d+/, /attempts must be a whole number from 1/] })
})
