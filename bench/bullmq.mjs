// BullMQ's "process step jobs" pattern, jobs added in bulk: for comparison only. BULLMQ names a folder that has it installed.
import { createRequire } from 'node:module'

const { Queue, Worker } = createRequire(`${process.env.BULLMQ}/`)('bullmq')

export async function make(hooks, { C }) {
  const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT), maxRetriesPerRequest: null }
  const queue = new Queue('steps', { connection })
  const worker = new Worker('steps', async (job) => {
    let { step, ctx } = job.data
    while (step < (job.name === 'chain50' ? 50 : 5)) {
      hooks.step(job.data.wf, step)
      ctx = { ...ctx, n: ctx.n + 1 }
      step++
      await job.updateData({ ...job.data, step, ctx })
    }
    return ctx
  }, { connection, concurrency: C, autorun: false })
  worker.on('completed', (job) => hooks.done(job.data.wf))
  worker.on('error', (error) => console.error(error))
  let [jobs, waiting] = [[], []]
  const flush = () => {
    const [added, callers] = [jobs, waiting]
    jobs = []
    waiting = []
    queue.addBulk(added).then(() => callers.forEach((resolve) => resolve()))
  }
  return {
    async start() {
      worker.run()
      await worker.waitUntilReady()
    },
    submit: (kind, id, ctx) => new Promise((resolve) => {
      if (waiting.length === 0) setImmediate(flush)
      jobs.push({ name: kind, data: { wf: id, step: 0, ctx } })
      waiting.push(resolve)
    }),
    async stop() {
      await worker.close()
      await queue.close()
    },
  }
}
