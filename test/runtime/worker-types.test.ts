/** Types of workers out of their files: real TypeScript, real files, no worker code run. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Type } from '../../src/definition/types/type.ts'
import { readWorkerTypes, type ReadOptions } from '../../src/runtime/types/worker-types.ts'

function project(t: TestContext, files: { [name: string]: string }): ReadOptions {
  const projectDir = realpathSync(mkdtempSync(join(tmpdir(), 'mag-types-')))
  t.after(() => rmSync(projectDir, { recursive: true, force: true }))
  for (const [name, text] of Object.entries({ 'package.json': '{ "type": "module" }', ...files })) write(projectDir, name, text)
  return { projectDir, cacheDir: join(projectDir, '.mag/cache'), dirs: ['workers'] }
}

function write(projectDir: string, name: string, text: string): void {
  mkdirSync(dirname(join(projectDir, name)), { recursive: true })
  writeFileSync(join(projectDir, name), text)
}

/** `{ a: text, b?: 1 | null, … }` */
function show(type: Type): string {
  switch (type.t) {
    case 'string': case 'number': case 'boolean': return type.v === undefined ? type.t : JSON.stringify(type.v)
    case 'list': return `[${show(type.of)}]`
    case 'union': return type.of.map(show).sort().join(' | ')
    case 'map': return `{${[...Object.entries(type.fields).map(([name, field]) => ` ${name}${field.optional ? '?' : ''}: ${show(field.type)}`), ...(type.rest ? [` …: ${show(type.rest)}`] : [])].join(',')} }`
    default: return type.t
  }
}

async function typesOf(options: ReadOptions): Promise<Record<string, string>> {
  const result = await readWorkerTypes(options)
  assert.ok('workers' in result, JSON.stringify(result))
  return Object.fromEntries([...result.workers].map(([name, { input, output }]) => [name, `${show(input)} -> ${show(output)}`]))
}

test('all forms of workers, and all that types can say', async (t) => {
  const options = project(t, {
    'workers/forms.ts': `
import { worker, defineWorker as define } from 'multiagents'
import * as mag from 'multiagents'
import type { Order } from '../types/order'
throw new Error('never run')
const NAME = 'constant'
export const a = worker('plain', async ({ order }: { order: Order }) => ({ id: order.id, total: order.lines.length }))
export const b = worker('options', { retry: 3 }, (context: { n: number }) => ({ ok: context.n > 1 }))
export const c = define({ name: 'object', run: async (context: { s?: string }) => context.s ?? null })
export const d = mag.worker(NAME, () => {})
export const e = worker(\`template\`, (context) => context)
export class Shop {
  @worker('method') async charge(context: { amount: number }) { return { charged: context.amount } }
}
export const spread = worker('spread', (context) => ({ ok: true, ...context }))
export const deeper = worker('deeper', async (context) => {
  const inner = { ...context, n: 1 }
  return { ...inner, deep: { ...{ a: 1 }, b: 2 }, ...(context.x ? { x: 'text' } : undefined) }
})
export const closed = worker('closed', ({ order }: { order: { id: string } }) => ({ ...order, ok: true }))
export const maybe = worker('maybe', (context?: { n: number } | null) => (context ? { n: 1 } : undefined))
export const several = [worker('first', () => [1]), worker('second', () => 'x')]
`,
    'types/order.ts': 'export interface Order { id: string; lines: Array<{ sku: string }>; note?: string; kind: "small" | "large"; when: Date }\n',
  })
  assert.deepEqual(await typesOf(options), {
    plain: '{ order: { id: string, lines: [{ sku: string }], note?: string, kind: "large" | "small", when: unknown } } -> { id: string, total: number }',
    options: '{ n: number } -> { ok: boolean }',
    object: '{ s?: string } -> null | string',
    constant: '{ …: unknown } -> { }',
    template: '{ …: unknown } -> { …: unknown }',
    method: '{ amount: number } -> { charged: number }',
    spread: '{ …: unknown } -> { ok: boolean, …: unknown }',
    deeper: '{ …: unknown } -> { n: number, deep: { a: number, b: number }, x?: string, …: unknown }',
    closed: '{ order: { id: string } } -> { id: string, ok: boolean }',
    maybe: 'null | { n: number } -> { n: number } | { }',
    first: '{ …: unknown } -> [number]',
    second: '{ …: unknown } -> string',
  })
  assert.ok(!existsSync(join(options.projectDir, 'tsconfig.mag-types.json')))
})

