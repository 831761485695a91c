/** What the pages must mention: every command and option, every export, every key, every code; and links that lead somewhere. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { GLOBAL_OPTIONS, type CommandSpec, type OptionSpec } from '../../src/cli/args.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { EXIT } from '../../src/cli/errors.ts'
import { EXIT_CODES } from '../../src/cli/exit-codes.ts'
import { stepSchema } from '../../src/definition/check-steps.ts'
import { checkWorkflow } from '../../src/definition/check.ts'
import { TAKES } from '../../src/definition/language-step.ts'
import { isObject } from '../../src/model/json.ts'
import { anchors, page, pages, root, section, spans, tableRows, withoutBlocks } from './pages.ts'
import { SKIPPED } from './scratch.ts'

for (const { name, text } of pages) {
  test(`${name}: links lead somewhere`, () => {
    for (const [, target = ''] of withoutBlocks(text).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [file = '', anchor] = target.split('#')
      const path = file === '' ? name : join(dirname(name), file)
      assert.ok(existsSync(join(root, path)), `${name} links to ${target}`)
      if (anchor !== undefined) assert.ok(anchors(readFileSync(join(root, path), 'utf8')).has(anchor), `${name} links to ${target}: no such heading`)
    }
  })
}

test('every page of docs/ is listed in the README', () => {
  for (const { name } of pages) if (name !== 'README.md') assert.ok(page('README.md').text.includes(`(${name})`), `the README does not link to ${name}`)
})

test('what is skipped stands on a page', () => {
  for (const command of Object.keys(SKIPPED)) assert.ok(pages.some(({ text }) => text.includes(command)), `no page has ${command}`)
})

/** Options in code in the first cells of a section's tables. */
function optionsIn(text: string): string[] {
  return tableRows(text, ['option']).flatMap(([first = '']) => spans(first)).filter((span) => span.startsWith('-') && span !== '-').sort()
}

function optionsOf(specs: readonly OptionSpec[]): string[] {
  return specs.flatMap(({ long, short }) => [`--${long}`, ...(short ? [`-${short}`] : [])])
}

const unique = (items: readonly string[]): string[] => [...new Set(items)].sort()

test('docs/cli.md has every command with exactly its options', () => {
  const { text } = page('docs/cli.md')
  for (const command of COMMANDS) {
    const own = section(text, `mag ${command.name}`)
    const parts: readonly CommandSpec[] = command.commands ?? [command]
    for (const part of parts) {
      const name = part === command ? `mag ${command.name}` : `mag ${command.name} ${part.name}`
      assert.ok(spans(own).some((span) => span === name || span.startsWith(`${name} `)), `the section of mag ${command.name} does not show \`${name}\``)
      for (const arg of part.args ?? []) assert.ok(own.includes(arg.optional ? `[${arg.name}` : `<${arg.name}`), `\`${name}\` is shown without its argument ${arg.name}`)
    }
    assert.deepEqual(unique(optionsIn(own)), unique(parts.flatMap((part) => optionsOf(part.options ?? []))), `options in the section of mag ${command.name}`)
  }
  const everywhere = section(text, 'Options of every command')
  assert.deepEqual(unique(optionsIn(everywhere)), unique([...optionsOf(GLOBAL_OPTIONS), '--help', '-h', '--version', '-V']))
  const choices = GLOBAL_OPTIONS.flatMap((option) => option.choices ?? [])
  for (const choice of choices) assert.ok(spans(everywhere).includes(choice), `the choice ${choice} is not named`)
})

test('docs/cli.md has every exit code', () => {
  const told = tableRows(section(page('docs/cli.md').text, 'Exit codes'), ['code']).map(([code = '']) => Number(code))
  const printed = [...EXIT_CODES.matchAll(/^ {2}(\d+) /gm)].map(([, code]) => Number(code))
  assert.deepEqual(told, printed)
  assert.deepEqual([...told].sort((a, b) => a - b), Object.values(EXIT).sort((a, b) => a - b))
})

test('docs/cli.md has every type of event', () => {
  const source = readFileSync(`${root}src/model/event.ts`, 'utf8')
  const types = [...source.matchAll(/type: '((?:run|step|compensation)\.[a-z_]+)'/g)].map(([, type = '']) => type)
  const told = tableRows(section(page('docs/cli.md').text, 'Events'), ['type']).flatMap(([first = '']) => spans(first))
  assert.deepEqual(unique(told), unique(types))
})

test('docs/library.md has every export', () => {
  const source = readFileSync(`${root}src/index.ts`, 'utf8')
  const listed = [...source.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, names = '']) => names.split(',').map((name) => name.trim()))
  const declared = [...source.matchAll(/export (?:async )?(?:function|class|const|interface|type) (\w+)/g)].map(([, name = '']) => name)
  const { text } = page('docs/library.md')
  assert.ok(listed.length + declared.length > 10, 'exports were found')
  for (const name of [...listed, ...declared]) assert.ok(new RegExp(`\\b${name}\\b`).test(text), `docs/library.md does not mention ${name}`)
})

/** Keys of a JSON Schema's properties, at every depth; `deprecated` ones are other spellings. */
function keysIn(schema: unknown, found = new Set<string>()): Set<string> {
  if (Array.isArray(schema)) for (const one of schema) keysIn(one, found)
  if (!isObject(schema)) return found
  for (const [name, inner] of Object.entries(schema)) {
    if (name === 'properties' && isObject(inner)) for (const [key, one] of Object.entries(inner)) if (!(isObject(one) && 'deprecationMessage' in one)) found.add(key)
    keysIn(inner, found)
  }
  return found
}

/** Top-level keys, as the checker itself lists them; those that it knows but does not take yet are left out. */
function workflowKeys(): string[] {
  const problemsOf = (key: string) => checkWorkflow({ file: 'workflows/w.yaml', text: `${key}: 1\nsteps: [{ id: a, run: b }]\n` }).problems
  const help = problemsOf('qqqqqqqq').find(({ code }) => code === 'MAG1003')?.help ?? ''
  const known = help.replace(/^.*?: /, '').split(', ')
  assert.ok(known.includes('steps') && known.length > 5, help)
  return known.filter((key) => !problemsOf(key).some(({ code }) => code === 'MAG1004'))
}

test('docs/language.md has every key that a definition may have', () => {
  const { text } = page('docs/language.md')
  const keys = [...workflowKeys(), ...keysIn(stepSchema())]
  assert.ok(keys.length > 40, 'keys were found')
  for (const key of unique(keys)) assert.ok(new RegExp(`(?<![\\w-])${key}(?![\\w-])`).test(text), `docs/language.md does not mention ${key}`)
})

test('docs/language.md says which keys each kind takes', () => {
  const kinds = new Map(tableRows(section(page('docs/language.md').text, 'More keys of a step'), ['kind', 'takes']).map(([kind = '', takes = '']) => [spans(kind)[0], spans(takes)]))
  for (const [kind, keys] of Object.entries(TAKES)) {
    const told = kinds.get(kind)
    assert.deepEqual(unique(told ?? []), unique([...keys]), kind)
  }
})
