/** What people see, as text files: at 40, 80 and 200 columns, with and without Unicode, and not on a terminal. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import stringWidth from 'string-width'
import { closingLines } from '../../src/view/closing.ts'
import type { RunSummary } from '../../src/view/document.ts'
import { listLines, statusLines, validatedLine } from '../../src/view/pages.ts'
import { heartbeatLine, logLines, plainLine } from '../../src/view/plain.ts'
import { applyEvent, viewOf } from '../../src/view/run-view.ts'
import { lineWidth, textOf, type Line, type Screen } from '../../src/view/span.ts'
import { treeLines } from '../../src/view/tree.ts'
import { golden } from './golden.ts'
import { begins, definition, eventsOf, hostile, parallel, RUN_ID, SCENES, START, step, type Scene } from './stories.ts'

const WIDTHS = [40, 80, 200]
const file = (name: string) => new URL(`./golden/${name}.txt`, import.meta.url)

function screen(scene: { now: number; rows?: number }, columns: number, unicode = true): Screen {
  return { now: START + scene.now, columns, unicode, frame: 2, width: stringWidth, timeZone: 'UTC', ...(scene.rows === undefined ? {} : { rows: scene.rows }) }
}

const shown = (lines: Line[]) => lines.map((line) => `${textOf(line)}\n`).join('')
const ruled = (columns: number, text: string) => `${`-- ${columns} columns `.padEnd(columns, '-')}\n${text}`

function picture({ view, ...scene }: Scene, columns: number, unicode = true): string {
  const on = screen(scene, columns, unicode)
  const closing = closingLines(view, on)
  return shown([...treeLines(view, on, { hint: 'ctrl-c stops; mag resume continues' }), ...(closing.length > 0 ? [[], ...closing] : [])])
}

for (const [name, scene] of Object.entries(SCENES)) {
  test(`run: ${name}`, () => golden(file(`run-${name}`), WIDTHS.map((columns) => ruled(columns, picture(scene, columns))).join('\n')))
}

test('run: without Unicode', () => golden(file('run-ascii'), ['running', 'parallel', 'compensated'].flatMap((name) => {
  const scene = SCENES[name]
  return scene ? [ruled(80, picture(scene, 80, false))] : []
}).join('\n')))

test('no line of a tree is wider than the screen less one', () => {
  for (const [name, scene] of Object.entries(SCENES)) {
    for (let columns = 20; columns <= 210; columns++) {
      for (const unicode of [true, false]) {
        const on = screen(scene, columns, unicode)
        for (const line of treeLines(scene.view, on, { hint: 'ctrl-c stops; mag resume continues' })) {
          assert.ok(lineWidth(stringWidth, line) <= columns - 1, `${name} at ${columns}: ${JSON.stringify(textOf(line))}`)
        }
      }
    }
  }
})

test('a tree never has more lines than the screen less one', () => {
  for (const [name, scene] of Object.entries(SCENES)) {
    for (let rows = 6; rows <= 60; rows++) {
      const lines = treeLines(scene.view, screen({ now: scene.now, rows }, 80), { hint: 'ctrl-c stops' })
      assert.ok(lines.length <= rows - 1, `${name}: ${lines.length} lines on ${rows}`)
    }
  }
})

test('a frame of ten thousand steps is quick, and an event costs the same in it', () => {
  const steps = Array.from({ length: 10_000 }, (_, no) => step(`s${no}`))
  const view = viewOf(definition('wide', steps), RUN_ID)
  const story = eventsOf('wide', steps.flatMap(({ id }) => begins(id, 1)))
  const began = performance.now()
  for (const event of story) applyEvent(view, event)
  const folded = performance.now()
  const lines = treeLines(view, screen({ now: 100, rows: 24 }, 80))
  assert.ok(lines.length <= 23)
  assert.ok(folded - began < 500, `20,000 events took ${folded - began} ms`)
  assert.ok(performance.now() - folded < 200, `a frame took ${performance.now() - folded} ms`)
})

test('below 60 columns the message goes, never the name', () => {
  for (const [name, { view, now }] of Object.entries(SCENES)) {
    const text = shown(treeLines(view, screen({ now }, 40)))
    for (const step of view.steps.slice(0, 10)) assert.ok(text.includes(step.id), `${name}: ${step.id} is gone`)
  }
})

test('plain log', () => {
  const view = viewOf(parallel, RUN_ID)
  const story = eventsOf('nightly', [
    [5, { type: 'step.scheduled', path: 'prepare', attempt: 1, token: 2, worker: 'prepare' }],
    [45, { type: 'step.started', path: 'prepare', token: 2 }],
    [400, { type: 'step.retrying', path: 'prepare', token: 2, attempt: 1, dueAt: START + 800, error: { code: 'HTTP_503', message: 'HTTP 503', retryable: true } }],
    [800, { type: 'step.scheduled', path: 'prepare', attempt: 2, token: 5, worker: 'prepare' }],
    [1_200, { type: 'step.completed', path: 'prepare', token: 5, output: {} }],
    [1_201, { type: 'step.opened', path: 'both' }],
    [1_202, { type: 'step.failed', path: 'both/left/load', error: { code: 'X', message: 'no such file', retryable: false } }],
    [1_203, { type: 'step.skipped', path: 'both/left/clean', code: 'needs', reason: 'load failed' }],
    [1_300, { type: 'run.compensating', paths: ['prepare'] }],
    [1_301, { type: 'compensation.scheduled', path: 'prepare', attempt: 1, token: 11, worker: 'unprepare', outcome: 'completed' }],
    [1_302, { type: 'compensation.completed', path: 'prepare', token: 11, output: {} }],
    [1_400, { type: 'run.finished', state: 'compensated' }],
  ])
  const lines = story.flatMap((event) => {
    applyEvent(view, event)
    const line = plainLine(view, event)
    return line ? [line] : []
  })
  lines.push(...logLines(view, { path: 'prepare', at: START + 50, level: 'warn', message: 'two\nlines \u001b[31mred' }))
  golden(file('plain'), shown(lines))
})

test('a sign of life after a silence', () => {
  const scene = SCENES.running
  assert.ok(scene)
  assert.equal(textOf(heartbeatLine(scene.view, START + 38_000)), '14:57:10Z still running: price 37.6s, fraud 37.6s')
})

test('status', () => {
  const owners = { running: { who: 'cli 4711 on build-7', live: true }, sleeping: { who: 'cli 4711 on build-7', live: false } }
  const pages = Object.entries(owners).flatMap(([name, owner]) => WIDTHS.map((columns) => {
    const scene = SCENES[name]
    return scene ? ruled(columns, shown(statusLines(scene.view, { ...screen(scene, columns), frame: -1 }, { owner }))) : ''
  }))
  golden(file('status'), pages.join('\n'))
})

const summary = (more: Partial<RunSummary>): RunSummary => ({
  id: RUN_ID, workflow: 'order-pipeline', definition: 'sha256:9c1e', key: null, state: 'completed', owner: null, createdAt: START, updatedAt: START,
  finishedAt: START + 41_000, note: null, ...more,
})

test('list', () => {
  const records = [
    summary({ id: 'TX-20260103-150000-aaaaaaaa', state: 'running', owner: 'p1', finishedAt: null, createdAt: START + 3_476_000, note: 'price' }),
    summary({ id: 'TX-20260103-145900-bbbbbbbb', state: 'running', owner: 'p2', finishedAt: null, createdAt: START + 2_000_000 }),
    summary({ id: 'TX-20260103-145800-cccccccc', state: 'compensated', finishedAt: START + 13_100, note: 'charge: CardDeclinedError' }),
    summary({ id: 'TX-20260102-120000-dddddddd', workflow: 'nightly-report', createdAt: START - 90_000_000, finishedAt: START - 89_959_000 }),
  ]
  const on = (columns: number) => ({ ...screen({ now: 3_600_000 }, columns), frame: -1 })
  const pages = WIDTHS.map((columns) => ruled(columns, shown(listLines(records, on(columns), { more: true, gone: new Set(['p2']) }))))
  golden(file('list'), [...pages, `-- not a terminal\n${shown(listLines(records, on(1_000), { more: true, gone: new Set(['p2']), plain: true }))}`].join('\n'))
})

test('validate', () => {
  const found = { workflows: 4, workers: 11, errors: 0, warnings: 0, files: 0, elapsedMs: 96 }
  const on = screen({ now: 0 }, 80)
  assert.equal(textOf(validatedLine(found, on)), '✔ 4 workflows, 11 workers checked in 96ms')
  assert.equal(textOf(validatedLine({ ...found, errors: 3, warnings: 1, files: 1 }, on)), '✖ 4 problems (3 errors, 1 warning) in 1 of 4 files')
})

test('nothing that comes from outside drives the terminal', () => {
  const on = screen({ now: 20_000 }, 80)
  const text = shown([...treeLines(hostile, on), ...closingLines(hostile, on), ...statusLines(hostile, on)])
  assert.doesNotMatch(text.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/)
  assert.match(text, /\^\[\[2J/)
})