test('what becomes of values in JSON', async (t) => {
  const options = project(t, {
    'workers/json.ts': `
import { worker } from 'multiagents'
interface Tree { value: number; kids: Tree[] }
class Money { constructor(readonly cents: number) {} plus(other: Money) { return new Money(this.cents + other.cents) } }
class Stamp { toJSON() { return { at: 'now' } } }
enum Size { Small = 1, Large = 2 }
type Id = string & { readonly brand: unique symbol }
export default worker('json', async (context: { any: any; fn?: () => void }) => ({
  date: new Date(), none: undefined, fn: () => 1, sym: Symbol(), maybe: Math.random() > 1 ? 1 : undefined, money: new Money(1), stamp: new Stamp(), map: new Map([[1, 2]]),
  record: {} as Record<string, number>, partial: {} as Partial<{ a: string }>, size: Size.Small as Size, id: 'x' as Id, tuple: [1, 'a'] as [number, string], list: [1, undefined], tree: {} as Tree,
  template: 'a' as \`a\${string}\`, big: 1n, object: {} as object, unknown: null as unknown, never: null as never, both: {} as { a: number } & { b: string },
  generic: generic({ a: 1 }), literal: 'x' as const, flag: true as const,
}))
function generic<T>(value: T): { wrapped: T } { return { wrapped: value } }
`,
  })
  assert.deepEqual(await typesOf(options), {
    json: '{ any: unknown, fn?: unknown } -> { date: string, maybe?: number, money: unknown, stamp: { at: string }, map: unknown, record: { …: number }, partial: { a?: string }, size: 1 | 2, id: string, tuple: [number | string], list: [null | number], '
      + 'tree: { value: number, kids: [unknown] }, template: string, big: unknown, object: { …: unknown }, unknown: unknown, never: unknown, both: { a: number, b: string }, generic: { wrapped: { a: number } }, literal: "x", flag: true }',
  })
})

test('a Standard Schema says what goes in and what comes out', async (t) => {
  const schema = (input: string, output: string) => `{} as { readonly '~standard': { readonly version: 1; readonly vendor: string; readonly validate: (value: unknown) => { value: ${output} }; readonly types?: { readonly input: ${input}; readonly output: ${output} } | undefined } }`
  const options = project(t, {
    'workers/schemas.ts': `
import { worker, defineWorker } from 'multiagents'
const given = ${schema('{ n?: number }', '{ n: number }')}
const result = ${schema('{ at: Date }', '{ at: string }')}
export const a = worker('converted', { input: given }, (context) => ({ twice: context.n * 2 }))
export const b = defineWorker({ name: 'both', input: given, output: result, run: () => ({ at: new Date() }) })
`,
  })
  assert.deepEqual(await typesOf(options), { converted: '{ n?: number } -> { twice: number }', both: '{ n?: number } -> { at: string }' })
})

test("the project's own settings count: paths, and no strictness needed", async (t) => {
  const options = project(t, {
    'tsconfig.json': '{ "compilerOptions": { "strict": false, "module": "esnext", "moduleResolution": "bundler", "baseUrl": ".", "paths": { "#shared/*": ["./shared/*"] } }, "include": ["nothing"] }',
    'shared/kinds.ts': 'export interface Kind { name: string | null }\n',
    'workers/a.ts': "import { worker } from 'multiagents'\nimport type { Kind } from '#shared/kinds'\nexport default worker('a', (context: Kind) => context)\n",
    'workers/b.js': "import { worker } from 'multiagents'\nexport default worker('b', () => ({ n: 1 }))\n",
  })
  assert.deepEqual(await typesOf(options), { a: '{ name: null | string } -> { name: null | string }', b: '{ …: unknown } -> { n: number }' })
})

test('errors in one file hide nothing in the others', async (t) => {
  const options = project(t, {
    'workers/broken.ts': "import { worker } from 'multiagents'\nimport { gone } from './gone'\nexport default worker('broken', (c: { x: gone }) => ({ y: c.x, z: 1 })\n",
    'workers/fine.ts': "import { worker } from 'multiagents'\nexport default worker('fine', () => ({ n: 1 }))\n",
    'workers/twice.ts': "import { worker } from 'multiagents'\nexport const a = worker('twice', () => ({ n: 1 }))\nexport const b = worker('twice', () => ({ n: 2 }))\n",
  })
  const types = await typesOf(options)
  assert.equal(types.fine, '{ …: unknown } -> { n: number }')
  assert.equal(types.twice, undefined)
})

