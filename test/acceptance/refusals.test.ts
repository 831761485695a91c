/** Refusals of what was typed and of what files hold. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bin, mag, project, startProgram } from './mag.ts'
import { base, refused } from './refusal.ts'

const MIB = 1024 * 1024
const bytes = (file: string, ...values: number[]) => (dir: string): void => writeFileSync(join(dir, file), Buffer.from(values))
/** Takes no space on the disk. */
const sparse = (file: string, size: number) => (dir: string): void => {
  writeFileSync(join(dir, file), '')
  truncateSync(join(dir, file), size)
}
const fifo = (file: string) => (dir: string): void => void execFileSync('mkfifo', [join(dir, file)])

const SECRET = 'secrets: [TOKEN]\nsteps: [{ id: a, worker: touch, with: { t: "${{ secrets.TOKEN }}" } }]\n'

refused([
  { name: 'unknown command', args: ['rnu', 'one'], code: 2, says: [/rnu/, /run/] },
  { name: 'unknown option', args: ['run', 'one', '--inptu', 'x'], code: 2, says: [/--inptu/, /--input/] },
  { name: 'unknown subcommand', args: ['workers', 'lst'], code: 2, says: [/lst/, /list/] },
  { name: 'unknown workflow', args: ['run', 'onee'], code: 6, says: [/onee/, /\bone\b/] },
  { name: 'no workflow', args: ['run'], code: 2, says: [/workflow/] },
  { name: 'two workflows', args: ['run', 'one', 'free'], code: 2, says: [/too many arguments/] },
  { name: 'an option without its value', args: ['run', 'one', '--input'], code: 2, says: [/--input/, /argument missing/] },
  { name: 'a time limit without a unit', args: ['run', 'free', '--timeout', '5'], code: 2, says: [/--timeout 5/, /30s/] },
  { name: 'a negative time limit', args: ['run', 'free', '--timeout=-5s'], code: 2, says: [/--timeout -5s/] },
  { name: 'a background run that nobody could reach', args: ['run', 'free', '--detach', '--store', 'memory:'], code: 2, says: [/memory:/, /--store sqlite:/] },
  { name: 'an unusable key', args: ['run', 'free', '--id', '../x y'], code: 2, says: [/--id/, /letters, digits/] },
  { name: 'an empty key', args: ['run', 'free', '--id', ''], code: 2, says: [/--id/] },
  { name: 'a limit that is no number', args: ['list', '--limit', 'many'], code: 2, says: [/--limit many/] },
  { name: 'a state that nobody knows', args: ['list', '--state', 'done'], code: 2, says: [/"done"/, /completed/] },
  { name: 'a cursor of nobody', args: ['list', '--cursor', 'x', '--store', 'memory:'], code: 2, says: [/cursor/] },
  { name: 'unknown output format', args: ['list', '-o', 'xml'], code: 2, says: [/xml/, /json/] },
  { name: 'no such folder', args: ['list', '-C', 'nowhere'], code: 2, says: [/nowhere/] },
  { name: 'a file as folder', args: ['list', '-C', 'workflows/one.yaml'], code: 2, says: [/one\.yaml/] },
  { name: 'S21 unknown run', args: ['status', 'TX-20200101-000000-aaaaaa'], code: 6, says: [/TX-20200101-000000-aaaaaa/, /mag list/] },
  { name: 'an id with a path in it', args: ['status', '../../etc/passwd'], code: 6, says: [/passwd/] },
  { name: 'an id that drives terminals', args: ['status', 'TX-\u001b[2J'], code: 6, says: [/no run/] },
  { name: '@last of an empty store', args: ['status', '@last'], code: 6, says: [/no run/i] },
  { name: 'a code that nobody knows', args: ['explain', 'NOSUCH'], code: 6, says: [/NOSUCH/] },
  { name: 'workers run: unknown', args: ['workers', 'run', 'tuch', '--input', '{}'], code: 6, says: [/tuch/, /touch/] },
  { name: 'a setting nobody knows', args: ['list'], code: 2, says: [/mag\.config\.yaml:2/, /stroe/], files: { 'mag.config.yaml': 'concurrency: 5\nstroe: x\n' } },
  { name: 'a setting of the wrong kind', args: ['list'], code: 2, says: [/mag\.config\.yaml:1/, /concurrency must be/], files: { 'mag.config.yaml': 'concurrency: lots\n' } },
  { name: 'settings as a directory', args: ['list'], code: 2, says: [/mag\.config\.yaml/], prepare: (dir) => mkdirSync(join(dir, 'mag.config.yaml')) },
])

