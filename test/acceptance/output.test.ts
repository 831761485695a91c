/** Streams and formats: stdout is the result and nothing else, JSON is what the contract says, nothing drives the terminal. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { historyOf, mag, project, start } from './mag.ts'

const files = {
  'workers/all.ts': `import { worker } from 'multiagents'
export const hello = worker('hello', { version: '2' }, async (context: { name?: string }, task) => {
  console.log('this is no result')
  process.stdout.write('neither is this\\n')
  task.log.info('greets \\u001b[2J')
  return { greeting: 'hello ' + (context.name ?? 'you'), _trace: 'hidden', deep: [{ _id: 1, id: 2 }] }
})
`,
  'workflows/good.yaml': 'description: Greets.\ninputs: { name: { type: string, optional: true } }\nsteps: [ { id: greet, worker: hello } ]\noutputs: { said: "${{ steps.greet.output.greeting }}", _debug: "${{ run.id }}" }\n',
  'workflows/whole.yaml': 'steps: [ { id: greet, worker: hello } ]\n',
  'workflows/text.yaml': 'steps: [ { id: a, return: "just text" } ]\n',
}

test('text: the result alone on stdout, compact, without hidden keys; everything else in plain lines on stderr', async (t) => {
  const dir = project(t, files)
  const { code, stdout, stderr } = await mag(['run', 'good', '-i', 'name=Ada'], { cwd: dir })
  assert.deepEqual([code, stdout], [0, '{"said":"hello Ada"}\n'])
  assert.match(stderr, /^\d\d:\d\d:\d\dZ good TX-\S+ started\n/)
  assert.match(stderr, /greet \| this is no result\n[\s\S]*greet \| neither is this\n[\s\S]*greet \| greets \^\[\[2J\n/)
  assert.match(stderr, /greet completed/)
  assert.equal((await mag(['run', 'whole', '-q'], { cwd: dir })).stdout, '{"greet":{"greeting":"hello you","deep":[{"id":2}]}}\n')
  const quiet = await mag(['run', 'good', '--quiet'], { cwd: dir })
  assert.deepEqual([quiet.stdout, quiet.stderr], ['{"said":"hello you"}\n', ''])
})

test('-o json is one document with the fields of the contract; hidden keys stay', async (t) => {
  const dir = project(t, files)
  const { stdout } = await mag(['run', 'good', '-o', 'json'], { cwd: dir })
  const doc = JSON.parse(stdout) as Record<string, unknown>
  assert.equal(stdout.trimEnd().split('\n').length, 1)
  for (const field of ['schema', 'transactionId', 'workflow', 'definitionHash', 'state', 'input', 'output', 'currentStep', 'currentSteps', 'steps', 'stepResults', 'warnings', 'error', 'owner', 'exitCode', 'createdAt', 'updatedAt']) {
    assert.ok(Object.hasOwn(doc, field), field)
  }
  assert.deepEqual([doc.schema, doc.state, doc.exitCode, (doc.output as { _debug: string })._debug], ['mag.run/v1', 'completed', 0, doc.transactionId])
  const status = JSON.parse((await mag(['status', '--json'], { cwd: dir })).stdout) as Record<string, unknown>
  assert.deepEqual(status, doc, 'status says the same')
})

test('-o jsonl and --json on run: events as they happen, dense, run.finished last; stderr is empty', async (t) => {
  const dir = project(t, files)
  for (const flag of [['-o', 'jsonl'], ['--json']]) {
    const { stdout, stderr } = await mag(['run', 'good', ...flag], { cwd: dir })
    const lines = stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as { seq: number; type: string; exitCode?: number; state?: string })
    assert.deepEqual(lines.map(({ seq }) => seq), lines.map((_, no) => no + 1))
    assert.deepEqual([lines.at(-1)?.type, lines.at(-1)?.state, lines.at(-1)?.exitCode, stderr], ['run.finished', 'completed', 0, ''])
    assert.deepEqual((await historyOf(dir)).map(({ type }) => type), lines.map(({ type }) => type), 'history says the same')
  }
})

test('-o ids, raw and yaml', async (t) => {
  const dir = project(t, files)
  assert.match((await mag(['run', 'good', '-o', 'ids', '-q'], { cwd: dir })).stdout, /^TX-\S+\n$/)
  assert.match((await mag(['run', 'good', '-o', 'yaml', '-q'], { cwd: dir })).stdout, /^schema: mag\.run\/v1\n/)
  assert.equal((await mag(['run', 'text', '-o', 'raw', '-q'], { cwd: dir })).stdout, 'just text')
})

test('list, history, logs', async (t) => {
  const dir = project(t, files)
  const ids: string[] = []
  for (let i = 0; i < 2; i++) ids.unshift((await mag(['run', 'good', '-o', 'ids', '-q'], { cwd: dir })).stdout.trim())
  const list = JSON.parse((await mag(['list', '--json', '--limit', '1'], { cwd: dir })).stdout) as { schema: string; items: Array<{ transactionId: string; state: string }>; nextCursor: string }
  assert.deepEqual([list.schema, list.items.map(({ transactionId }) => transactionId)], ['mag.runs/v1', [ids[0]]])
  assert.equal((await mag(['list', '-o', 'ids', '--cursor', list.nextCursor], { cwd: dir })).stdout, `${ids[1]}\n`)
  assert.equal((await mag(['list', '-o', 'ids', '--state', 'failed,cancelled'], { cwd: dir })).stdout, '')
  assert.equal((await mag(['list', '-o', 'ids', '--workflow', 'other'], { cwd: dir })).stdout, '')
  assert.equal((await mag(['list', '-o', 'ids', '--since', '1h'], { cwd: dir })).stdout, `${ids.join('\n')}\n`)
  assert.match((await mag(['list'], { cwd: dir })).stdout, /^RUN +WORKFLOW +STATE/)
  const history = JSON.parse((await mag(['history', ids[1] ?? '', '--json'], { cwd: dir })).stdout) as { schema: string; transactionId: string; items: Array<{ type: string }> }
  assert.deepEqual([history.schema, history.transactionId, history.items[0]?.type, history.items.at(-1)?.type], ['mag.history/v1', ids[1], 'run.started', 'run.finished'])
  assert.match((await mag(['history', '@last'], { cwd: dir })).stdout, /^SEQ {2}TIME/)
  assert.match((await mag(['logs', '@last', '--step', 'greet'], { cwd: dir })).stdout, /greets \^\[\[2J/)
  assert.match((await mag(['logs', '@last', '--json'], { cwd: dir })).stdout.split('\n')[0] ?? '', /^\{"at":"\d{4}-/)
  const ambiguous = await mag(['status', 'TX-'], { cwd: dir })
  assert.equal(ambiguous.code, 2)
  for (const id of ids) assert.ok(ambiguous.stderr.includes(id))
  for (const id of [ids[0]?.slice(0, -2) ?? '', ids[0]?.toLowerCase() ?? '']) assert.match((await mag(['status', id], { cwd: dir })).stdout, /good {2}TX-/)
})

test('workflows, workers, validate, doctor, explain', async (t) => {
  const dir = project(t, files)
  assert.match((await mag(['workflows', 'list'], { cwd: dir })).stdout, /^WORKFLOW[\s\S]*\ngood +1 +workflows\/good\.yaml +Greets\./)
  assert.match((await mag(['workflows', 'show', 'good'], { cwd: dir })).stdout, /greet[\s\S]*mag run good/)
  assert.match((await mag(['workers', 'list'], { cwd: dir })).stdout, /\nhello +workers\/all\.ts +- +2 /)
  const alone = await mag(['workers', 'run', 'hello', '--input', '{"name":"Bo"}', '-q'], { cwd: dir })
  assert.equal(alone.stdout, '{"greeting":"hello Bo","deep":[{"id":2}]}\n')
  assert.equal(existsSync(join(dir, '.mag/mag.db')), false, 'trying a worker alone leaves no run')
  assert.match((await mag(['validate'], { cwd: dir })).stdout, /^✔ 3 workflows, 1 worker checked in/)
  assert.deepEqual(JSON.parse((await mag(['validate', '--json'], { cwd: dir })).stdout), { schema: 'mag.validate/v1', ok: true, types: { checked: true, reason: null }, problems: [] })
  assert.equal((JSON.parse((await mag(['doctor', '--json'], { cwd: dir })).stdout) as { ok: boolean }).ok, true)
  assert.match((await mag(['explain', 'fail_if'], { cwd: dir })).stdout, /^FAIL_IF {2}/)
})

test('looking creates nothing', async (t) => {
  const dir = project(t, files)
  for (const words of [['list'], ['status'], ['history', '@last'], ['doctor'], ['validate'], ['workflows', 'list']]) await mag(words, { cwd: dir })
  assert.equal(existsSync(join(dir, '.mag/mag.db')), false)
  const { code, stdout, stderr } = await mag(['list'], { cwd: dir })
  assert.deepEqual([code, stdout], [0, ''])
  assert.match(stderr, /mag run/)
  assert.deepEqual(JSON.parse((await mag(['list', '--json'], { cwd: dir })).stdout), { schema: 'mag.runs/v1', items: [], nextCursor: null })
})

test('--dir names a project from elsewhere; a subfolder finds its own', async (t) => {
  const dir = project(t, { ...files, 'deep/er/x': '' })
  const elsewhere = project(t, {})
  assert.equal((await mag(['run', 'good', '-q', '-C', dir], { cwd: elsewhere })).code, 0)
  assert.match((await mag(['list'], { cwd: join(dir, 'deep/er') })).stdout, /good +completed/)
  assert.match((await mag(['list', '--store', `sqlite:${join(dir, '.mag/mag.db')}`], { cwd: elsewhere })).stdout, /good +completed/)
})

test('works in a folder with spaces, without HOME, in a locale that is no UTF-8', async (t) => {
  const dir = project(t, Object.fromEntries(Object.entries(files).map(([name, text]) => [`my project/${name}`, text])))
  const run = start(['run', 'good'], { cwd: join(dir, 'my project'), env: { HOME: '', LANG: 'C' } })
  const { code, stderr } = await run.done
  assert.equal(code, 0, stderr)
  assert.match((await mag(['status'], { cwd: join(dir, 'my project'), env: { LANG: 'C' } })).stdout, /^\+ good/)
})
