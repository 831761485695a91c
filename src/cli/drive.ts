/**
 * Follows a run to its end, or to Ctrl-C, a time limit or a wait: the part that `run`, `resume`, `cancel` and
 * `workers run` share. It paints, it never decides; the run is kept whatever happens here.
 */
import type { LogLine } from '../backend/backend.ts'
import { MagError } from '../model/error.ts'
import { isFinal } from '../model/event.ts'
import type { Session } from '../runtime/session.ts'
import { exitCodeOf, runDocument } from '../view/document.ts'
import { applyEvent, outputOf, type RunView } from '../view/run-view.ts'
import { span, type Line } from '../view/span.ts'
import { EXIT, hintOf } from './errors.ts'
import type { Painter } from './painter.ts'
import { formatOf, ownerOf, type Services } from './services.ts'
import { onStop } from './signals.ts'
import { isTty } from './terminal.ts'
import { resultText, safeJson } from './text.ts'

/** What in-flight steps get when the command is stopped; less where nobody is there to press Ctrl-C again. */
const GRACE_MS = 10_000
const TIMEOUT_GRACE_MS = 1_000

export interface DriveOptions {
  services: Services
  session: Session
  view: RunView
  painter: Painter
  logs: LogTap
  /** Somebody else drives the run: stopping only stops looking. */
  watching: boolean
  timeoutMs?: number
  /** False: end as soon as the run only waits. */
  wait?: boolean
  /** Rejects when the session can go no further. */
  fatal: Promise<never>
}

/** Holds back what workers log until there is somebody to show it, after the events that came before. */
export interface LogTap {
  readonly add: (line: LogLine) => void
  open(painter: Painter): void
}

export function createLogTap(): LogTap {
  let early: LogLine[] = []
  let to: Painter | undefined
  return {
    add: (line) => (to ? to.log(line) : void early.push(line)),
    open(painter) {
      if (to) return
      to = painter
      for (const line of early) painter.log(line)
      early = []
    },
  }
}

type End = { how: 'final' } | { how: 'waiting' } | { how: 'timeout' } | { how: 'stopped'; exitCode: number }

/** Resolves with the exit code; the session is stopped, the result printed. */
export async function drive(options: DriveOptions): Promise<number> {
  const { painter } = options
  let end: End
  try {
    end = await follow(options)
  } catch (error) {
    painter.finish()
    throw error
  }
  if (end.how === 'final') {
    painter.finish()
    await printResult(options)
    await stop(options, 0)
    return exitCodeOf(options.view.state) ?? EXIT.fault
  }
  return leave(options, end)
}

/** What the store refuses at the end (the lease's return, the last log lines) is told, but changes neither run nor exit code. */
async function stop({ session, services }: DriveOptions, graceMs: number): Promise<void> {
  try {
    await session.stop({ graceMs })
  } catch (error) {
    if (!(error instanceof MagError)) throw error
    if (!services.quiet) services.err(`${error.message}; ${hintOf(error)}\n`)
  }
}

async function follow(options: DriveOptions): Promise<End> {
  const { services, session, view, painter, logs, fatal, timeoutMs } = options
  const over = new AbortController()
  const end = Promise.withResolvers<End>()
  const unlisten = onStop(({ exitCode }) => end.resolve({ how: 'stopped', exitCode }), () => painter.finish())
  const cancelTimer = timeoutMs === undefined ? undefined : services.clock.setTimer(timeoutMs, () => end.resolve({ how: 'timeout' }))
  const followed = session.follow(view.runId, (events) => {
    for (const event of events) {
      applyEvent(view, event)
      painter.event(event)
    }
    logs.open(painter)
    if (options.wait === false && view.state === 'waiting') end.resolve({ how: 'waiting' })
  }, { after: view.seq, signal: over.signal }).then((): End => ({ how: 'final' }))
  try {
    const came = await Promise.race([followed, end.promise, fatal])
    if (isFinal(view.state)) return { how: 'final' }
    if (came.how === 'stopped') sayStopping(options)
    return came
  } finally {
    over.abort()
    cancelTimer?.()
    // After Ctrl-C the listener stays: once more must end the process at once while the session stops.
    if (isFinal(view.state)) unlisten()
  }
}

