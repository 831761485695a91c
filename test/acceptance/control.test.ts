/** Run control from outside: background runs, watching, following, readers that go away, terminals and pipes that close. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appears, effects, five, letGo } from './five.ts'
import { bin, historyOf, mag, project, runsIn, start, startProgram, states, statusOf, type Document } from './mag.ts'

const NAP = { 'workflows/nap.yaml': 'steps:\n  - { id: nap, sleep: 300ms }\n  - { id: after, worker: effect }\n' }
const ownerOf = (doc: Document) => doc.owner as { pid: number; live: boolean } | null

test('--detach: the id and nothing else; a process of its own owns the run and ends with it', { timeout: 60_000 }, async (t) => {
  const dir = project(t, five)
  const detached = await mag(['run', 'five', '--detach'], { cwd: dir, env: { HOLD: 'c' } })
  assert.equal(detached.code, 0, detached.stderr)
  assert.match(detached.stdout, /^TX-\S+\n$/)
  const id = detached.stdout.trim()
  assert.equal(detached.stderr, `follow it with: mag status ${id} --watch\n`)
  await appears(dir, 'holding')
  const doc = await statusOf(dir, id)
  assert.deepEqual([doc.state, ownerOf(doc)?.live], ['running', true])
  const following = start(['resume', id, '-o', 'json'], { cwd: dir })
  await following.saw(/driven by cli \d+ on \S+; following it/)
  letGo(dir)
  const followed = await following.done
  assert.equal(followed.code, 0, followed.stderr)
  assert.deepEqual(states(JSON.parse(followed.stdout) as Document), { a: 'completed', b: 'completed', c: 'completed', d: 'completed', e: 'completed' })
  assert.deepEqual(effects(dir), ['a', 'b', 'c', 'd', 'e'])
})

test('--detach: kill -9 of the background process; status says that it is gone, resume goes on', { timeout: 60_000 }, async (t) => {
  const dir = project(t, five)
  await mag(['run', 'five', '--detach'], { cwd: dir, env: { HOLD: 'c' } })
  await appears(dir, 'holding')
  const pid = ownerOf(await statusOf(dir))?.pid ?? assert.fail('no owner')
  process.kill(pid, 'SIGKILL')
  const watched = await mag(['status', '--watch'], { cwd: dir })
  assert.equal(watched.code, 0, 'watching a run that stands still ends')
  assert.match(watched.stdout, new RegExp(`owner +gone: cli ${pid} on .*nothing moves until it is resumed[\\s\\S]*next +mag resume TX-`))
  assert.match((await mag(['list'], { cwd: dir })).stdout, /five +owner gone/)
  assert.equal((await mag(['resume', '@last'], { cwd: dir })).code, 0)
  assert.deepEqual(effects(dir), ['a', 'b', 'c', 'c', 'd', 'e'])
})

test('--detach: what is wrong is told by the one who asked, and nothing is started', async (t) => {
  const dir = project(t, { ...five, 'workflows/typed.yaml': 'inputs: { n: { type: number } }\nsteps:\n  - { id: a, worker: effect }\n' })
  const wrong: Array<[words: string[], code: number, says: RegExp]> = [
    [['nope'], 6, /no workflow named "nope"/], [['typed'], 2, /n: is missing/], [['typed', '-i', 'n=x'], 2, /declared as a number/], [['five', '--id', 'a b'], 2, /not a usable key/],
  ]
  for (const [words, code, says] of wrong) {
    const result = await mag(['run', ...words, '--detach'], { cwd: dir })
    assert.deepEqual([result.code, result.stdout], [code, ''], result.stderr)
    assert.match(result.stderr, says)
    assert.match(result.stderr, /hint/)
  }
  assert.deepEqual(await runsIn(dir), [])
})

test('--no-wait leaves a run that only waits; resume waits for it and goes on', async (t) => {
  const dir = project(t, { ...five, ...NAP })
  const left = await mag(['run', 'nap', '--no-wait'], { cwd: dir })
  assert.deepEqual([left.code, left.stdout], [5, ''])
  assert.match(left.stderr, /nap +sleeping +wakes in \d+ms[\s\S]*Resume: mag resume TX-/)
  assert.deepEqual(effects(dir), [])
  assert.equal((await mag(['resume', '@last'], { cwd: dir })).code, 0)
  assert.deepEqual(effects(dir), ['after'])
  const through = await mag(['run', 'five', '--no-wait'], { cwd: dir })
  assert.equal(through.code, 0, 'a run that never waits ends as usual')
})

test('--timeout that does not pass changes nothing', async (t) => {
  const dir = project(t, five)
  assert.equal((await mag(['run', 'five', '--timeout', '1h'], { cwd: dir })).code, 0)
})

test('a worker alone, or a run in memory: Ctrl-C says that nothing is kept, and no command is named that would not find it', { timeout: 60_000 }, async (t) => {
  const dir = project(t, { ...five, 'workers/fall.ts': "import { worker } from 'multiagents'\nexport default worker('fall', () => { throw new Error('fell') })\n" })
  for (const words of [['workers', 'run', 'effect', '--input', '{}'], ['run', 'five', '--store', 'memory:']]) {
    const run = start(words, { cwd: dir, env: { HOLD: words[0] === 'run' ? 'b' : 'worker' } })
    await run.saw('holding')
    run.child.kill('SIGINT')
    await run.saw('stopping: 1 step may finish within 10s')
    run.child.kill('SIGINT')
    const { code, stderr } = await run.done
    assert.equal(code, 130)
    assert.doesNotMatch(stderr, /mag (?:resume|status|logs)/)
  }
  const timed = await mag(['workers', 'run', 'effect', '--input', '{}', '--timeout', '300ms'], { cwd: dir, env: { HOLD: 'worker' } })
  assert.equal(timed.code, 124)
  assert.match(timed.stderr, /stopped\. Nothing of it is kept\.\n$/)
  const fell = await mag(['workers', 'run', 'fall'], { cwd: dir })
  assert.equal(fell.code, 1)
  assert.match(fell.stderr, /worker {2}Error: fell/)
  assert.doesNotMatch(fell.stderr, /mag (?:resume|status|logs)/)
})

test('status --watch from a second process: plain lines, or events as JSON, to the end', { timeout: 60_000 }, async (t) => {
  const dir = project(t, five)
  await mag(['run', 'five', '--detach'], { cwd: dir, env: { HOLD: 'b' } })
  await appears(dir, 'holding')
  const plain = start(['status', '--watch'], { cwd: dir })
  const json = start(['status', '@last', '--watch', '--json'], { cwd: dir })
  await plain.saw(/a completed/)
  await json.saw('"path":"b"')
  letGo(dir)
  const [text, events] = await Promise.all([plain.done, json.done])
  assert.deepEqual([text.code, events.code], [0, 0], text.stderr + events.stderr)
  assert.doesNotMatch(text.stdout + text.stderr, /\u001b/)
  assert.match(text.stderr, /five TX-\S+ completed/)
  assert.deepEqual(events.stdout.trimEnd().split('\n').map((line) => (JSON.parse(line) as { seq: number }).seq), (await historyOf(dir)).map(({ seq }) => seq))
})

for (const words of [['status', '--watch'], ['resume', '@last']]) {
  test(`Ctrl-C while looking on (${words.join(' ')}) ends the looking, not the run`, { timeout: 60_000 }, async (t) => {
    const dir = project(t, five)
    const run = start(['run', 'five'], { cwd: dir, env: { HOLD: 'b' } })
    await run.saw('holding b')
    const watcher = start(words, { cwd: dir })
    await watcher.saw(/a completed/)
    watcher.child.kill('SIGINT')
    assert.equal((await watcher.done).code, 130)
    letGo(dir)
    assert.equal((await run.done).code, 0)
    assert.deepEqual(effects(dir), ['a', 'b', 'c', 'd', 'e'])
  })
}

test('logs --follow shows what comes, until the run ends; Ctrl-C ends the looking', { timeout: 60_000 }, async (t) => {
  const dir = project(t, five)
  const run = start(['run', 'five'], { cwd: dir, env: { HOLD: 'b' } })
  await run.saw('holding b')
  const [stopped, stays] = [start(['logs', '@last', '--follow'], { cwd: dir }), start(['logs', '@last', '-f', '--json'], { cwd: dir })]
  await Promise.all([stopped.saw('holding b'), stays.saw('holding b')])
  stopped.child.kill('SIGINT')
  assert.equal((await stopped.done).code, 130)
  letGo(dir)
  const { code, stdout } = await stays.done
  assert.equal(code, 0)
  for (const line of stdout.trimEnd().split('\n')) assert.equal((JSON.parse(line) as { path: string }).path, 'b')
  assert.equal((await run.done).code, 0)
})

test('a run that two resume at once is driven by one of them', { timeout: 60_000 }, async (t) => {
  const dir = project(t, five)
  const run = start(['run', 'five'], { cwd: dir, env: { HOLD: 'c' } })
  await run.saw('holding c')
  run.child.kill('SIGKILL')
  await run.done
  const both = await Promise.all([mag(['resume', '@last'], { cwd: dir }), mag(['resume', '@last'], { cwd: dir })])
  assert.deepEqual(both.map(({ code }) => code), [0, 0])
  assert.deepEqual(effects(dir), ['a', 'b', 'c', 'c', 'd', 'e'])
})

/** A run that logs a lot, and the commands that would print it all. */
const TALK = {
  'workers/talk.ts': "import { worker } from 'multiagents'\nexport default worker('talk', () => { for (let i = 0; i < 5_000; i++) console.log('line ' + i + ' of many, so that no pipe takes them all at once') })\n",
  'workflows/talk.yaml': 'steps:\n  - { id: a, worker: talk }\n',
}

