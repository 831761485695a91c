/** `mag status`: one run as it stands, and what to type next; `--watch` until it ends. */
import type { Backend, RunRecord } from '../../backend/backend.ts'
import { isFinal, type RunEvent } from '../../model/event.ts'
import { exitCodeOf, runDocument } from '../../view/document.ts'
import { statusLines } from '../../view/pages.ts'
import { applyEvents, viewOf, type RunView } from '../../view/run-view.ts'
import type { Run } from '../args.ts'
import { yamlText } from '../drive.ts'
import { EXIT } from '../errors.ts'
import { findRun, noRun, notFound } from '../find-run.ts'
import { formatOf, openPainter, openServices, openStore, ownerOf, pageScreen, paintFor, pinnedOf, readView, type Services } from '../services.ts'
import { onStop, type Stop } from '../signals.ts'
import { isTty } from '../terminal.ts'
import { safeJson } from '../text.ts'

export const run: Run = async ({ args, options }) => {
  const services = await openServices(options)
  const typed = args[0] ?? '@last'
  const backend = await openRead(services, typed)
  try {
    const record = await findRun(backend, typed)
    const { view, stopped } = options.watch === true ? await watch(services, backend, record) : { view: await readView(backend, record) }
    const format = formatOf(options, { stream: options.watch === true })
    // Watched to its end, a text reader has seen it all; a run that nobody drives still needs its page.
    const seen = options.watch === true && (format === 'jsonl' || (format === 'text' && isFinal(view.state)))
    if (!seen) await print(services, backend, view)
    if (stopped) return stopped.exitCode
    if (options.exitStatus !== true) return EXIT.ok
    return exitCodeOf(view.state) ?? (view.state === 'waiting' ? EXIT.waiting : EXIT.ok)
  } finally {
    await backend.close()
  }
}

/** A store that does not exist yet holds no run. */
export async function openRead(services: Services, typed: string): Promise<Backend> {
  try {
    return await openStore(services, { readOnly: true })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'STORE_MISSING') throw noRun(typed)
    throw error
  }
}

async function print(services: Services, backend: Backend, view: RunView): Promise<void> {
  const record = await backend.run(view.runId)
  if (!record) throw notFound(view.runId)
  const { facts, owner } = isFinal(view.state) ? { facts: { owner: null } } : await ownerOf(services, backend, record)
  switch (formatOf(services.options)) {
    case 'json':
    case 'raw':
      return services.out(`${safeJson(runDocument(view, facts), isTty(1))}\n`)
    case 'jsonl':
      return services.out(`${safeJson(runDocument(view, facts))}\n`)
    case 'yaml':
      return services.out(await yamlText(runDocument(view, facts)))
    case 'ids':
      return services.out(`${view.runId}\n`)
    case 'text': {
      const paint = await paintFor(services, 1)
      const lines = statusLines(view, await pageScreen(services), { debug: services.debug, ...(owner ? { owner } : {}) })
      return services.out(lines.map((line) => `${paint(line)}\n`).join(''))
    }
  }
}

/** Follows a run that another process drives. A run without a live owner does not move: it is shown as it stands. */
async function watch(services: Services, backend: Backend, record: RunRecord): Promise<{ view: RunView; stopped?: Stop }> {
  const { definition } = await pinnedOf(backend, record)
  const view = viewOf(definition, record.id)
  const painter = await openPainter(services, view, { hint: 'ctrl-c stops looking; the run goes on' })
  const { createFollower } = await import('../../runtime/follow.ts')
  const follower = createFollower(backend, services.clock)
  const over = new AbortController()
  let stopped: Stop | undefined
  const unlisten = onStop((stop) => {
    stopped = stop
    over.abort()
  })
  const orphaned = Promise.withResolvers<void>()
  const look = (): void => {
    void backend.run(record.id).then(async (now) => {
      // A run that ended between two reads has no owner either: its last events are still to come.
      if (now && isFinal(now.state)) return follower.hint(record.id)
      const { owner } = now ? await ownerOf(services, backend, now) : { owner: undefined }
      if (!owner?.live) orphaned.resolve()
    }, () => undefined)
  }
  let cancelLook = services.clock.setTimer(1_000, function again() {
    look()
    cancelLook = services.clock.setTimer(1_000, again)
  })
  try {
    const fold = (events: readonly RunEvent[]) => {
      for (const event of events) {
        applyEvents(view, [event])
        painter.event(event)
      }
    }
    await Promise.race([follower.follow(record.id, fold, { signal: over.signal }), orphaned.promise])
  } finally {
    cancelLook()
    unlisten()
    over.abort()
    follower.stop()
    painter.finish()
  }
  return { view, ...(stopped && !isFinal(view.state) ? { stopped } : {}) }
}