function sayStopping({ view, painter, watching }: DriveOptions): void {
  if (watching) return
  const busy = view.tasks.size
  const what = busy === 0 ? 'stopping' : `stopping: ${busy} ${busy === 1 ? 'step' : 'steps'} may finish within ${GRACE_MS / 1_000}s (press Ctrl-C again to stop now)`
  painter.note([span(what, 'warn')], { stopping: true })
}

async function leave(options: DriveOptions, end: Exclude<End, { how: 'final' }>): Promise<number> {
  const { session, painter, view, watching } = options
  const unlisten = session.onEvents((runId, events) => {
    if (runId !== view.runId) return
    for (const event of events) {
      const before = view.seq
      applyEvent(view, event)
      if (view.seq > before) painter.event(event)
    }
  })
  await stop(options, end.how === 'waiting' ? 0 : end.how === 'timeout' ? TIMEOUT_GRACE_MS : GRACE_MS)
  unlisten()
  painter.finish()
  if (isFinal(view.state)) {
    await printResult(options)
    return exitCodeOf(view.state) ?? EXIT.fault
  }
  sayKept(options, end, watching)
  await printKept(options)
  return end.how === 'stopped' ? end.exitCode : end.how === 'timeout' ? EXIT.timeout : EXIT.waiting
}

function sayKept({ painter, view, services, session }: DriveOptions, end: End, watching: boolean): void {
  if (services.quiet) return
  if (session.backend.kind === 'memory') return painter.note([span('stopped. Nothing of it is kept.', 'warn')])
  const resume: Line = [span('  Resume: '), span(`mag resume ${view.runId}`, 'command')]
  if (watching) return painter.note([span('stopped looking; the run goes on.  '), span(`mag status ${view.runId}`, 'command')])
  if (end.how === 'timeout') return painter.note([span('--timeout passed: the run is kept.', 'warn'), ...resume])
  if (end.how === 'waiting') return painter.note([span('the run waits; it goes on when it is resumed.', 'warn'), ...resume])
  painter.note([span('stopped. Nothing is lost.', 'warn'), ...resume])
}

/** stdout: the result and nothing else. */
async function printResult({ services, view }: DriveOptions): Promise<void> {
  const output = outputOf(view)
  const completed = view.state === 'completed'
  switch (formatOf(services.options, { stream: true })) {
    case 'text':
      return completed ? services.out(resultText(output, isTty(1))) : undefined
    case 'raw':
      if (completed) services.out(typeof output === 'string' ? output : resultText(output, false))
      return
    case 'json':
      return services.out(`${safeJson(runDocument(view), isTty(1))}\n`)
    case 'yaml':
      return services.out(await yamlText(runDocument(view)))
    case 'ids':
      return services.out(`${view.runId}\n`)
    case 'jsonl':
  }
}

/** Programs learn what became of the run; people have been told. */
async function printKept({ services, session, view, watching }: DriveOptions): Promise<void> {
  const format = formatOf(services.options, { stream: true })
  if (format === 'ids') services.out(`${view.runId}\n`)
  if (format !== 'json' && format !== 'yaml') return
  const record = watching ? await session.backend.run(view.runId) : undefined
  const document = runDocument(view, record ? (await ownerOf(services, session.backend, record)).facts : undefined)
  services.out(format === 'yaml' ? await yamlText(document) : `${safeJson(document, isTty(1))}\n`)
}

/** Says that the store refuses for now: once, until it says something else. */
export function createHeldNote(painter: () => Painter | undefined): (error: MagError) => void {
  let said = ''
  return ({ message, hint }) => {
    const shown = painter()
    if (!shown || said === message) return
    said = message
    shown.note([span(`waiting for the store: ${message}`, 'warn'), ...(hint ? [span(`; ${hint}`)] : [])])
  }
}

export async function yamlText(document: unknown): Promise<string> {
  const { toYaml } = await import('./yaml.ts')
  return toYaml(document)
}

/** A promise that rejects with the first fatal fault of a session. */
export function fatalPromise(): { promise: Promise<never>; reject: (error: MagError) => void } {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => undefined)
  return { promise, reject }
}
