/** `mag logs`: what workers logged, of a run or of one step; `--follow` until the run ends. */
import type { Backend, LogLine, RunRecord } from '../../backend/backend.ts'
import type { Definition } from '../../model/definition.ts'
import { MagError } from '../../model/error.ts'
import { isFinal } from '../../model/event.ts'
import { nearest } from '../../model/nearest.ts'
import { time } from '../../view/document.ts'
import { logLines } from '../../view/plain.ts'
import { viewOf, type RunView } from '../../view/run-view.ts'
import type { Run } from '../args.ts'
import { EXIT } from '../errors.ts'
import { findRun } from '../find-run.ts'
import { formatOf, openServices, paintFor, pinnedOf, text, type Services } from '../services.ts'
import { onStop, type Stop } from '../signals.ts'
import { safeJson } from '../text.ts'
import { openRead } from './status.ts'

const PAGE = 1_000
const POLL_MS = 500

export const run: Run = async ({ args, options }) => {
  const services = await openServices(options)
  const backend = await openRead(services, args[0] ?? '')
  try {
    const record = await findRun(backend, args[0] ?? '')
    const { definition } = await pinnedOf(backend, record)
    const path = pathOf(definition, text(options.step))
    const print = await printerOf(services, viewOf(definition, record.id))
    // Before the first line: who sees one may stop at once.
    const stopping = options.follow === true ? listenForStop() : undefined
    let last = await printPages(backend, record, path === undefined ? {} : { path }, print)
    if (stopping) {
      last = await follow(services, backend, { record, path, from: last, stopping }, print)
      if (stopping.stopped) return stopping.stopped.exitCode
    }
    if (last === 0 && !services.quiet) services.err(path === undefined ? 'no worker has logged anything\n' : `${path} has logged nothing\n`)
    return EXIT.ok
  } finally {
    await backend.close()
  }
}

type Print = (line: LogLine) => void
interface Query {
  path?: string
  after?: number
}

/** Prints what there is; resolves with the number of the last line. */
async function printPages(backend: Backend, record: RunRecord, query: Query, print: Print): Promise<number> {
  let last = query.after ?? 0
  for (;;) {
    const lines = await backend.logs(record.id, { ...query, after: last, limit: PAGE })
    for (const line of lines) print(line)
    last = lines.at(-1)?.no ?? last
    if (lines.length < PAGE) return last
  }
}

interface Stopping {
  stopped: Stop | undefined
  unlisten(): void
}

function listenForStop(): Stopping {
  const stopping: Stopping = { stopped: undefined, unlisten: () => undefined }
  stopping.unlisten = onStop((stop) => { stopping.stopped = stop })
  return stopping
}

interface Follow {
  record: RunRecord
  path: string | undefined
  from: number
  stopping: Stopping
}

async function follow(services: Services, backend: Backend, { record, path, from, stopping }: Follow, print: Print): Promise<number> {
  let last = from
  for (let ended = isFinal(record.state); !stopping.stopped; ) {
    last = await printPages(backend, record, { after: last, ...(path === undefined ? {} : { path }) }, print)
    if (ended) break
    await new Promise<void>((resolve) => services.clock.setTimer(POLL_MS, resolve))
    const now = await backend.run(record.id)
    ended = !now || isFinal(now.state)
  }
  stopping.unlisten()
  return last
}

async function printerOf(services: Services, view: RunView): Promise<Print> {
  const format = formatOf(services.options, { stream: true })
  if (format === 'jsonl' || format === 'json') {
    return ({ runId, at, path, ...rest }) => services.out(`${safeJson({ at: time(at), transactionId: runId, path, ...rest })}\n`)
  }
  const paint = await paintFor(services, 1)
  return (line) => services.out(logLines(view, line).map((shown) => `${paint(shown)}\n`).join(''))
}

/** A path, or the id of a step anywhere in the definition. */
function pathOf(definition: Definition, step: string | undefined): string | undefined {
  if (step === undefined) return undefined
  const { all, byPath } = viewOf(definition)
  const found = byPath.get(step) ?? all.find(({ id }) => id === step)
  if (found) return found.path
  const near = nearest(step, all.map(({ id }) => id))
  throw new MagError('MAG2009', `${definition.name} has no step "${step}"`, { exitCode: EXIT.notFound, hint: near ? `did you mean ${near}?` : `there are: ${all.map(({ path }) => path).slice(0, 20).join(', ')}` })
}
