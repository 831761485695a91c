import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ESBUILD_VERSION } from '../../src/runtime/loader/transform.ts'
import { isWorkerDefinition } from '../../src/runtime/worker.ts'
import { call, project } from './loader-fixture.ts'

const simple = (name: string) => `import { worker } from 'multiagents'\nexport default worker('${name}', async () => ({ from: '${name}' }))\n`

test('every form of TypeScript that Node alone refuses', async (t) => {
  const fixture = project(t, {
    'package.json': '{"type":"commonjs"}',
    'tsconfig.json': '{ // comments and trailing commas\n "compilerOptions": { "paths": { "@lib/*": ["./lib/*"], }, }, }',
    'workers/decorated.ts': `import { worker, TaskHandle } from 'multiagents'
export class Billing {
  constructor(private readonly prefix = 'B') {}
  @worker('billing.charge') async charge(context: { amount: number }, _task: TaskHandle) { return { payment: this.prefix + context.amount } }
  @worker('billing.refund', { timeout: '2s', retry: 3 }) refund() { return { refunded: true } }
  @worker('billing.audit') static audit() { return { audited: this.name } }
}
export class More extends Billing {}
`,
    'workers/enums.ts': `import { worker } from 'multiagents'
enum Level { Low = 1, High }
namespace Names { export const one = 'one' }
export const enums = worker('enums', () => ({ level: Level[Level.High], name: Names.one }))
`,
    'workers/view.tsx': `/** @jsxRuntime classic @jsx h */
import { worker } from 'multiagents'
const h = (tag: string, _props: unknown, ...children: string[]) => \`<\${tag}>\${children.join('')}</\${tag}>\`
export default worker('view', () => ({ html: <b>hi</b> }))
`,
    'workers/imports.ts': `import { worker } from 'multiagents'
import { one } from '../lib/one'
import { two } from '../lib/two.js'
import { three } from '../lib/folder'
import { four, Shape } from '@lib/four'
import five from '../lib/five.cts'
import data from '../lib/data.json' with { type: 'json' }
export default worker('imports', async (): Promise<Shape> => ({ all: [one, two, three, four, five.five, data.six] }))
`,
    'lib/one.ts': 'export const one: number = 1', 'lib/two.ts': 'export const two = 2 satisfies number', 'lib/folder/index.ts': 'export const three = 3',
    'lib/four.ts': 'export interface Shape { all: number[] }\nexport const four = 4', 'lib/five.cts': 'module.exports = { five: 5 as number }', 'lib/data.json': '{"six":6}',
    'workers/plain.mjs': `import { worker } from 'multiagents'\nexport const list = [worker('plain.a', () => 1), worker('plain.b', () => 2)]\n`,
    'workers/deep/er/nested.ts': simple('nested'),
    'workers/helper.ts': 'export const help = 1\nexport function notAWorker() {}\nexport class Plain {}\nexport default null',
    'workers/skipped.test.ts': 'throw new Error("a test was imported")', 'workers/types.d.ts': 'declare const x: number', 'workers/.hidden.ts': 'throw new Error("hidden")',
    'workers/node_modules/x/index.ts': 'throw new Error("dependency")', 'workers/notes.md': '#',
  })
  const loaded = await fixture.load()
  assert.deepEqual(loaded.problems, [])
  assert.deepEqual(loaded.workers.map(({ name }) => name), ['billing.audit', 'billing.charge', 'billing.refund', 'enums', 'imports', 'nested', 'plain.a', 'plain.b', 'view'])
  assert.deepEqual(await call(loaded, 'billing.charge', { amount: 7 }), { payment: 'B7' })
  assert.deepEqual(await call(loaded, 'billing.audit'), { audited: 'Billing' })
  assert.deepEqual(await call(loaded, 'enums'), { level: 'High', name: 'one' })
  assert.deepEqual(await call(loaded, 'view'), { html: '<b>hi</b>' })
  assert.deepEqual(await call(loaded, 'imports'), { all: [1, 2, 3, 4, 5, 6] })
  const refund = loaded.workers.find(({ name }) => name === 'billing.refund')
  assert.deepEqual([refund?.file, refund?.line, refund?.exportName, refund?.definition.timeoutMs, refund?.definition.retry?.attempts], ['workers/decorated.ts', 5, 'Billing', 2_000, 3])
  assert.ok(isWorkerDefinition(refund?.definition))
})

