/**
 * What workers print is their step's log, never the command's result: `console.log` in a worker must not end up in
 * `mag run x > out.json`. Whoever prints without being a step (a module while it loads) is sent to stderr, cleaned.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { LoadedWorker } from '../runtime/loader/loader.ts'
import { guardExit } from '../runtime/pool/faults.ts'
import type { TaskHandle } from '../runtime/worker.ts'
import { clean } from '../view/clean.ts'
import { write } from './terminal.ts'

const steps = new AsyncLocalStorage<TaskHandle>()
let installed = false

/** The same workers, each attempt known to whatever it prints. */
export function captured(workers: readonly LoadedWorker[]): LoadedWorker[] {
  return workers.map((worker) => {
    const { definition } = worker
    return { ...worker, definition: { ...definition, run: (context, task) => steps.run(task, () => definition.run(context, task)) } }
  })
}

/** Before the first line of foreign code is loaded. The streams themselves are only touched if somebody prints. */
export function installCapture(): void {
  if (installed) return
  installed = true
  guardExit()
  refuseExit()
  for (const name of ['stdout', 'stderr'] as const) {
    const get = Object.getOwnPropertyDescriptor(process, name)?.get
    if (!get) continue
    let patched: NodeJS.WriteStream | undefined
    Object.defineProperty(process, name, {
      configurable: true, enumerable: true,
      get() {
        patched ??= divert(get.call(process) as NodeJS.WriteStream, name)
        return patched
      },
    })
  }
}

/** Outside of steps, too, a worker file must not end the process: its code would pass for the run's. */
function refuseExit(): void {
  const { exit } = process
  process.exit = (code) => {
    if (steps.getStore()) exit.call(process, code)
    const refusal = new Error(`the file calls process.exit(${code ?? ''})`)
    // Its place is the caller's.
    Error.captureStackTrace(refusal, process.exit)
    throw refusal
  }
}

function divert(stream: NodeJS.WriteStream, name: 'stdout' | 'stderr'): NodeJS.WriteStream {
  const direct = stream.write.bind(stream) as (...args: unknown[]) => boolean
  const diverted = (chunk: unknown, ...rest: unknown[]): boolean => {
    const task = steps.getStore()
    if (!task && name === 'stderr') return direct(chunk, ...rest)
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk as Uint8Array).toString('utf8')
    if (!task) write(2, clean(text, { newlines: 'keep' }))
    else if (text.trim() !== '') task.log[name === 'stdout' ? 'info' : 'error'](text.replace(/\n$/, ''))
    const done = rest.find((argument) => typeof argument === 'function') as (() => void) | undefined
    if (done) queueMicrotask(done)
    return true
  }
  stream.write = diverted as typeof stream.write
  return stream
}
