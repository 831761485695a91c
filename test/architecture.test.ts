/**
 * The walls: layers, cycles, forbidden calls, sizes. A failure names the file and what to do instead.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

const root = new URL('..', import.meta.url).pathname
const files = globSync('src/**/*.ts', { cwd: root }).sort()
const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]))

/** What each part of src may import, besides itself. A backend's implementation: the contract and the model only. */
const MAY_IMPORT: Record<string, string[]> = {
  model: [],
  definition: ['model'],
  engine: ['model', 'definition'],
  view: ['model', 'definition'],
  backend: ['model'],
  runtime: ['model', 'definition', 'engine', 'view', 'backend'],
  cli: ['model', 'definition', 'view', 'backend', 'runtime', 'engine'],
  'index.ts': ['model', 'definition', 'runtime', 'view', 'backend'],
}
const PURE = ['model', 'definition', 'engine', 'view']
const LIBRARIES: Record<string, RegExp> = {
  model: /^$/,
  engine: /^$/,
  view: /^(string-width)$/,
  definition: /^(yaml|@marcbachmann\/cel-js(\/evaluator)?|re2js|ajv(\/.*)?|ajv-formats|node:(crypto|module))$/,
}

const part = (file: string) => file.split('/')[1] ?? ''

function stripped(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`\\])\/\/.*$/gm, '$1')
}

function imports(file: string): string[] {
  const text = stripped(sources.get(file) ?? '')
  return [...text.matchAll(/(?:\bfrom|\bimport|\brequire|\bload)\s*\(?\s*['"]([^'"\s]+)['"]/g)].map((match) => match[1] ?? '')
}

function local(file: string): string[] {
  return imports(file).filter((name) => name.startsWith('.')).map((name) => normalize(join(dirname(file), name)))
}

test('imports point downwards', () => {
  for (const file of files) {
    for (const target of local(file)) {
      const [from, to] = [part(file), part(target)]
      if (from === to) continue
      assert.ok(MAY_IMPORT[from]?.includes(to), `${file} imports ${target}: ${from} may import ${MAY_IMPORT[from]?.join(', ') || 'nothing'}`)
      if (to === 'backend' && from === 'runtime') {
        assert.match(target, /backend\/(backend|open)\.ts$/, `${file} imports ${target}: only the contract and open.ts are for the runtime`)
      }
    }
  }
})

test('a backend does not import another', () => {
  for (const file of files.filter((name) => /^src\/backend\/(sqlite|redis)\//.test(name))) {
    for (const target of local(file)) {
      assert.ok(part(target) === 'model' || target.startsWith(dirname(file)) || /^src\/backend\/(backend|common)\.ts$/.test(target), `${file} imports ${target}`)
    }
  }
})

test('no import cycles, types included', () => {
  const done = new Set<string>()
  const visit = (file: string, path: string[]): void => {
    assert.ok(!path.includes(file), `cycle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`)
    if (done.has(file)) return
    for (const target of local(file)) if (sources.has(target)) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
})

test('the core is pure: no I/O, no clock, no randomness, few libraries', () => {
  for (const file of files.filter((name) => PURE.includes(part(name)))) {
    for (const name of imports(file).filter((spec) => !spec.startsWith('.'))) {
      assert.match(name, LIBRARIES[part(file)] ?? /^$/, `${file} imports ${name}: the core has no I/O`)
    }
  }
})

test('clocks and randomness live in runtime/clock.ts only', () => {
  const clocks = /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(|\brandomUUID\(|\brandomBytes\(|\bprocess\.hrtime/
  for (const file of files) {
    if (file === 'src/runtime/clock.ts') continue
    // A backend may wait (checkpoints, polling for a hint); what time it is it is told.
    const forbidden = part(file) === 'backend' ? clocks : new RegExp(`${clocks.source}|\\bsetTimeout\\(|\\bsetInterval\\(`)
    const line = stripped(sources.get(file) ?? '').split('\n').find((text) => forbidden.test(text) && !/^\s*(import|export)/.test(text))
    assert.equal(line, undefined, `${file}: ${line?.trim()} – take the time, a timer or random bytes from the Clock`)
  }
})

test('no eval, Function or vm', () => {
  for (const file of files) {
    const text = stripped(sources.get(file) ?? '')
    assert.doesNotMatch(text, /\beval\(|new Function\(|['"](node:)?vm['"]/, file)
  }
})

test('no `any`, no non-null assertion', () => {
  for (const file of files) {
    const text = stripped(sources.get(file) ?? '').replace(/(['"`])(?:\\.|(?!\1).)*\1/gs, "''")
    assert.doesNotMatch(text, /[:<,|&]\s*any\b|\bas any\b/, `${file}: say what it is, or unknown`)
    assert.doesNotMatch(text, /[\w)\]]!(?=[.;,)\]\s[])(?!=)/, `${file}: check instead of asserting with !`)
  }
})

test('files have at most 400 lines, functions 70', () => {
  for (const [file, text] of sources) {
    const lines = text.split('\n')
    assert.ok(lines.length <= 401, `${file} has ${lines.length} lines: split it by noun`)
    for (const { name, length } of functions(lines)) assert.ok(length <= 70, `${file}: ${name} has ${length} lines`)
  }
})

/** Named functions and methods, by indentation: they end at the first closing brace in their own column. */
function functions(lines: string[]): Array<{ name: string; length: number }> {
  const found: Array<{ name: string; length: number }> = []
  for (let i = 0; i < lines.length; i++) {
    const match = /^(\s*)(?:export )?(?:async )?(?:function\*? )(\w+)/.exec(lines[i] ?? '') ?? /^(\s+)(?:async )?(\w+)\([^)]*\)(?::[^={]+)? \{$/.exec(lines[i] ?? '')
    if (!match || ['if', 'for', 'while', 'switch', 'catch'].includes(match[2] ?? '')) continue
    const end = lines.findIndex((line, at) => at >= i && line.startsWith(`${match[1]}}`))
    // A composition root's closure is as long as the parts it wires; its inner functions are counted on their own.
    const inner = lines.slice(i + 1, end).filter((line) => /^\s+(?:async )?function /.test(line)).length
    if (end > i && inner === 0) found.push({ name: match[2] ?? '', length: end - i + 1 })
  }
  return found
}
