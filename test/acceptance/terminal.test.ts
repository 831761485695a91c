/** S20 and Ctrl-C on a real pseudo-terminal; plain lines where there is none. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { mag, project, samples, statusOf } from './mag.ts'
import { CTRL_C, framesOf, noTerminal, plainText, terminal } from './terminal.ts'

const STEPS = ['validate', 'check_duplicates', 'create_customer', 'send_email', 'update_analytics']
const SPINNER = '[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]'

/** The five steps of S1, each of which ends when a file of its name is there. */
const held = {
  'workers/held.ts': `import { existsSync, watch } from 'node:fs'
import { worker } from 'multiagents'
export default worker('held', async (context, task) => {
  const file = 'go-' + task.run.step
  if (!existsSync(file)) await new Promise<void>((resolve, reject) => {
    const watcher = watch('.', () => { if (existsSync(file)) { watcher.close(); resolve() } })
    if (existsSync(file)) resolve()
    task.signal.addEventListener('abort', () => { watcher.close(); reject(new Error('aborted')) })
  })
  return { [task.run.step]: 'done', _trace: 'hidden', nested: { shown: 1, _secret: 2 } }
})
`,
  'workflows/held.yaml': `steps:\n${STEPS.map((id) => `  - { id: ${id}, worker: held }\n`).join('')}`,
}
const letGo = (dir: string, id: string): void => writeFileSync(join(dir, `go-${id}`), '')
const busy = (id: string): RegExp => new RegExp(`${SPINNER} ${id}\\b`)
const busySteps = (frame: string): string[] => STEPS.filter((id) => busy(id).test(frame))

