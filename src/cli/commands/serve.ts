/** `mag serve` and `mag workers start`: processes that stay. One drives runs, both can serve steps. */
import { MagError } from '../../model/error.ts'
import { WORKER_NAME } from '../../model/id.ts'
import type { LoadedWorker } from '../../runtime/loader/loader.ts'
import type { Options, Run } from '../args.ts'
import { captured } from '../capture.ts'
import { fatalPromise } from '../drive.ts'
import { EXIT, hintOf } from '../errors.ts'
import { loadAll } from '../load-workers.ts'
import { printProblems, sourcesOf } from '../problems.ts'
import { openServices, openStore, secretsOf, storeAddress, text, type Services } from '../services.ts'
import { onStop } from '../signals.ts'

/** What runs gets as long to end when the process is asked to stop. */
const GRACE_MS = 30_000

export const serve: Run = async ({ options }) => {
  const services = await openServices(options)
  refuseMemory(services)
  const own = options.workers === false ? [] : await everyWorker(services)
  const { openSession } = await import('../../runtime/session.ts')
  const backend = await openStore(services)
  const fatal = fatalPromise()
  const secret = await secretsOf(services, [])
  const concurrency = concurrencyOf(options) ?? services.config.concurrency
  const session = await openSession({
    backend, workers: captured(own), projectDir: services.project.dir, role: 'server', clock: services.clock, pool: options.workers === false ? 'none' : 'shared',
    ...(concurrency ? { concurrency } : {}), ...(secret ? { secret } : {}), onFatal: fatal.reject, onHeld: sayHeld(services),
  })
  try {
    const durability = (await backend.check()).find(({ name }) => name === 'durability')
    say(services, `serving ${backend.location} with ${own.length === 0 ? 'no workers' : `${own.length} workers`}, process ${session.owner.id}${durability ? `; ${durability.detail}` : ''}`)
    const { startCaretaker } = await import('../../runtime/caretaker.ts')
    const looking = startCaretaker(session, services.clock, fatal.reject)
    const exitCode = await untilStopped(fatal.promise)
    looking()
    say(services, `stopping: what runs may finish within ${GRACE_MS / 1_000} s (once more to stop now)`)
    await session.stop({ graceMs: GRACE_MS })
    return exitCode
  } finally {
    await session.stop({ graceMs: 0 }).catch(() => undefined)
    await backend.close()
  }
}

export const startWorkers: Run = async ({ options }) => {
  const services = await openServices(options)
  refuseMemory(services)
  const workers = await everyWorker(services)
  const { openTaskServer } = await import('../../runtime/task-server.ts')
  const backend = await openStore(services)
  const fatal = fatalPromise()
  const secret = await secretsOf(services, [])
  try {
    const server = await openTaskServer({
      backend, workers: captured(workers), projectDir: services.project.dir, clock: services.clock, queues: queuesOf(options), concurrency: concurrencyOf(options) ?? services.config.concurrency ?? 100,
      ...(secret ? { secret } : {}), onFatal: fatal.reject, onHeld: sayHeld(services),
    })
    say(services, `serving steps of ${backend.location} with ${workers.length} workers, process ${server.owner.id}`)
    const exitCode = await untilStopped(fatal.promise)
    say(services, `stopping: what runs may finish within ${GRACE_MS / 1_000} s (once more to stop now)`)
    await server.stop({ graceMs: GRACE_MS })
    return exitCode
  } finally {
    await backend.close()
  }
}

function untilStopped(fatal: Promise<never>): Promise<number> {
  return Promise.race([new Promise<number>((resolve) => void onStop(({ exitCode }) => resolve(exitCode))), fatal])
}

async function everyWorker(services: Services): Promise<LoadedWorker[]> {
  const { workers, problems } = await loadAll(services)
  const errors = problems.filter(({ severity }) => severity === 'error')
  if (errors.length === 0) return workers
  await printProblems(services, errors, sourcesOf(services, errors), 2)
  throw new MagError('MAG1101', 'worker files cannot be loaded; nothing is served', { exitCode: EXIT.usage, hint: 'mag workers list' })
}

function refuseMemory(services: Services): void {
  if (storeAddress(services).startsWith('memory:')) throw new MagError('MAG2000', 'the store memory: ends with its process, and nobody could reach it', { hint: 'give a store that others can reach: --store redis://127.0.0.1:6379', exitCode: EXIT.usage })
}

function queuesOf({ queue }: Options): string[] {
  const queues = Array.isArray(queue) ? queue.map(String) : []
  const wrong = queues.find((name) => !WORKER_NAME.test(name))
  if (wrong !== undefined) throw new MagError('MAG2000', `--queue ${JSON.stringify(wrong)} is not the name of a queue`, { exitCode: EXIT.usage, hint: 'letters, digits and . _ -' })
  return queues.length > 0 ? queues : ['default']
}

function concurrencyOf(options: Options): number | undefined {
  const typed = text(options.concurrency)
  if (typed === undefined) return undefined
  const value = Number(typed)
  if (Number.isInteger(value) && value >= 1 && value <= 10_000) return value
  throw new MagError('MAG2000', `--concurrency ${JSON.stringify(typed)} is not a whole number from 1 to 10000`, { exitCode: EXIT.usage, hint: 'for example --concurrency 20' })
}

function sayHeld(services: Services): (error: MagError) => void {
  let said = ''
  return (error) => {
    if (said === error.message) return
    said = error.message
    say(services, `waiting for the store: ${error.message}; ${hintOf(error)}`)
  }
}

function say(services: Services, line: string): void {
  if (!services.quiet) services.err(`${line}\n`)
}
