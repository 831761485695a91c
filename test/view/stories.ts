/** Runs as their events tell them: small definitions and histories written by hand, for the screens' golden files. */
import type { Definition, Kind, Step } from '../../src/model/definition.ts'
import type { EventBody, RunEvent } from '../../src/model/event.ts'
import { applyEvents, viewOf, type RunView } from '../../src/view/run-view.ts'

export const START = Date.UTC(2026, 0, 3, 14, 56, 32)
export const RUN_ID = 'TX-20260103-145632-k3f9q2ab'

export function step(id: string, more: Partial<Step> & { worker?: string; kind?: Kind } = {}): Step {
  const { worker, kind, ...rest } = more
  return { id, kind: kind ?? { type: 'worker', worker: worker ?? id }, needs: [], ...rest }
}

/** Steps in a row; explicit needs are kept. */
export function inOrder(...steps: Step[]): Step[] {
  return steps.map((one, no) => (no === 0 || one.needs.length > 0 ? one : { ...one, needs: [steps[no - 1]?.id ?? ''] }))
}

export function definition(name: string, steps: Step[], more: Partial<Definition> = {}): Definition {
  return { format: 1, name, env: {}, secrets: [], steps, onFailure: [], finally: [], ...more }
}

/** `[ms after the start, event]`, numbered here. */
export type Story = Array<[number, EventBody]>

export function eventsOf(workflow: string, story: Story, input: Record<string, string | boolean> = {}): RunEvent[] {
  const all: Story = [[0, { type: 'run.started', workflow, definition: 'sha256:9c1e', input }], ...story]
  return all.map(([after, body], no): RunEvent => ({ seq: no + 1, at: START + after, ...body }))
}

export function tell(about: Definition, story: Story, input: Record<string, string | boolean> = {}): RunView {
  return applyEvents(viewOf(about, RUN_ID), eventsOf(about.name, story, input))
}

export const ran = (path: string, from: number, to: number, output = {}, attempt = 1): Story => [
  [from, { type: 'step.scheduled', path, attempt, token: from + 1, worker: path }], [to, { type: 'step.completed', path, token: from + 1, output, startedAt: START + from }],
]
export const begins = (path: string, at: number, attempt = 1): Story => [
  [at, { type: 'step.scheduled', path, attempt, token: at + 1, worker: path }], [at + 40, { type: 'step.started', path, token: at + 1, process: 'p1' }],
]

const ORDER = definition('order-pipeline', [
  step('fetch'),
  step('price', { needs: ['fetch'] }), step('stock', { needs: ['fetch'], compensate: { worker: 'release-stock' } }),
  step('fraud', { needs: ['fetch'], retry: { attempts: 3, delayMs: 1_000, backoff: 'exponential', factor: 2, maxDelayMs: 60_000, jitter: true } }),
  step('charge', { needs: ['price', 'stock', 'fraud'] }), step('notify', { needs: ['charge'] }),
])
const busy = { code: 'HTTP_503', message: 'HTTP 503', retryable: true }
const declined = {
  code: 'CardDeclinedError', message: 'card ending 0000 was declined', retryable: false, step: 'charge', attempt: 1,
  location: { file: 'workers/payment.ts', line: 41, column: 11 },
}

const SIDE_BY_SIDE: Story = [
  ...ran('fetch', 10, 337, { order: 'A-1042' }), ...begins('price', 340), ...ran('stock', 341, 1_064), ...begins('fraud', 342),
  [500, { type: 'step.progress', path: 'price', token: 341, text: 'calling price API', fraction: 0.4 }],
  [1_642, { type: 'step.retrying', path: 'fraud', token: 343, attempt: 1, dueAt: START + 12_200, error: busy }],
]

const UNTIL_CHARGE: Story = [
  ...ran('fetch', 10, 337), ...ran('price', 340, 9_940), ...ran('stock', 341, 551), ...ran('fraud', 342, 900),
  ...begins('charge', 10_000),
  [10_644, { type: 'step.failed', path: 'charge', error: declined, startedAt: START + 10_000 }],
  [10_644, { type: 'run.ending', cause: 'failed', path: 'charge', error: declined }],
  [10_644, { type: 'step.skipped', path: 'notify', code: 'needs', reason: 'charge failed' }],
]

const refund = { code: 'BankOffline', message: 'the bank did not answer', retryable: true, step: 'stock', attempt: 10 }

export const parallel = definition('nightly', inOrder(
  step('prepare'),
  step('both', { kind: { type: 'parallel', branches: [
    { name: 'left', steps: inOrder(step('load'), step('clean')) },
    { name: 'right', steps: [step('report')] },
  ] } }),
  step('publish'),
), { finally: [step('tidy')] })

export const many = definition('bulk', Array.from({ length: 100 }, (_, no) => step(`item_${String(no).padStart(2, '0')}`)))

export interface Scene {
  view: RunView
  /** Milliseconds after the start. */
  now: number
  rows?: number
}