test('types are kept until a file that they come from changes', async (t) => {
  const options = project(t, {
    'workers/a.ts': "import { worker } from 'multiagents'\nimport type { Out } from '../shared'\nexport default worker('a', (): Out => ({ n: 1 }))\n",
    'shared.ts': 'export interface Out { n: number }\n',
  })
  const fresh = async () => {
    const result = await readWorkerTypes(options)
    assert.ok('workers' in result)
    const [types] = [...result.workers.values()]
    return [result.fresh, types && show(types.output)]
  }
  assert.deepEqual(await fresh(), [true, '{ n: number }'])
  assert.deepEqual(await fresh(), [false, '{ n: number }'])
  write(options.projectDir, 'shared.ts', 'export interface Out { n: 1 }\n')
  assert.deepEqual(await fresh(), [true, '{ n: 1 }'])
  const cache = join(options.cacheDir, 'worker-types.json')
  writeFileSync(cache, readFileSync(cache, 'utf8').slice(0, 100))
  assert.deepEqual(await fresh(), [true, '{ n: 1 }'])
})

test('without TypeScript, or with an older one, there is a reason', async (t) => {
  const options = project(t, { 'workers/a.ts': "import { worker } from 'multiagents'\nexport default worker('a', () => ({ n: 1 }))\n" })
  assert.deepEqual(await readWorkerTypes({ ...options, from: [options.projectDir] }), { unchecked: 'TypeScript is not installed', hint: 'install it: npm install --save-dev typescript@7' })
  write(options.projectDir, 'node_modules/typescript/package.json', '{ "name": "typescript", "version": "5.9.3" }')
  assert.deepEqual(await readWorkerTypes({ ...options, from: [options.projectDir] }), { unchecked: 'TypeScript 5.9.3 is installed, and 7 is needed', hint: 'install it: npm install --save-dev typescript@7' })
  write(options.projectDir, 'node_modules/typescript/package.json', '{ "name": "typescript", "version": "8.0.0" }')
  const result = await readWorkerTypes({ ...options, from: [options.projectDir] })
  assert.ok('unchecked' in result && /typescript\/unstable\/sync|Cannot find/.test(result.unchecked), JSON.stringify(result))
})

/** Each level doubles: the checker itself would not end. */
const HOSTILE = `
import { worker } from 'multiagents'
type Twice<T, N extends number[]> = N['length'] extends 40 ? T : Twice<{ a: T; b: T } | { c: T; d: T }, [...N, 1]>
type Chain<N extends string> = N extends \`\${infer A}\${infer B}\` ? Chain<B> | A : never
interface Deep<T> { next: Deep<T[]>; value: T }
export const a = worker('deep', (): Deep<number> => null as never)
export const b = worker('twice', (): Twice<1, []> => null as never)
export const c = worker('wide', () => ({ ${Array.from({ length: 3_000 }, (_, i) => `m${i}: ${i}`).join(', ')} }))
`

test('types of hostile files are bounded', async (t) => {
  const options = project(t, { 'workers/a.ts': HOSTILE })
  const began = process.hrtime.bigint()
  const result = await readWorkerTypes({ ...options, timeoutMs: 5_000 })
  const ms = Number(process.hrtime.bigint() - began) / 1e6
  assert.ok(ms < 8_000, `${ms} ms`)
  if ('workers' in result) assert.ok(JSON.stringify([...result.workers]).length < 1_000_000)
  else assert.match(result.unchecked, /took longer/)
})

/** Stands where the checker does, starts a process as it does, and never comes back. */
const ENDLESS = `import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
writeFileSync('pids', process.pid + ' ' + child.pid)
for (;;);
`

/** A process that has ended may wait for somebody to ask for its exit code. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('a checker that does not end is ended, with all of its processes', async (t) => {
  const options = project(t, {
    'workers/a.ts': "import { worker } from 'multiagents'\nexport default worker('a', () => ({ n: 1 }))\n",
    'node_modules/typescript/package.json': '{ "name": "typescript", "version": "7.1.0", "type": "module", "exports": { "./package.json": "./package.json", "./unstable/sync": "./sync.js" } }',
    'node_modules/typescript/sync.js': ENDLESS,
  })
  const result = await readWorkerTypes({ ...options, timeoutMs: 3_000 })
  assert.deepEqual(result, { unchecked: 'the types took longer than 3 s', hint: 'mag validate checks the rest; see docs/types.md' })
  const pids = readFileSync(join(options.projectDir, 'pids'), 'utf8').split(' ').map(Number)
  assert.equal(pids.length, 2)
  // The system ends them in its own time, which is soon.
  for (let turns = 0; pids.some(isRunning); turns++) {
    assert.ok(turns < 1_000, `${pids.filter(isRunning).join(', ')} still run`)
    await new Promise((resolve) => setImmediate(resolve))
  }
})
