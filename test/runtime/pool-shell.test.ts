import assert from 'node:assert/strict'
import { mkdtempSync, mkdirSync, readFileSync, realpathSync, rmSync, watch, writeFileSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { LogLine } from '../../src/backend/backend.ts'
import { errorOf, gate, outputOf, poolFixture } from './pool-fixture.ts'

function folder(t: TestContext): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'mag-shell-')))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** A pool that says when a line was logged. */
function listening(projectDir?: string) {
  const first = gate<LogLine>()
  return { ...poolFixture({ onLog: first.open, ...(projectDir ? { projectDir } : {}) }), line: first.promise }
}

function isAlive(pid: number): boolean {
  try {
    // A zombie is dead.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

test('a script ends with its streams; stdout that is JSON is parsed', async () => {
  const { shell, logs } = poolFixture()
  assert.deepEqual(outputOf(await shell('echo \'{"n": 1}\'; echo careful >&2')), { exit_code: 0, stdout: '{"n": 1}', stderr: 'careful', json: { n: 1 } })
  assert.deepEqual(logs.map(({ level, message }) => [level, message]).sort(), [['info', '{"n": 1}'], ['warn', 'careful']])
  assert.deepEqual(outputOf(await shell('printf "a\\n\\n"')), { exit_code: 0, stdout: 'a\n', stderr: '' })
  assert.deepEqual(outputOf(await shell('true')), { exit_code: 0, stdout: '', stderr: '' })
})

test('a script stops at its first failing command, in pipes too', async () => {
  const { shell } = poolFixture()
  const error = errorOf(await shell('echo out; echo "line 1" >&2; echo why >&2; exit 3'))
  assert.deepEqual([error.how, error.code, error.retryable, error.message], ['thrown', 'EXIT_3', true, 'line 1\nwhy'])
  assert.deepEqual(error.details, { exit_code: 3, stdout: 'out', stderr: 'line 1\nwhy' })
  assert.equal(errorOf(await shell('false | cat; echo not here')).code, 'EXIT_1')
  assert.equal(errorOf(await shell('kill -TERM $$')).code, 'EXIT_143')
})

test('payloads in variables stay data', async (t) => {
  const dir = folder(t)
  const { shell } = poolFixture({ projectDir: dir })
  const payloads = ['$(touch owned)', '`touch owned`', '; touch owned', '"; touch owned; "', "'; touch owned; '", '\n touch owned\n', '-rf /', '${IFS}', '\\', '✓ ü']
  for (const payload of payloads) {
    const output = outputOf(await shell('printf %s "$VALUE"', { input: { env: { VALUE: payload } } })) as { stdout: string }
    assert.equal(output.stdout, payload.replace(/\n$/, ''))
  }
  assert.equal(existsSync(join(dir, 'owned')), false)
})

test('the environment is a short list and the step\'s own; dangerous names are refused', async () => {
  const { shell } = poolFixture()
  process.env['MAG_TEST_SECRET'] = 'parent only'
  const output = outputOf(await shell('env', { input: { env: { OWN: 'yes' } } })) as { stdout: string }
  delete process.env['MAG_TEST_SECRET']
  const names = output.stdout.split('\n').map((line) => line.split('=')[0])
  assert.ok(names.includes('OWN') && names.includes('PATH'))
  assert.ok(!names.includes('MAG_TEST_SECRET'))
  for (const name of ['LD_PRELOAD', 'NODE_OPTIONS', 'BASH_ENV', 'PATH', 'ld_preload', 'BASH_FUNC_echo%%', 'A=B', '']) {
    const error = errorOf(await shell('env', { input: { env: { [name]: 'x' } } }))
    assert.deepEqual([error.code, error.retryable], ['SHELL_INPUT', false], name)
  }
  assert.match(errorOf(await shell('env', { input: { env: { NUL: 'a\0b' } } })).message, /NUL byte/)
})

test('the folder is the project\'s, or one inside it', async (t) => {
  const dir = folder(t)
  mkdirSync(join(dir, 'sub folder'))
  const { shell } = poolFixture({ projectDir: dir })
  const where = async (cwd?: string) => (outputOf(await shell('pwd', { input: cwd === undefined ? {} : { cwd } })) as { stdout: string }).stdout
  assert.equal(await where(), dir)
  assert.equal(await where('sub folder'), join(dir, 'sub folder'))
  for (const cwd of ['..', '/', '../x', 'sub folder/../..', '']) assert.equal(errorOf(await shell('pwd', { input: { cwd } })).code, 'SHELL_INPUT', cwd)
  assert.equal(errorOf(await shell('pwd', { input: { cwd: 'missing' } })).code, 'SHELL_INPUT')
})

test('an abort ends the whole group, grandchildren too', async () => {
  const both = gate()
  const pids: number[] = []
  const { shell, pool } = poolFixture({ onLog: ({ message }) => pids.push(Number(message)) === 2 && both.open() })
  const ended = shell('sleep 300 & echo $!; (sleep 300 & echo $!; wait) & wait', { runId: 'TX-0', token: 7_000_000 })
  await both.promise
  assert.deepEqual(pids.filter(isAlive), pids)
  pool.cancel('TX-0', 7_000_000, 'the run was cancelled')
  assert.equal(errorOf(await ended).how, 'aborted')
  assert.deepEqual(pids.filter(isAlive), [])
})

test('a time limit ends a script', async () => {
  const error = errorOf(await poolFixture().shell('sleep 300', { timeoutMs: 100 }))
  assert.deepEqual([error.how, error.code, error.message], ['timeout', 'TIMEOUT', 'step "step" took longer than 100ms'])
})

test('a script that ignores SIGTERM is killed after 2 s', async () => {
  const { shell, pool, line, logs } = listening()
  const ended = shell('trap "" TERM; echo $$; while true; do sleep 0.05; done', { runId: 'TX-1', token: 7_000_001 })
  await line
  pool.cancel('TX-1', 7_000_001, 'the run was cancelled')
  const error = errorOf(await ended)
  assert.equal(error.how, 'aborted')
  assert.equal(isAlive(Number(logs[0]?.message)), false)
})

test('what a script leaves running ends with it', async () => {
  const { shell } = poolFixture()
  const output = outputOf(await shell('sleep 300 >/dev/null 2>&1 & echo $!')) as { stdout: string }
  assert.equal(isAlive(Number(output.stdout)), false)
  const holding = outputOf(await shell('sleep 300 & echo $!')) as { stdout: string }
  assert.equal(isAlive(Number(holding.stdout)), false)
})

test('stop hands shell steps back once they are gone', async () => {
  const { shell, pool, line } = listening()
  const ended = shell('echo $$; sleep 300')
  const { message } = await line
  await pool.stop()
  assert.equal(isAlive(Number(message)), false)
  assert.equal(errorOf(await ended).how, 'released')
})

test('output is bounded, and says so', async () => {
  const { shell, logs } = poolFixture()
  const output = outputOf(await shell('head -c 3000000 /dev/zero | tr "\\0" x; echo; echo end')) as { stdout: string; json?: unknown }
  assert.match(output.stdout, /x\n… \(truncated: more than 1 MiB\)$/)
  assert.ok(output.stdout.length < 1_050_000)
  assert.deepEqual(logs.slice(0, 2).map(({ message }) => message.length), [16_384 + '… (line truncated)'.length, 3])
  assert.equal(outputOf(await shell('head -c 900000 /dev/zero; head -c 900000 /dev/zero >&2')) === null, false)
  const json = outputOf(await shell('printf \'["\'; head -c 1000000 /dev/zero | tr "\\0" x; printf \'"]\'; head -c 900000 /dev/zero | tr "\\0" y >&2')) as { stdout: string; json?: unknown }
  assert.deepEqual([json.stdout.length, json.json], [1_000_004, undefined])
})

test('the log of a step ends at 10 MiB', async () => {
  const { shell, logs } = poolFixture()
  outputOf(await shell('seq -f 0123456789012345678901234567890123456789-%g 250000'))
  const size = logs.reduce((sum, { message }) => sum + message.length + 1, 0)
  assert.ok(size < 10.1 * 1024 * 1024, String(size))
  assert.equal(logs.filter(({ message }) => message.includes('further output is not logged')).length, 1)
})

test('a killed attempt\'s script has had its chance to clean up', async (t) => {
  const dir = folder(t)
  const { shell, pool, line } = listening(dir)
  writeFileSync(join(dir, 'lock'), '')
  const removed = gate()
  const watcher = watch(dir, () => existsSync(join(dir, 'lock')) || removed.open())
  t.after(() => watcher.close())
  const ended = shell('trap "rm lock; exit 0" TERM; echo ready; sleep 300 & wait', { runId: 'TX-2', token: 7_000_002 })
  await line
  pool.cancel('TX-2', 7_000_002, 'cancelled')
  assert.equal(errorOf(await ended).how, 'aborted')
  await removed.promise
})