refused([
  { name: 'workflows/ is a file', args: ['run', 'free'], code: 2, says: [/MAG2004: \S+workflows cannot be used: not a directory/], prepare: (dir) => {
    rmSync(join(dir, 'workflows'), { recursive: true })
    writeFileSync(join(dir, 'workflows'), '')
  } },
  { name: 'workers/ is a file', args: ['run', 'free'], code: 2, says: [/MAG2020: step "a" needs worker "touch"/], prepare: (dir) => {
    rmSync(join(dir, 'workers'), { recursive: true })
    writeFileSync(join(dir, 'workers'), '')
  } },
  { name: '.mag is a file', args: ['run', 'free'], code: 7, says: [/STORE_\w+: the store \S+\.mag\/mag\.db/], prepare: (dir) => writeFileSync(join(dir, '.mag'), '') },
])

test('refused: a current folder that has gone', async (t) => {
  const dir = project(t, { 'gone/x': '' })
  const { code, stdout, stderr } = await startProgram('sh', ['-c', 'cd gone && rm -r ../gone && exec "$0" "$1" list', process.execPath, bin], { cwd: dir }).done
  assert.deepEqual([code, stdout], [2, ''])
  assert.match(stderr, /^error MAG2003: the current folder does not exist any more\n {2}hint {2}cd to/)
})

test('a damaged cache is made anew, without a word', async (t) => {
  const dir = project(t, base)
  assert.equal((await mag(['run', 'free', '-q'], { cwd: dir })).code, 0)
  const cached = globSync('.mag/cache/*', { cwd: dir })
  assert.ok(cached.length >= 2)
  for (const text of ['garbage', '', '{}', 'null', '[]']) {
    for (const file of cached) writeFileSync(join(dir, file), text)
    const { code, stdout, stderr } = await mag(['run', 'free', '-q'], { cwd: dir })
    assert.deepEqual([code, stdout, stderr], [0, '{"a":{}}\n', ''], text)
  }
})