test('a fault names its own line, in every dialect', async (t) => {
  const fixture = project(t, {
    'workers/throws.ts': `import { worker } from 'multiagents'

enum Padding { One, Two, Three }
interface Gone { that: string; takes: Padding }

export class Thrower {
  @worker('throws')
  run(): never {
    const gone: Gone | undefined = undefined
    void gone
    throw new Error('line 11')
  }
}
`,
  })
  const error = await call(await fixture.load(), 'throws').then(() => undefined, (thrown: Error) => thrown)
    .catch((thrown: Error) => thrown) ?? new Error('nothing')
  const { locationOf } = await import('../../src/runtime/outcome-error.ts')
  assert.deepEqual(locationOf(error.stack ?? '', fixture.dir), { file: 'workers/throws.ts', line: 11, column: 11 })
})

test('one broken file does not hide the others; each finding has place and help', async (t) => {
  const fixture = project(t, {
    'workers/good.ts': simple('good'),
    'workers/syntax.ts': 'import { worker } from "multiagents"\n\nexport default worker("x", async () => {{ return }\n',
    'workers/throws.ts': 'const a = 1\n\nexport const b = (() => { throw new TypeError("no config") })()\n',
    'workers/missing-package.ts': 'import { z } from "left-pad-9"\nexport const a = z\n',
    'workers/missing-scoped.ts': 'import z from "@scope/thing/deep"\nexport const a = z\n',
    'workers/missing-file.ts': '// first\nimport { z } from "./nowhere"\nexport const a = z\n',
    'workers/missing-export.ts': '\nimport { absent } from "./good"\nexport const a = absent\n',
    'workers/bad-definition.ts': 'import { worker } from "multiagents"\nexport default worker("bad name!", async () => ({}))\n',
    'workers/hangs.ts': 'export const a = await new Promise(() => {})\n',
    'workers/through-a.ts': 'export * from "../lib/broken"\n', 'workers/through-b.ts': 'export * from "../lib/broken"\n', 'lib/broken.ts': 'export const = 1\n',
    'workers/construct.ts': 'import { worker } from "multiagents"\nexport class A {\n  constructor() { throw new Error("needs a database") }\n  @worker("a") run() {}\n}\n',
  })
  const { workers, problems } = await fixture.load({ timeoutMs: 300 })
  assert.deepEqual(workers.map(({ name }) => name), ['good'])
  const told = new Map(problems.map((problem) => [problem.file, problem]))
  const place = (file: string) => {
    const { code, line, column, message, help } = told.get(file) ?? {}
    return [code, `${line}:${column}`, message, help]
  }
  assert.deepEqual(place('workers/syntax.ts').slice(0, 2), ['MAG1101', '4:1'])
  assert.deepEqual(place('workers/throws.ts'), ['MAG1101', '3:33', 'TypeError: no config', 'it was thrown while the file was loaded'])
  assert.deepEqual(place('workers/missing-package.ts'), ['MAG1101', '1:20', "Cannot find package 'left-pad-9'", 'npm install left-pad-9'])
  assert.deepEqual(place('workers/missing-scoped.ts').slice(2), ["Cannot find package '@scope/thing/deep'", 'npm install @scope/thing'])
  assert.deepEqual(place('workers/missing-file.ts').slice(1, 3), ['2:20', "Cannot find file './nowhere'"])
  assert.deepEqual(place('workers/missing-export.ts')[1], '2:10')
  assert.match(String(place('workers/bad-definition.ts')[2]), /not a worker name: "bad name!"/)
  assert.match(String(place('workers/hangs.ts')[2]), /not loaded within 300ms/)
  assert.deepEqual(place('lib/broken.ts').slice(0, 2), ['MAG1101', '1:14'])
  assert.deepEqual(place('workers/construct.ts').slice(1, 3), ['3:25', 'needs a database'])
  assert.equal(problems.length, 10)
})

test('two workers of one name are told with both places; a re-export is no second worker', async (t) => {
  const fixture = project(t, {
    'workers/a.ts': `import { worker } from 'multiagents'\nexport const a = worker('same', () => 'a')\n`,
    'workers/b.ts': `import { worker } from 'multiagents'\n\n\nexport default worker('same', () => 'b')\n`,
    'workers/index.ts': `export * from './a'\nexport { a as again } from './a'\n`,
  })
  const loaded = await fixture.load()
  assert.equal(await call(loaded, 'same'), 'a')
  assert.deepEqual(loaded.problems.map(({ code, file, line, message }) => [code, file, line, message]), [
    ['MAG1102', 'workers/b.ts', 4, 'worker "same" is defined twice: workers/a.ts:2 and workers/b.ts:4'],
  ])
})

