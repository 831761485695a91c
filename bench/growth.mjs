// `npm run bench:growth`: does an event cost more because there is much already? One process; three rounds, medians.
//  - 1,000, 10,000 and 100,000 finished runs in the store: 2,000 runs of 5 steps more, and one look at a run and at a page of runs.
//  - 10, 100 and 1,000 steps in a run, one after another, and as branches beside each other: time a step.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createFramework, worker, WorkflowBuilder } from '../dist/index.js'

const RUNS = 2000
const IN_FLIGHT = 100
const LEVELS = (process.env.LEVELS ?? '1000,10000,100000').split(',').map(Number)
const WIDTHS = [10, 100, 1000]
const ROUNDS = Number(process.env.ROUNDS ?? 3)
const bin = fileURLToPath(new URL('../bin/mag', import.meta.url))

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

function workflow(name, steps, needs) {
  const builder = new WorkflowBuilder(name)
  for (let i = 0; i < steps; i++) builder.addStep(`s${i}`, 'noop', needs)
  return builder.build()
}

const folder = mkdtempSync(join(tmpdir(), 'mag-growth-'))
const store = `sqlite:${join(folder, 'mag.db')}`
const workflows = [
  workflow('chain5', 5),
  ...WIDTHS.flatMap((width) => [workflow(`chain${width}`, width), workflow(`fan${width}`, width, { needs: [] })]),
]
const { eventBus, workerManager, orchestrator, close } = await createFramework({ store, workflows, concurrency: 1000 })
workerManager.register(worker('noop', (context) => ({ n: (context.n ?? 0) + 1 })))
const waiting = new Map()
eventBus.subscribe(({ transactionId, event }) => {
  if (event.type !== 'run.finished') return
  const done = waiting.get(transactionId)
  waiting.delete(transactionId)
  if (done) done()
  else waiting.set(transactionId, true)
})
await eventBus.start()
await workerManager.start()
await orchestrator.start()

async function one(kind) {
  const id = await orchestrator.executeWorkflow(kind, { n: 0 })
  if (waiting.delete(id)) return
  await new Promise((done) => waiting.set(id, done))
}

async function many(kind, count) {
  let left = count
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, count) }, async () => {
    while (left-- > 0) await one(kind)
  }))
}

async function timed(work) {
  const start = performance.now()
  await work()
  return performance.now() - start
}

function look(args) {
  const { status, stderr } = spawnSync(process.execPath, [bin, ...args, '--store', store, '-o', 'json'], { cwd: folder, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${args.join(' ')} exited ${status}: ${stderr}`)
}

async function repeat(work) {
  const samples = []
  for (let round = 0; round < ROUNDS; round++) samples.push(await timed(work))
  return median(samples)
}

await many('chain5', 500)
let there = 500
console.log('| finished runs in the store | steps/s | one run alone, ms | `mag status`, ms | `mag list`, ms |\n| --- | --- | --- | --- | --- |')
for (const level of LEVELS) {
  await many('chain5', level - there)
  there = level
  const busy = await repeat(() => many('chain5', RUNS))
  there += ROUNDS * RUNS
  const alone = await repeat(async () => {
    for (let i = 0; i < 50; i++) await one('chain5')
  })
  const id = await orchestrator.executeWorkflow('chain5', { n: 0 })
  const status = await repeat(() => look(['status', id]))
  const list = await repeat(() => look(['list']))
  console.log(`| ${level} | ${Math.round((RUNS * 5 * 1000) / busy)} | ${(alone / 50).toFixed(2)} | ${status.toFixed(0)} | ${list.toFixed(0)} |`)
}
console.log('\n| steps in a run | a step in a chain, ms | a step beside the others, ms |\n| --- | --- | --- |')
for (const width of WIDTHS) {
  const cells = []
  for (const kind of [`chain${width}`, `fan${width}`]) {
    await one(kind)
    const times = 1000 / width
    cells.push(await repeat(async () => {
      for (let i = 0; i < times; i++) await one(kind)
    }))
  }
  console.log(`| ${width} | ${cells.map((ms) => (ms / 1000).toFixed(3)).join(' | ')} |`)
}
await orchestrator.stop()
await close()
rmSync(folder, { recursive: true })
