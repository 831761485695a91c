/** What painters write as a run goes by: plain, JSON, GitHub and GitLab. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { plainPaint } from '../../src/cli/colour.ts'
import { createCiPainter } from '../../src/cli/painter-ci.ts'
import { createJsonPainter } from '../../src/cli/painter-json.ts'
import { createPlainPainter, SILENCE_MS } from '../../src/cli/painter-plain.ts'
import type { Painter, PainterOptions } from '../../src/cli/painter.ts'
import type { Clock } from '../../src/runtime/clock.ts'
import { applyEvent, viewOf, type RunView } from '../../src/view/run-view.ts'
import type { RunEvent } from '../../src/model/event.ts'
import { golden } from '../view/golden.ts'
import { begins, definition, eventsOf, inOrder, ran, RUN_ID, START, step } from '../view/stories.ts'

const ABOUT = definition('deploy', inOrder(step('build'), step('ship')))
const OFFLINE = { code: 'OFFLINE', message: 'no answer: 100%\u001b[2J', retryable: false, step: 'ship', attempt: 1, location: { file: 'workers/ship.ts', line: 7, column: 3 } }
const STORY = eventsOf('deploy', [
  ...ran('build', 10, 400, { image: 'i' }), ...begins('ship', 401), [900, { type: 'step.failed', path: 'ship', error: OFFLINE, startedAt: START + 401 }],
  [900, { type: 'run.ending', cause: 'failed', path: 'ship', error: OFFLINE }], [901, { type: 'run.finished', state: 'failed', error: OFFLINE }],
])

class Timers {
  now = START
  readonly due: Array<{ at: number; fn: () => void }> = []
  readonly clock: Clock = {
    now: () => this.now, monotonic: () => this.now, random: (bytes) => new Uint8Array(bytes).fill(7),
    setTimer: (ms, fn) => {
      const timer = { at: this.now + ms, fn }
      this.due.push(timer)
      return () => void (this.due.includes(timer) && this.due.splice(this.due.indexOf(timer), 1))
    },
  }
  advance(ms: number): void {
    this.now += ms
    for (const timer of this.due.filter(({ at }) => at <= this.now)) {
      this.due.splice(this.due.indexOf(timer), 1)
      timer.fn()
    }
  }
}

function stage(make: (options: PainterOptions) => Painter, env: NodeJS.ProcessEnv = {}): { view: RunView; painter: Painter; timers: Timers; text: () => string } {
  const view = viewOf(ABOUT, RUN_ID)
  const timers = new Timers()
  let written = ''
  const painter = make({
    view, paint: plainPaint, colour: false, unicode: true, clock: timers.clock, hint: '', debug: false, env, put: (part) => { written += part },
    place: (path) => (path === 'ship' ? { file: 'workflows/deploy.yaml', line: 9, column: 5 } : undefined),
  })
  return { view, painter, timers, text: () => written }
}

function play({ view, painter }: { view: RunView; painter: Painter }, story: readonly RunEvent[]): void {
  for (const event of story) {
    if (event.type === 'step.completed' || event.type === 'step.failed') {
      painter.log({ runId: RUN_ID, path: event.path, attempt: 1, at: event.at - 1, level: 'info', message: `says ${event.path}\n::error::not a command` })
    }
    painter.event(applyEvent(view, event) && event)
  }
  painter.finish()
}

const file = (name: string) => new URL(`./golden/${name}.txt`, import.meta.url)

test('plain', () => {
  const scene = stage(createPlainPainter)
  play(scene, STORY)
  golden(file('plain'), scene.text())
  assert.equal(scene.timers.due.length, 0, 'nothing keeps the process alive')
})

test('plain: a line after each silence of 30 s', () => {
  const scene = stage(createPlainPainter)
  for (const event of STORY.slice(0, 5)) scene.painter.event(applyEvent(scene.view, event) && event)
  const before = scene.text().split('\n').length
  scene.timers.advance(SILENCE_MS)
  scene.timers.advance(SILENCE_MS)
  const lines = scene.text().split('\n')
  assert.equal(lines.length, before + 2)
  assert.match(lines.at(-2) ?? '', /still running: ship 59\.6s$/)
})

test('GitHub: good steps fold, failed ones stay open and point at both places', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mag-'))
  const summary = join(folder, 'summary.md')
  const scene = stage((options) => createCiPainter('github', options), { GITHUB_STEP_SUMMARY: summary })
  play(scene, STORY)
  golden(file('github'), scene.text())
  golden(file('github-summary'), readFileSync(summary, 'utf8'))
  rmSync(folder, { recursive: true })
})

test('GitLab: sections', () => {
  const scene = stage((options) => createCiPainter('gitlab', options))
  play(scene, STORY)
  golden(file('gitlab'), scene.text().replaceAll('\u001b', 'ESC').replaceAll('\r', 'CR'))
})

test('JSON: one object a line, the last is run.finished', () => {
  const scene = stage((options) => createJsonPainter(options))
  play(scene, STORY)
  const lines = scene.text().trimEnd().split('\n').map((line) => JSON.parse(line) as { seq: number; type: string; exitCode?: number; output?: unknown })
  assert.deepEqual(lines.map(({ seq }) => seq), STORY.map(({ seq }) => seq))
  assert.equal(lines.at(-1)?.type, 'run.finished')
  assert.equal(lines.at(-1)?.exitCode, 1)
  assert.equal(lines.at(-1)?.output, null)
})