test('a project without workers has none', async (t) => {
  assert.deepEqual(await project(t, { 'a.txt': '' }).load(), { workers: [], problems: [] })
})

/** A fresh process that loads, and tells what it loaded beside. */
function inProcess(dir: string, names?: string[], before = ''): { workers: string[]; problems: string[]; esbuild: boolean; imported: string[]; ms: number } {
  const program = `
    import { registerHooks } from 'node:module'
    ${before}
    const { loadWorkers } = await import(${JSON.stringify(new URL('../../src/runtime/loader/loader.ts', import.meta.url).href)})
    import { createRequire } from 'node:module'
    const begun = performance.now()
    const { workers, problems } = await loadWorkers({ projectDir: ${JSON.stringify(dir)}, dirs: ['workers'], cacheDir: ${JSON.stringify(join(dir, '.mag/cache'))}, libraryUrl: ${JSON.stringify(new URL('./loader-library.ts', import.meta.url).href)}${names ? `, names: ${JSON.stringify(names)}` : ''} })
    const ms = performance.now() - begun
    const { cache } = createRequire(import.meta.url)
    console.log(JSON.stringify({ workers: workers.map((w) => w.name), problems: problems.map((p) => p.message), esbuild: Object.keys(cache).some((key) => key.includes('esbuild')), imported: globalThis.imported ?? [], ms }))
  `
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })) as ReturnType<typeof inProcess>
}

const counted = (name: string) => `(globalThis.imported ??= []).push('${name}')\n${simple(name)}`

test('esbuild is loaded for what has changed, and only then', (t) => {
  const { dir, write } = project(t, { 'workers/a.ts': simple('a'), 'workers/b.ts': simple('b') })
  const first = inProcess(dir)
  assert.deepEqual([first.workers, first.esbuild], [['a', 'b'], true])
  const second = inProcess(dir)
  assert.deepEqual([second.workers, second.esbuild], [['a', 'b'], false])
  write({ 'workers/b.ts': simple('c') })
  const third = inProcess(dir)
  assert.deepEqual([third.workers, third.esbuild], [['a', 'c'], true])
})

test('only files that may hold the wanted names are imported', (t) => {
  const { dir, write } = project(t, { 'workers/a.ts': counted('a'), 'workers/b.ts': counted('b'), 'workers/c.ts': counted('c') })
  assert.deepEqual(inProcess(dir, ['a']).imported.sort(), ['a', 'b', 'c'])
  assert.deepEqual(inProcess(dir, ['a']).imported, ['a'])
  write({ 'workers/b.ts': counted('moved') })
  assert.deepEqual(inProcess(dir, ['a']).imported.sort(), ['a', 'moved'])
  assert.deepEqual(inProcess(dir, ['moved']).workers, ['moved'])
  const missing = inProcess(dir, ['nobody'])
  assert.deepEqual([missing.imported.sort(), missing.workers], [['a', 'c', 'moved'], ['a', 'c', 'moved']])
})

test('a damaged or unwritable cache costs time only', (t) => {
  const { dir } = project(t, { 'workers/a.ts': simple('a') })
  inProcess(dir)
  const cache = join(dir, '.mag/cache')
  for (const name of readdirSync(cache)) writeFileSync(join(cache, name), 'garbage')
  assert.deepEqual(inProcess(dir).workers, ['a'])
  for (const name of readdirSync(cache)) appendFileSync(join(cache, name), '')
  chmodSync(cache, 0o500)
  assert.deepEqual(inProcess(dir).workers, ['a'])
  chmodSync(cache, 0o700)
})

test('the cache\'s key has the version of esbuild that is installed', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../node_modules/esbuild/package.json', import.meta.url), 'utf8')) as { version: string }
  assert.equal(ESBUILD_VERSION, version)
})

test('without esbuild, Node\'s own type stripping loads what it can', (t) => {
  const { dir } = project(t, {
    'package.json': '{"type":"commonjs"}', 'workers/a.ts': `interface X { a: 1 }\n${simple('a')}`, 'workers/e.ts': 'export enum E { A }\n',
  })
  const without = inProcess(dir, undefined, `registerHooks({ resolve(name, context, next) { if (name === 'esbuild') throw new Error('not installed'); return next(name, context) } })`)
  assert.deepEqual([without.workers, without.esbuild], [['a'], false])
  assert.match(without.problems.join(), /enum/i)
})
