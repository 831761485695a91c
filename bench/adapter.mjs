// mag for the peers' harness: its public API only, default durability, full history. See the harness' lib/drive.mjs.
// hooks.step(id, i) when a step's worker starts; hooks.done(id) when the run's end is durable.
import path from 'node:path'
import { createFramework, worker, WorkflowBuilder } from '../dist/index.js'

const FAN = Number(process.env.FAN ?? 1000)
/** Milliseconds, drawn anew for each step: no-op workers complete in lockstep and flatter group commit. */
const JITTER = Number(process.env.JITTER_MS ?? 0)

function chain(name, steps) {
  const builder = new WorkflowBuilder(name)
  for (let i = 0; i < steps; i++) builder.addStep(`s${i}`, 'noop')
  return builder.build()
}

function fan() {
  const builder = new WorkflowBuilder('fan')
  const ids = Array.from({ length: FAN }, (_, i) => `b${i + 1}`)
  for (const id of ids) builder.addStep(id, 'noop', { needs: [] })
  builder.addStep('join', 'noop', { needs: ids })
  return builder.build()
}

function sleeper() {
  const builder = new WorkflowBuilder('sleep')
  builder.addStep('s0', 'noop').addSleep('nap', '1h')
  for (let i = 1; i < 5; i++) builder.addStep(`s${i}`, 'noop')
  return builder.build()
}

export async function make(hooks, { C, work }) {
  const workflows = [chain('chain5', 5), chain('chain50', 50), sleeper()]
  if (work === 'w4') workflows.push(fan())
  const store = process.env.MAG_BENCH_STORE === 'redis' ? `redis://127.0.0.1:${process.env.REDIS_PORT}?namespace=bench` : `sqlite:${path.join(process.env.DATA_DIR ?? '.', 'mag.db')}`
  const { eventBus, workerManager, orchestrator, close } = await createFramework({ store, workflows, concurrency: Math.max(C, 1000) })
  const names = new Map()
  workerManager.register(worker('noop', (context, task) => {
    const { step } = task.run
    hooks.step(context.benchId, step === 'join' ? 'join' : Number(step.slice(1)))
    const result = { n: context.n + 1 }
    return JITTER === 0 ? result : new Promise((resolve) => setTimeout(resolve, Math.random() * JITTER, result))
  }))
  eventBus.subscribe(({ transactionId, event }) => {
    if (event.type === 'run.started') names.set(transactionId, event.input.benchId)
    if (event.type === 'run.finished' || event.type === 'step.sleeping') {
      const id = names.get(transactionId)
      names.delete(transactionId)
      if (event.type === 'run.finished') hooks.done(id)
    }
  })
  return {
    bulk: false,
    async start() {
      await eventBus.start()
      await workerManager.start()
      await orchestrator.start()
    },
    submit: (kind, id, ctx) => orchestrator.executeWorkflow(kind, { ...ctx, benchId: id }),
    async settled() {},
    async stop() {
      await orchestrator.stop()
      await close()
    },
  }
}