export const SCENES: Record<string, Scene> = {
  running: { view: tell(ORDER, SIDE_BY_SIDE, { order: 'A-1042' }), now: 8_200 },
  completed: {
    view: tell(ORDER, [
      ...ran('fetch', 10, 337), ...ran('price', 340, 9_940), ...ran('stock', 341, 1_064), ...begins('fraud', 342),
      [1_642, { type: 'step.retrying', path: 'fraud', token: 343, attempt: 1, dueAt: START + 4_200, error: busy }], ...ran('fraud', 4_200, 5_742, {}, 2),
      ...ran('charge', 10_000, 10_644), [10_645, { type: 'step.skipped', path: 'notify', code: 'if', reason: 'if: inputs.notify' }],
      [12_400, { type: 'run.finished', state: 'completed', output: { orderId: 'A-1042' } }],
    ]), now: 20_000,
  },
  failed: { view: tell(ORDER, [...UNTIL_CHARGE, [10_700, { type: 'run.finished', state: 'failed', error: declined }]]), now: 20_000 },
  compensating: {
    view: tell(ORDER, [
      ...UNTIL_CHARGE, [10_700, { type: 'run.compensating', paths: ['stock'] }],
      [10_701, { type: 'compensation.scheduled', path: 'stock', attempt: 1, token: 99, worker: 'release-stock', outcome: 'completed' }],
      [10_750, { type: 'compensation.started', path: 'stock', token: 99 }],
    ]), now: 11_500,
  },
  compensated: {
    view: tell(ORDER, [
      ...UNTIL_CHARGE, [10_700, { type: 'run.compensating', paths: ['stock'] }],
      [10_701, { type: 'compensation.scheduled', path: 'stock', attempt: 1, token: 99, worker: 'release-stock', outcome: 'completed' }],
      [10_900, { type: 'compensation.completed', path: 'stock', token: 99, output: {} }], [13_100, { type: 'run.finished', state: 'compensated', error: declined }],
    ]), now: 20_000,
  },
  compensation_failed: {
    view: tell(ORDER, [
      ...UNTIL_CHARGE, [10_700, { type: 'run.compensating', paths: ['stock'] }],
      [10_701, { type: 'compensation.scheduled', path: 'stock', attempt: 10, token: 99, worker: 'release-stock', outcome: 'completed' }],
      [10_900, { type: 'compensation.failed', path: 'stock', error: refund }], [13_100, { type: 'run.finished', state: 'compensation_failed', error: declined }],
    ]), now: 20_000,
  },
  cancelled: {
    view: tell(ORDER, [
      ...ran('fetch', 10, 337), ...begins('price', 340),
      [2_000, { type: 'run.cancel_requested', by: 'cli', reason: 'wrong address' }], [2_000, { type: 'run.ending', cause: 'cancelled' }],
      [2_001, { type: 'step.cancelled', path: 'price', unknown: true }],
      ...['stock', 'fraud', 'charge', 'notify'].map((path): Story[number] => [2_002, { type: 'step.skipped', path, code: 'ending', reason: 'not reached: the run was ending' }]),
      [2_010, { type: 'run.finished', state: 'cancelled' }],
    ]), now: 20_000,
  },
  sleeping: {
    view: tell(definition('reminder', inOrder(step('ask'), step('pause', { kind: { type: 'sleep' } }), step('remind'))), [
      ...ran('ask', 10, 30), [40, { type: 'step.sleeping', path: 'pause', dueAt: START + 3_600_000 }],
    ]), now: 60_000,
  },
  parallel: {
    view: tell(parallel, [
      ...ran('prepare', 5, 25), [30, { type: 'step.opened', path: 'both' }], ...ran('both/left/load', 31, 700), ...begins('both/left/clean', 701), ...begins('both/right/report', 32),
    ]), now: 2_500,
  },
  sections: {
    view: tell(parallel, [
      ...ran('prepare', 5, 25), [30, { type: 'step.opened', path: 'both' }], ...ran('both/left/load', 31, 700), ...ran('both/left/clean', 701, 900),
      ...ran('both/right/report', 32, 800), [901, { type: 'step.completed', path: 'both', output: { left: {}, right: {} } }], ...ran('publish', 902, 1_000),
      [1_001, { type: 'run.section', section: 'finally' }], ...ran('tidy', 1_002, 1_050), [1_051, { type: 'run.warning', code: 'OUTPUT_MISSING', message: 'output total is null: steps.publish.output.total has no value' }],
      [1_060, { type: 'run.finished', state: 'completed' }],
    ]), now: 20_000,
  },
  folded: {
    view: tell(many, many.steps.flatMap(({ id }, no): Story => {
      if (no < 40) return ran(id, no * 10, no * 10 + 5)
      if (no === 70) return [...begins(id, 700), [800, { type: 'step.failed', path: id, error: busy, continued: true }]]
      return no < 46 ? begins(id, no * 10) : []
    })), now: 3_000, rows: 24,
  },
}

const HOSTILE = 'broken \u001b[2J\u001b]0;owned\u0007 \u009b31m \u202egnp.exe'
export const hostile = tell(definition('order-pipeline', [step('fetch')]), [
  ...begins('fetch', 10), [500, { type: 'step.failed', path: 'fetch', error: { code: 'X\u001b[2J', message: HOSTILE, retryable: false } }],
  [500, { type: 'run.ending', cause: 'failed', path: 'fetch', error: { code: 'X\u001b[2J', message: HOSTILE, retryable: false } }],
  [501, { type: 'run.finished', state: 'failed' }],
])
