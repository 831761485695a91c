/** The package as users get it: packed, installed into an empty folder, run, type-checked; and what an older Node is told. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { bin, root } from './mag.ts'

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
const dir = mkdtempSync(join(tmpdir(), 'mag-package-'))
const home = join(dir, 'home')
let packed: string[] = []

/** With the Node that runs the tests first, as somebody who has it installed. */
function run(program: string, args: string[], cwd = home): { status: number | null; stdout: string; stderr: string } {
  // `npm test` tells its scripts of this repository, which nothing here may know of.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^(?:NODE_OPTIONS|NODE_PATH|INIT_CWD)$/i.test(name)))
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd, encoding: 'utf8', env: { ...env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter), LANG: 'C.UTF-8', CI: '', NO_COLOR: '1', npm_config_update_notifier: 'false' },
  })
  if (error) throw error
  return { status, stdout, stderr }
}

function ok(program: string, args: string[], cwd = home): string {
  const { status, stdout, stderr } = run(program, args, cwd)
  assert.equal(status, 0, `${program} ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout
}

function write(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, name)), { recursive: true })
    writeFileSync(join(home, name), text)
  }
}

before(() => {
  mkdirSync(home)
  // Its scripts would build dist/ anew under the feet of other tests.
  const [tarball] = JSON.parse(ok('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir], root)) as Array<{ filename: string; files: Array<{ path: string }> }>
  assert.ok(tarball)
  packed = tarball.files.map(({ path }) => path)
  write({ 'package.json': '{ "name": "home", "private": true, "type": "module" }\n' })
  // No package may need an install script of its own.
  ok('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', join(dir, tarball.filename)])
})
after(() => rmSync(dir, { recursive: true, force: true }))

test('the tarball holds what is needed, and nothing else', () => {
  for (const file of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'bin/mag', 'dist/mag.cjs', 'dist/index.js', 'dist/types/index.d.ts']) assert.ok(packed.includes(file), file)
  const foreign = packed.filter((path) => !/^(bin|dist|schema)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/.test(path))
  assert.deepEqual(foreign, [])
  assert.ok((statSync(join(home, 'node_modules/multiagents/bin/mag')).mode & 0o111) !== 0, 'bin/mag can be executed')
})

test('npx mag --version', () => {
  assert.equal(ok('npx', ['--no-install', 'mag', '--version']), `${version}\n`)
})

test('npx mag run: a workflow of two steps with a TypeScript worker, in a folder that never saw this repository', () => {
  write({
    'workflows/greet.yaml': 'name: greet\ninputs:\n  name: { type: string }\nsteps:\n  - { id: hello, worker: say_hello }\n  - { id: shout, worker: shout, retry: 3, timeout: 10s, if: inputs.name != "nobody" }\noutputs:\n  text: ${{ steps.shout.output.text }}\n',
    'workers/greet.ts': `import { worker, type TaskHandle } from 'multiagents'
enum Tone { Loud = 'loud' }
export const sayHello = worker('say_hello', (context: { name: string }, task: TaskHandle) => ({ text: \`Hello, \${context.name}!\`, tone: Tone.Loud, step: task.run.step }))
export const shout = worker('shout', ({ text }: { text: string }) => ({ text: text.toUpperCase() } satisfies { text: string }))
`,
  })
  assert.match(ok('npx', ['--no-install', 'mag', 'validate']), /✔ 1 workflow, 2 workers checked/)
  for (let time = 0; time < 2; time++) {
    const { status, stdout, stderr } = run('npx', ['--no-install', 'mag', 'run', 'greet', '-i', 'name=Ada'])
    assert.deepEqual([status, stdout], [0, '{"text":"HELLO, ADA!"}\n'], stderr)
  }
  assert.equal(ok('npx', ['--no-install', 'mag', 'list', '-o', 'ids']).trim().split('\n').length, 2)
  assert.equal(readFileSync(join(home, '.mag/.gitignore'), 'utf8').trim(), '*')
})

const PROGRAM = `import { worker, defineWorker, WorkflowBuilder, createFramework, NonRetryableError, MagError } from 'multiagents'
import type { Framework, JsonObject, RunEvent, TaskHandle } from 'multiagents'

const double = worker('double', { retry: 2, timeout: '5s' }, async (context: { n: number }, task: TaskHandle) => {
  if (context.n < 0) throw new NonRetryableError('negative', { code: 'NEGATIVE', details: { n: context.n } })
  task.log.info('doubling')
  return { n: context.n * 2 }
})
const negate = defineWorker({ name: 'negate', run: (context: { n: number }) => ({ n: -context.n }) })
const workflow = new WorkflowBuilder('sums').addStep('first', 'double').addStep('second', 'negate').build()

const framework: Framework = await createFramework({ workflows: [workflow] })
try {
  framework.workerManager.register(double, negate)
  const seen: Array<RunEvent['type']> = []
  framework.eventBus.subscribe(({ event }) => void seen.push(event.type))
  await framework.eventBus.start()
  await framework.workerManager.start()
  await framework.orchestrator.start()
  const input: JsonObject = { n: 21 }
  const id: string = await framework.orchestrator.executeWorkflow('sums', input)
  const { state, output } = await framework.orchestrator.waitFor(id)
  console.log(state, JSON.stringify(output), seen.at(-1))
  await framework.orchestrator.executeWorkflow('none').catch((error: unknown) => console.log(error instanceof MagError ? error.code : 'other'))
} finally {
  await framework.close()
}
`
const settings = (more: object) => JSON.stringify({
  compilerOptions: { target: 'es2024', lib: ['es2024', 'esnext.disposable'], module: 'nodenext', strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noEmit: true, typeRoots: [join(root, 'node_modules/@types')], types: ['node'], ...more },
  files: ['program.ts'],
})

test('a program that imports the library passes a strict type check, its declarations included, and runs', () => {
  write({ 'program.ts': PROGRAM, 'tsconfig.json': settings({ skipLibCheck: false }) })
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  assert.equal(ok(process.execPath, [tsc, '-p', 'tsconfig.json']), '')
  // The types are the workers' own: a context that does not fit is an error.
  write({ 'program.ts': PROGRAM.replace("executeWorkflow('sums', input)", "executeWorkflow('sums', 5)") })
  const wrong = run(process.execPath, [tsc, '-p', 'tsconfig.json'])
  assert.notEqual(wrong.status, 0)
  assert.match(wrong.stdout, /program\.ts\(\d+,\d+\): error TS\d+/)
  write({ 'program.ts': PROGRAM })
  assert.equal(ok(process.execPath, ['program.ts']), 'completed {"first":{"n":42},"second":{"n":-42}} run.finished\nMAG2001\n')
})

test('what is installed is small', () => {
  const packages = readdirSync(join(home, 'node_modules')).flatMap((name) => (name.startsWith('@') ? readdirSync(join(home, 'node_modules', name)) : [name]))
  assert.ok(packages.length < 100, `${packages.length} packages`)
  const { dependencies } = JSON.parse(readFileSync(join(home, 'node_modules/multiagents/package.json'), 'utf8')) as { dependencies: object }
  assert.ok(Object.keys(dependencies).length <= 15)
})

test('an older Node is told so, in one sentence, with exit code 2', (t) => {
  const older: string | undefined = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path) && /^v(1\d|2[0-3])\./.test(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout))
  if (older === undefined) return t.skip('SKIPPED: there is no Node older than 24 in /usr/bin or /usr/local/bin')
  for (const program of [bin, join(home, 'node_modules/multiagents/bin/mag')]) {
    for (const args of [['run', 'greet'], ['--version'], []] as string[][]) {
      const { status, stdout, stderr } = run(older, [program, ...args])
      assert.deepEqual([status, stdout], [2, ''])
      assert.match(stderr, /^error MAG0001: mag needs Node 24\.19 or newer; this is v\d+\.\d+\.\d+\n$/)
    }
  }
})