refused([
  { name: 'missing input', args: ['run', 'one'], code: 2, says: [/\bn\b/, /-i n=|--input/] },
  { name: 'wrong type of input', args: ['run', 'one', '--input', '{"n":"x"}'], code: 2, says: [/\bn\b/, /number/] },
  { name: 'unknown input', args: ['run', 'one', '--input', '{"n":1,"m":2}'], code: 2, says: [/\bm\b/] },
  { name: 'several mistakes, all at once', args: ['run', 'one', '--input', '{"nn":1,"b":"x","l":[1,"y"]}'], code: 2, says: [/nn: is no input.*"n"/, /n: is missing/, /b: must be a boolean/, /l\[1\]: must be (?:an )?integer/] },
  { name: 'input is not JSON', args: ['run', 'one', '--input', '{"n":'], code: 2, says: [/JSON/] },
  { name: 'input is no JSON text and no file', args: ['run', 'one', '--input', 'n: 1'], code: 2, says: [/no such file: .*n: 1/, /--input '\{"key": 1\}'/] },
  { name: 'input is a list', args: ['run', 'one', '--input', '[1]'], code: 2, says: [/object/] },
  { name: 'input is null', args: ['run', 'one', '--input', 'null'], code: 2, says: [/must be a JSON object/] },
  { name: 'input is a number', args: ['run', 'one', '--input', '5'], code: 2, says: [/must be a JSON object/] },
  { name: 'input is an empty argument', args: ['run', 'one', '--input', ''], code: 2, says: [/--input is empty/] },
  { name: 'input has __proto__', args: ['run', 'one', '--input', '{"n":1,"__proto__":{"x":1}}'], code: 2, says: [/__proto__/] },
  { name: 'input has __proto__ inside', args: ['run', 'free', '--input', '{"a":[{"constructor":{"prototype":1}}]}'], code: 2, says: [/a\[0\]\.constructor/] },
  { name: 'input has a number too large for JSON', args: ['run', 'free', '--input', '{"a":1e999}'], code: 2, says: [/1e999/, /quotes/] },
  { name: 'input has an integer that would be rounded', args: ['run', 'free', '--input', '{"a":{"id":12345678901234567890}}'], code: 2, says: [/id: the number 12345678901234567890/] },
  { name: 'input file missing', args: ['run', 'one', '--input', 'nothing.json'], code: 2, says: [/nothing\.json/] },
  { name: 'input is a directory', args: ['run', 'one', '--input', 'workflows'], code: 2, says: [/directory/] },
  { name: 'input is binary', args: ['run', 'one', '--input', 'bin.json'], code: 2, says: [/UTF-8/], prepare: bytes('bin.json', 0xff, 0xfe, 0, 1) },
  { name: 'input is an empty file', args: ['run', 'one', '--input', 'empty.json'], code: 2, says: [/empty|JSON/], files: { 'empty.json': '' } },
  { name: 'input of 100 MB', args: ['run', 'one', '--input', 'big.json'], code: 2, says: [/big\.json/, /bytes/], prepare: sparse('big.json', 100 * MIB) },
  { name: 'input nested deeply', args: ['run', 'one', '--input', 'deep.json'], code: 2, says: [/deep|nest/], files: { 'deep.json': `{"n":${'['.repeat(50_000)}${']'.repeat(50_000)}}` } },
  { name: 'input is a FIFO', args: ['run', 'one', '--input', 'pipe.json'], code: 2, says: [/regular file/], prepare: fifo('pipe.json') },
  { name: 'input is /dev/zero', args: ['run', 'one', '--input', '/dev/zero'], code: 2, says: [/regular file/] },
  { name: 'standard input is empty', args: ['run', 'one', '--input', '-'], code: 2, says: [/standard input is not JSON/] },
  { name: 'standard input is not JSON', args: ['run', 'one', '--input', '-'], stdin: 'n=1', code: 2, says: [/standard input is not JSON/] },
  { name: 'standard input of 70 MB', args: ['run', 'one', '--input', '-'], stdin: ' '.repeat(70 * MIB), code: 2, says: [/standard input has more than/] },
  { name: '-i without =', args: ['run', 'one', '-i', 'n'], code: 2, says: [/-i n\b/, /key=value/] },
  { name: '-i without a key', args: ['run', 'one', '-i', '=5'], code: 2, says: [/-i =5/] },
  { name: '-i with an unknown key', args: ['run', 'one', '-i', 'm=1'], code: 2, says: [/m: is no input/, /did you mean "n"/] },
  { name: '-i: text for a number', args: ['run', 'one', '-i', 'n=abc'], code: 2, says: [/n=abc/, /number/] },
  { name: '-i: a word for a boolean', args: ['run', 'one', '-i', 'n=1', '-i', 'b=maybe'], code: 2, says: [/b=maybe/, /true or false/] },
  { name: '-i: text for an object', args: ['run', 'one', '-i', 'n=1', '-i', 'o=x'], code: 2, says: [/\bo\b/, /JSON/] },
  { name: '-i: JSON that is none', args: ['run', 'one', '-i', 'n:=abc'], code: 2, says: [/-i n/, /JSON/] },
  { name: '-i: a list of the wrong things', args: ['run', 'one', '-i', 'n=1', '-i', 'l=[1,"x"]'], code: 2, says: [/l\[1\]/, /integer/] },
  { name: '-i: a number too large', args: ['run', 'one', '-i', 'n:=1e999'], code: 2, says: [/-i n: the number 1e999/] },
  { name: '-i: an integer that would be rounded', args: ['run', 'one', '-i', 'n=12345678901234567890'], code: 2, says: [/-i n: the number 12345678901234567890/] },
  { name: '-i __proto__', args: ['run', 'free', '-i', '__proto__=x'], code: 2, says: [/__proto__/] },
])