test('S20: S1 on a terminal shows the five steps in order, then completed, and the result without hidden keys', { skip: noTerminal }, async (t) => {
  const dir = samples(t)
  const run = terminal(['run', 'customer_registration', '--input', 'examples/customer_registration.json'], { cwd: dir })
  const { code, stdout } = await run.done
  assert.equal(code, 0, stdout)
  const frames = framesOf(stdout)
  assert.ok(frames.length >= 1)
  for (const frame of frames) {
    assert.match(frame, /customer_registration {2}TX-\S+ .*\d\/5 steps/)
    const places = STEPS.map((id) => frame.search(new RegExp(`\\b${id}\\b`)))
    assert.deepEqual(places, places.toSorted((a, b) => a - b), frame)
    assert.ok(places.every((place) => place >= 0), frame)
  }
  const last = plainText(stdout.slice(stdout.lastIndexOf('\u001b[?2026l')))
  assert.match(last, new RegExp(`✔ customer_registration {2}TX-\\S+ {2}completed in .*\\n${STEPS.map((id) => ` +✔ ${id} .*\\n`).join('')}`))
  assert.match(last, /"customer_id": "CUST-/)
  assert.doesNotMatch(last, /"_/)
  assert.ok(stdout.includes('\u001b[?25h'), 'the cursor is back')
  const doc = await statusOf(dir)
  assert.deepEqual([doc.state, doc.currentStep, doc.currentSteps], ['completed', null, []])
})

for (const watched of ['run', 'status --watch']) {
  test(`S20: ${watched} on a terminal shows each step while it runs, one after the other`, { skip: noTerminal, timeout: 60_000 }, async (t) => {
    const dir = project(t, held)
    const env = { NO_COLOR: '1' }
    if (watched !== 'run') await mag(['run', 'held', '--detach'], { cwd: dir })
    const screen = terminal(watched === 'run' ? ['run', 'held'] : ['status', '--watch'], { cwd: dir, env })
    for (const id of STEPS) {
      await screen.saw(busy(id))
      assert.deepEqual((await statusOf(dir)).currentSteps, [id])
      letGo(dir, id)
    }
    const { code, stdout } = await screen.done
    assert.equal(code, 0, stdout)
    const seen = framesOf(stdout).flatMap(busySteps).filter((id, at, all) => id !== all[at - 1])
    assert.deepEqual(seen, STEPS)
    const last = plainText(stdout.slice(stdout.lastIndexOf('\u001b[?2026l')))
    assert.match(last, /held {2}TX-\S+ {2}completed in /)
    assert.deepEqual(busySteps(last), [])
    if (watched === 'run') {
      assert.match(last, /"shown": 1/)
      assert.doesNotMatch(last, /_trace|_secret/)
      assert.equal((await statusOf(dir)).stepResults.validate?._trace, 'hidden', 'JSON has them')
    }
    assert.equal((await statusOf(dir)).currentStep, null)
  })
}

test('S20: without a terminal: plain lines, no escapes, the result alone on stdout', async (t) => {
  const dir = samples(t)
  const { code, stdout, stderr } = await mag(['run', 'customer_registration', '--input', 'examples/customer_registration.json'], { cwd: dir })
  assert.equal(code, 0)
  assert.doesNotMatch(stdout + stderr, /\u001b/)
  const lines = stderr.trimEnd().split('\n')
  for (const line of lines) assert.match(line, /^\d\d:\d\d:\d\dZ \S/)
  assert.deepEqual(lines.flatMap((line) => /Z (\S+) +completed \d+ms$/.exec(line)?.[1] ?? []).filter((id) => STEPS.includes(id)), STEPS)
  assert.match(lines.at(-1) ?? '', / customer_registration TX-\S+ completed \d+ms$/)
  assert.deepEqual(Object.keys(JSON.parse(stdout) as object), STEPS)
})

for (const columns of [40, 200]) {
  test(`on a terminal of ${columns} columns no line is wider`, { skip: noTerminal }, async (t) => {
    const dir = samples(t)
    const { code, stdout } = await terminal(['run', 'order_fulfilment', '--input', 'examples/order_confirmation_refused.json'], { cwd: dir, columns, rows: 20 }).done
    assert.equal(code, 8)
    for (const line of framesOf(stdout).flatMap((frame) => frame.split('\n'))) assert.ok(line.length < columns, `${line.length}: ${line}`)
    assert.match(plainText(stdout), /compensated in/)
  })
}

test('Ctrl-C on a terminal: stops, says that the run is kept, and resume finishes it', { skip: noTerminal, timeout: 60_000 }, async (t) => {
  const dir = project(t, held)
  const run = terminal(['run', 'held'], { cwd: dir, env: { NO_COLOR: '1' } })
  letGo(dir, 'validate')
  await run.saw(busy('check_duplicates'))
  run.type(CTRL_C)
  await run.saw('stopping: 1 step may finish within 10s (press Ctrl-C again to stop now)')
  letGo(dir, 'check_duplicates')
  const { code, stdout } = await run.done
  assert.equal(code, 130)
  assert.match(plainText(stdout), /stopped\. Nothing is lost\. {2}Resume: mag resume TX-/)
  assert.ok(stdout.includes('\u001b[?25h'), 'the cursor is back')
  for (const id of STEPS) letGo(dir, id)
  assert.equal((await mag(['resume', '@last'], { cwd: dir })).code, 0)
  assert.deepEqual((await statusOf(dir)).steps.map(({ state }) => state), STEPS.map(() => 'completed'))
})

test('Ctrl-C twice on a terminal ends at once; the run is kept', { skip: noTerminal, timeout: 60_000 }, async (t) => {
  const dir = project(t, held)
  const run = terminal(['run', 'held'], { cwd: dir, env: { NO_COLOR: '1' } })
  await run.saw(busy('validate'))
  run.type(CTRL_C)
  await run.saw('stopping')
  run.type(CTRL_C)
  const { code, stdout } = await run.done
  assert.equal(code, 130)
  assert.ok(stdout.includes('\u001b[?25h'), 'the cursor is back')
  const shown = await mag(['status'], { cwd: dir })
  assert.match(shown.stdout, /owner +gone: .*nothing moves until it is resumed[\s\S]*mag resume TX-/)
})

test('Ctrl-C twice leaves nothing of a shell step running', { skip: noTerminal, timeout: 60_000 }, async (t) => {
  const dir = project(t, { 'workflows/shell.yaml': "steps:\n  - { id: wait, run: 'echo started $$ >&2; sleep 300 & wait' }\n" })
  const run = terminal(['run', 'shell'], { cwd: dir, env: { NO_COLOR: '1' } })
  await run.saw(/started \d+/)
  run.type(CTRL_C)
  await run.saw('stopping')
  run.type(CTRL_C)
  const { code, stdout } = await run.done
  assert.equal(code, 130)
  assert.deepEqual(runningIn(Number(/started (\d+)/.exec(stdout)?.[1])), [])
})

/** Processes of a group that run: a killed one that nobody reaps, as in many containers, does not. */
function runningIn(group: number): string[] {
  return readdirSync('/proc').filter((pid) => {
    const stat = /^\d+$/.test(pid) && existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'latin1') : ''
    const [state = '', , member] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(member) === group && state !== 'Z' && state !== 'X'
  })
}

test('nothing that a worker, a file or an input says drives the terminal', { skip: noTerminal }, async (t) => {
  const hostile = '\\u001b[2J\\u001b]0;owned\\u0007\\u009b31m\\u202egnp.exe\\r'
  const dir = project(t, {
    'workers/w.js': `import { worker } from 'multiagents'
export const talk = worker('talk', (input, task) => { console.log('${hostile}'); task.log.warn('${hostile}'); return { text: '${hostile}', '${hostile}': 1 } })
export const fall = worker('fall', () => { throw Object.assign(new Error('${hostile}'), { code: 'X', details: { a: '${hostile}' } }) })
`,
    'workflows/w.yaml': `description: "${hostile}"\nsteps:\n  - { id: a, worker: talk }\n  - { id: b, worker: fall, continue_on_error: true }\n  - { id: c, worker: fall }\n`,
    'workflows/bad.yaml': `steps:\n  - { id: "${hostile}", worker: talk }\n`,
  })
  const shown: string[] = []
  const commands = [['run', 'w', '-i', `x=${JSON.parse(`"${hostile}"`) as string}`], ['status'], ['history', '@last'], ['logs', '@last'], ['list'], ['workflows', 'list'], ['validate'], ['run', 'bad'], ['status', '\u001b[2J']]
  for (const words of commands) shown.push((await terminal(words, { cwd: dir, env: { NO_COLOR: '1' } }).done).stdout)
  for (const [no, output] of shown.entries()) {
    // What is left are the painter's own: cursor, lines, synchronised frames.
    const others = output.replace(/\u001b\[(?:\?(?:25|2026)[hl]|\d*[GKA]|J)/g, '')
    assert.doesNotMatch(others, /[\u001b\u0007\u0080-\u009f\u202e]/, commands[no]?.join(' '))
  }
  assert.match(shown[0] ?? '', /\^\[\[2J\^\[\]0;owned\^G/)
})

test('a prompt is never shown: input from a terminal is refused', { skip: noTerminal }, async (t) => {
  const dir = samples(t)
  const { code, stdout } = await terminal(['run', 'customer_registration', '--input', '-'], { cwd: dir, env: { NO_COLOR: '1' } }).done
  assert.equal(code, 2)
  assert.match(plainText(stdout), /standard input, which is a terminal[\s\S]*hint/)
})

test('TERM=dumb and CI get plain lines on a terminal', { skip: noTerminal }, async (t) => {
  for (const env of [{ TERM: 'dumb' }, { CI: 'true', NO_COLOR: '1' }] as Array<Record<string, string>>) {
    const dir = samples(t)
    const { code, stdout } = await terminal(['run', 'text_processing', '--input', 'examples/text.json'], { cwd: dir, env }).done
    assert.equal(code, 0)
    assert.doesNotMatch(stdout, /\u001b/)
    assert.match(stdout, /Z report +completed/)
  }
})
