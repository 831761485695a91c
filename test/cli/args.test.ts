/** The quick reader and commander must mean the same; what the quick one does not know it must leave to commander. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readArgs } from '../../src/cli/args.ts'
import { askCommander, helpText } from '../../src/cli/commander.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { EXIT_CODES } from '../../src/cli/exit-codes.ts'
import { MagError } from '../../src/model/error.ts'
import { golden } from '../view/golden.ts'

const ask = (argv: string[]) => {
  let text = ''
  const outcome = askCommander(COMMANDS, argv, { version: '1.2.3', columns: 80, put: (part) => { text += part } })
  return { ...outcome, text }
}

const GOOD = [
  'run w', 'run w -i a=b -i c:=3', 'run ./w.yaml --input x.json --timeout 5m', 'run w --input - --json', 'run -C /tmp w --no-color', 'run w --color -o json', 'run w --no-wait --id k-1',
  'run w --detach', '--store memory: run w', 'run w --output=jsonl --progress none', 'status', 'status TX-1 --watch --exit-status', 'status TX-1 -w', 'list --state failed --limit 5 --since 24h',
  'history @last', 'logs TX -f --step charge', 'cancel TX --reason why', 'resume @last -q', 'validate', 'validate a.yaml b.yaml --json', 'workflows list', 'workflows show w -o yaml',
  'workflows validate a.yaml', 'workers list', 'workers run w --input -', 'doctor --debug', 'explain MAG1001',
]

test('both readers mean the same', () => {
  for (const line of GOOD) {
    const argv = line.split(' ')
    const quick = readArgs(COMMANDS, argv)
    const slow = ask(argv).invocation
    assert.ok(quick, `the quick reader leaves "${line}" to commander`)
    assert.ok(slow, line)
    assert.deepEqual([...quick.path], [...slow.path], line)
    assert.deepEqual([...quick.args], [...slow.args], line)
    const given = Object.fromEntries(Object.entries(slow.options).filter(([key, value]) => value !== undefined && !(key === 'wait' && value === true)))
    assert.deepEqual(quick.options, given, line)
    assert.equal(quick.run, slow.run, line)
  }
})

test('what commander reads and the quick reader does not', () => {
  for (const line of ['run w -ia=b', 'run w -qf=1'.slice(0, 8), 'logs TX -fq']) {
    const argv = line.split(' ')
    assert.ok(ask(argv).invocation, line)
  }
  assert.equal(readArgs(COMMANDS, ['run', 'w', '-ia=b']), undefined)
})

const BAD: Array<[line: string, message: RegExp]> = [
  ['rnu w', /unknown command 'rnu'. Did you mean run\?/], ['run', /missing required argument 'workflow'/], ['run a b', /too many arguments/],
  ['run w --timout 3', /unknown option '--timout'. Did you mean --timeout\?/], ['run w -o xml', /invalid. There are: text, json/], ['run w --input', /argument missing/],
  ['workers lst', /unknown command 'lst'/], ['explain', /missing required argument 'code'/], ['list x', /too many arguments/], ['run w --json=1', /./],
]

test('a command line that means nothing is a usage error with a next step', () => {
  for (const [line, message] of BAD) {
    const argv = line.split(' ')
    assert.equal(readArgs(COMMANDS, argv), undefined, line)
    if (line === 'run w --json=1') continue
    assert.throws(() => ask(argv), (error) => error instanceof MagError && error.code === 'MAG2000' && error.exitCode === 2 && message.test(error.message) && /--help/.test(error.hint ?? ''), line)
  }
})

test('help is asked for in every usual way', () => {
  for (const line of ['--help', '-h', 'help', 'run --help', 'run -h', 'help run', 'workers', 'workers --help', 'workers run --help']) {
    const { helped, text, invocation } = ask(line.split(' '))
    assert.ok(helped && !invocation, line)
    assert.match(text, /Usage: mag/, line)
  }
})

test('every command has examples, and its help begins with them', () => {
  const visit = (path: string[], commands: typeof COMMANDS): void => {
    for (const command of commands) {
      const here = [...path, command.name]
      if (command.commands) visit(here, command.commands)
      else assert.match(helpText(COMMANDS, here, { version: '1', columns: 80 }), /^[^\n]+\n\nExamples:\n {2}mag /, here.join(' '))
    }
  }
  visit([], COMMANDS)
})

for (const columns of [40, 80, 200]) {
  test(`help at ${columns} columns`, () => {
    const text = [[], ['run'], ['workers']].map((path) => helpText(COMMANDS, path, { version: '1.2.3', columns })).join(`${'-'.repeat(columns)}\n`)
    golden(new URL(`../view/golden/help-${columns}.txt`, import.meta.url), text)
  })
}

test('exit codes', () => golden(new URL('../view/golden/exit-codes.txt', import.meta.url), EXIT_CODES))