test('a reader that goes away (| head -1) ends every command quietly with 0', { timeout: 60_000 }, async (t) => {
  const dir = project(t, TALK)
  const piped = async (words: string, redirect = '') => startProgram('bash', ['-o', 'pipefail', '-c', `"$0" "$1" ${words} ${redirect} | head -1`, process.execPath, bin], { cwd: dir }).done
  const first = await piped('run talk --json')
  assert.deepEqual([first.code, first.stderr], [0, ''])
  assert.match(first.stdout, /^\{"seq":1,.*\}\n$/)
  assert.equal((await mag(['resume', '@last', '-q'], { cwd: dir })).code, 0, 'the run is kept')
  for (const words of ['logs @last', 'history @last -o jsonl', 'list', 'status', '--help', 'workers list']) {
    const { code, stdout, stderr } = await piped(words)
    assert.deepEqual([code, stderr, stdout.split('\n').length], [0, '', 2], words)
  }
  const progress = await piped('run talk', '2>&1 >result.json')
  assert.deepEqual([progress.code, progress.stdout.split('\n').length], [0, 2], 'nobody reads the progress: the run goes on')
  assert.equal((await statusOf(dir)).state, 'completed')
})

test('closed standard streams are no fault', async (t) => {
  const dir = project(t, { ...five, ...NAP })
  const closed = (words: string, redirect: string) => startProgram('sh', ['-c', `"$0" "$1" ${words} ${redirect}`, process.execPath, bin], { cwd: dir }).done
  for (const [words, redirect] of [['run five', '<&-'], ['run five', '2>&-'], ['list', '>&-'], ['run five', '</dev/null']] as const) {
    const { code, stderr } = await closed(words, redirect)
    assert.equal(code, 0, `${words} ${redirect}: ${stderr}`)
    assert.doesNotMatch(stderr, /MAG0070|\n\s+at /)
  }
})

test('SIGTERM before anything has started leaves nothing behind', { timeout: 60_000 }, async (t) => {
  const dir = project(t, { ...five, 'workers/slow-load.ts': "console.log('loading')\nawait new Promise((resolve) => setTimeout(resolve, 30_000))\n" })
  const run = start(['run', 'five'], { cwd: dir })
  await run.saw('loading')
  run.child.kill('SIGTERM')
  const { code, signal } = await run.done
  assert.ok(code === 143 || signal === 'SIGTERM')
  assert.deepEqual(await runsIn(dir), [])
})