const yaml = (text: string) => ({ 'workflows/c.yaml': text })
const BOMB = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'.split('').map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefg'[i]}`).join(',')}]\n`).join('')}`

refused([
  { name: 'definition is missing', args: ['run', './workflows/none.yaml'], code: 6, says: [/none\.yaml/] },
  { name: 'definition is a directory', args: ['run', './workflows'], code: 2, says: [/directory/] },
  { name: 'definition is empty', args: ['run', './workflows/e.yaml'], code: 2, says: [/e\.yaml/, /empty/], files: { 'workflows/e.yaml': '' } },
  { name: 'definition is binary', args: ['run', './b.yaml'], code: 2, says: [/UTF-8/], prepare: bytes('b.yaml', 0xc3, 0x28, 0xff) },
  { name: 'definition with NUL', args: ['run', 'c'], code: 2, says: [/c\.yaml:1:\d+/], files: yaml('na\u0000me: c\n') },
  { name: 'definition of 100 MB', args: ['run', './huge.yaml'], code: 2, says: [/huge\.yaml/], prepare: sparse('huge.yaml', 100 * MIB) },
  { name: 'definition is a FIFO', args: ['run', './pipe.yaml'], code: 2, says: [/regular file/], prepare: fifo('pipe.yaml') },
  { name: 'definition is /dev/zero', args: ['run', '/dev/zero'], code: 2, says: [/regular file/] },
  { name: 'definition is a link to itself', args: ['run', './loop.yaml'], code: 2, says: [/loop\.yaml/], prepare: (dir) => symlinkSync('loop.yaml', join(dir, 'loop.yaml')) },
  { name: 'definition nested deeply', args: ['run', './d.yaml'], code: 2, says: [/d\.yaml:\d+:\d+/], files: { 'd.yaml': '['.repeat(100_000) } },
  { name: 'alias bomb', args: ['run', './l.yaml'], code: 2, says: [/l\.yaml:\d+:\d+/], files: { 'l.yaml': BOMB } },
  { name: 'an alias of itself', args: ['run', 'c'], code: 2, says: [/c\.yaml:1:\d+/, /\*a/], files: yaml('a: &a [*a]\n') },
  { name: 'definition is text', args: ['run', 'c'], code: 2, says: [/c\.yaml:1:1/, /steps/], files: yaml('just text\n') },
  { name: 'definition is a list', args: ['run', 'c'], code: 2, says: [/c\.yaml:1:1/, /steps/], files: yaml('- a\n- b\n') },
  { name: 'half-written', args: ['run', 'c'], code: 2, says: [/c\.yaml:\d+:\d+/], files: yaml('steps:\n  - { id: a, worker: tou') },
  { name: 'D17 cycle', args: ['run', 'c'], code: 2, says: [/c\.yaml:[23]:\d+/, /cycle|circle/], files: yaml('steps:\n  - { id: a, worker: touch, needs: b }\n  - { id: b, worker: touch, needs: a }\n') },
  { name: 'D17 a step that needs itself', args: ['run', 'c'], code: 2, says: [/c\.yaml:2:\d+/, /itself/], files: yaml('steps:\n  - { id: a, worker: touch, needs: a }\n') },
  { name: 'D17 unknown need', args: ['run', 'c'], code: 2, says: [/c\.yaml:3:\d+/, /frist/, /first/], files: yaml('steps:\n  - { id: first, worker: touch }\n  - { id: b, worker: touch, needs: frist }\n') },
  { name: 'D17 duplicate step', args: ['run', 'c'], code: 2, says: [/c\.yaml:3:\d+/], files: yaml('steps:\n  - { id: a, worker: touch }\n  - { id: a, worker: touch }\n') },
  { name: 'D17 unknown field', args: ['run', 'c'], code: 2, says: [/c\.yaml:2:\d+/, /retires/, /retry|retries/], files: yaml('steps:\n  - { id: a, worker: touch, retires: 3 }\n') },
  { name: 'D17 unknown key of the file', args: ['run', 'c'], code: 2, says: [/c\.yaml:1:\d+/, /setps/, /steps/], files: yaml('setps:\n  - { id: a, worker: touch }\n') },
  { name: 'duplicate key', args: ['run', 'c'], code: 2, says: [/c\.yaml:2:\d+/], files: yaml('name: c\nname: d\nsteps:\n  - { id: a, worker: touch }\n') },
  { name: 'wrong types, all at once', args: ['run', 'c'], code: 2, says: [/c\.yaml:1:7/, /c\.yaml:2:10/, /c\.yaml:3:8/], files: yaml('name: 5\ntimeout: 10\nsteps: { a: b }\n') },
  { name: 'keys that reach into prototypes', args: ['run', 'c'], code: 2, says: [/c\.yaml:1:11/, /c\.yaml:3:\d+/, /__proto__/], files: yaml('inputs: { __proto__: { type: string } }\nsteps:\n  - { id: a, worker: touch, with: { __proto__: 1 } }\n') },
  { name: 'a step named __proto__', args: ['run', 'c'], code: 2, says: [/c\.yaml:2:\d+/, /__proto__/], files: yaml('steps:\n  - { id: __proto__, worker: touch }\n') },
  { name: 'a YAML tag', args: ['run', 'c'], code: 2, says: [/c\.yaml:2:\d+/, /tag/i], files: yaml('steps:\n  - { id: a, worker: !!js/function "x" }\n') },
  { name: 'an expression that ends too early', args: ['run', 'c'], code: 2, says: [/c\.yaml:2:\d+/], files: yaml('steps:\n  - { id: a, worker: touch, if: "1 +" }\n') },
  { name: 'S19 unknown worker', args: ['run', 'c'], code: 2, says: [/tuoch/, /touch/, /\bs1\b/, /c\.yaml:3:\d+/], files: yaml('steps:\n  - { id: s0, worker: touch }\n  - { id: s1, worker: tuoch }\n') },
  { name: 'S19 unknown worker of a compensation', args: ['run', 'c'], code: 2, says: [/undo_it/, /\bs0\b/], files: yaml('steps:\n  - { id: s0, worker: touch, compensate: undo_it }\n') },
  { name: 'S19 several unknown workers', args: ['run', 'c'], code: 2, says: [/toch/, /other/], files: yaml('steps:\n  - { id: s0, worker: toch }\n  - { id: s1, worker: other }\n') },
  { name: 'the same is said by validate', args: ['validate'], code: 2, says: [/c\.yaml:2:\d+/, /c\.yaml:3:\d+/, /2 problems in 1 of 3 files/], files: yaml('steps:\n  - { id: a, worker: tuoch }\n  - { id: b, worker: touch, retires: 3 }\n') },
])

test('D17: validate rejects a cycle, an unknown need, a duplicate step and an unknown field, each at its line', async (t) => {
  const step = (rest: string) => `  - { id: ${rest} }\n`
  const dir = project(t, {
    ...base,
    'workflows/cycle.yaml': `steps:\n${step('a, worker: touch, needs: c')}${step('b, worker: touch')}${step('c, worker: touch')}`,
    'workflows/need.yaml': `steps:\n${step('a, worker: touch')}${step('b, worker: touch, needs: [a, missing]')}`,
    'workflows/twice.yaml': `steps:\n${step('a, worker: touch')}${step('b, worker: touch')}${step('a, worker: touch')}`,
    'workflows/field.yaml': `steps:\n${step('a, worker: touch')}  - id: b\n    worker: touch\n    retires: 3\n`,
  })
  const { code, stdout } = await mag(['validate', '--json'], { cwd: dir })
  const { ok, problems } = JSON.parse(stdout) as { ok: boolean; problems: Array<{ file: string; line: number; column: number; message: string; severity: string }> }
  assert.deepEqual([code, ok, problems.map(({ severity }) => severity)], [2, false, Array(4).fill('error')])
  const placed = Object.fromEntries(problems.map(({ file, line }) => [file.slice('workflows/'.length), line]))
  const { 'cycle.yaml': cycle = 0, ...others } = placed
  assert.deepEqual(others, { 'field.yaml': 5, 'need.yaml': 3, 'twice.yaml': 4 })
  assert.ok(cycle >= 2 && cycle <= 4, 'at one of its steps')
  for (const says of [/circle|cycle/, /"?retires"?/, /"missing"/, /"a"/]) assert.ok(problems.some(({ message }) => says.test(message)), String(says))
  assert.equal((await mag(['validate', 'workflows/one.yaml', 'workflows/need.yaml'], { cwd: dir })).code, 2)
  assert.equal((await mag(['validate', 'workflows/one.yaml'], { cwd: dir })).code, 0)
})

test('half-written at any byte: exit 0 or 2, a place in the file, nothing thrown', { timeout: 120_000 }, async (t) => {
  const text = 'name: half\ninputs:\n  n: { type: number }\nsteps:\n  - id: a\n    worker: touch\n    if: ${{ inputs.n > 1 }}\n    with: { k: "v ${{ inputs.n }}" }\n'
  const parts: Record<string, string> = {}
  for (let i = 1; i < text.length; i += 3) parts[`workflows/h${i}.yaml`] = text.slice(0, i)
  const result = await mag(['validate', '-o', 'json'], { cwd: project(t, { ...base, ...parts }) })
  assert.equal(result.code, 2)
  const { problems } = JSON.parse(result.stdout) as { problems: Array<{ file: string; line: number; column: number }> }
  for (const problem of problems) assert.ok(problem.file.startsWith('workflows/') && problem.line >= 1 && problem.column >= 1)
})

test('with --json the refusal is on stdout, too, in one document', async (t) => {
  const dir = project(t, { ...base, ...yaml('steps: 5\n') })
  for (const [args, code] of [[['run', 'c', '--json'], 'MAG1000'], [['run', 'one', '-o', 'json'], 'MAG2010'], [['status', 'TX-1', '--json'], 'MAG2006'], [['rnu', '--json'], 'MAG2000']] as const) {
    const { stdout } = await mag([...args], { cwd: dir })
    const document = JSON.parse(stdout) as { schema: string; error: { code: string; message: string; hint: string } }
    assert.deepEqual([document.schema, document.error.code], ['mag.error/v1', code])
    assert.ok(document.error.message !== '' && document.error.hint !== '')
  }
})

test('a stack trace only with --debug', async (t) => {
  const dir = project(t, base)
  assert.doesNotMatch((await mag(['run', 'one'], { cwd: dir })).stderr, /\n\s+at /)
  assert.match((await mag(['run', 'one', '--debug'], { cwd: dir })).stderr, /\n\s+at /)
})

refused([
  {
    name: 'two workflows of one name', args: ['validate'], code: 2, says: [/MAG1052: The name "same" is that of workflows\/a\.yaml already/, /workflows\/b\.yaml:2:1/],
    files: { 'workflows/a.yaml': 'name: same\nsteps: [{ id: a, worker: touch }]\n', 'workflows/b.yaml': '# b\nname: same\nsteps: [{ id: a, worker: touch }]\n' },
  },
  {
    name: 'a configuration that is a FIFO', args: ['run', 'free'], code: 2, says: [/mag\.config\.yaml is not a regular file/],
    prepare: fifo('mag.config.yaml'),
  },
  { name: 'a child that there is not', args: ['run', 'parent'], code: 2, says: [/MAG1051/, /did you mean "fre[e]"/, /workflows\/parent\.yaml:1:30/], files: { 'workflows/parent.yaml': 'steps: [{ id: sub, workflow: fre }]\n' } },
  {
    name: 'a child with errors', args: ['run', 'parent'], code: 2, says: [/MAG1000: workflows\/broken\.yaml, which the run may start as a child, has errors/, /Unknown key "stps"/],
    files: { 'workflows/parent.yaml': 'steps: [{ id: sub, workflow: broken }]\n', 'workflows/broken.yaml': 'stps: []\n' },
  },
  { name: 'a child whose worker is missing', args: ['run', 'parent'], code: 2, says: [/step "b" needs worker "gone"/], files: { 'workflows/parent.yaml': 'steps: [{ id: sub, workflow: child }]\n', 'workflows/child.yaml': 'steps: [{ id: b, worker: gone }]\n' } },
  { name: 'a secret that is not set', args: ['run', 'secret'], code: 2, says: [/MAG2042: the secret TOKEN is not set/, /--secrets-file/], files: { 'workflows/secret.yaml': SECRET } },
  { name: 'a secrets file that is none', args: ['run', 'secret', '--secrets-file', 's.env'], code: 2, says: [/MAG2043: line 2 of the secrets file is not of the form NAME=value/, /s\.env:2:1/], files: { 'workflows/secret.yaml': SECRET, 's.env': 'TOKEN=x\nhidden value\n' } },
  { name: 'a secrets file of JSON that is none', args: ['run', 'secret', '--secrets-file', 's.json'], code: 2, says: [/MAG2043: line 1 of the secrets file begins like JSON and is none/], files: { 'workflows/secret.yaml': SECRET, 's.json': '{"TOKEN": "hidden' } },
  { name: 'no secrets file', args: ['run', 'secret', '--secrets-file', 'nowhere.env'], code: 2, says: [/MAG2002: no such file: .*nowhere\.env/], files: { 'workflows/secret.yaml': SECRET } },
])
