/** `mag resume`: takes over a run whose process died, or follows one that lives to its end. */
import { isFinal } from '../../model/event.ts'
import { viewOf } from '../../view/run-view.ts'
import { span } from '../../view/span.ts'
import type { Run } from '../args.ts'
import { pinnedChildren } from '../children.ts'
import { createHeldNote, createLogTap, drive, fatalPromise } from '../drive.ts'
import { findRun } from '../find-run.ts'
import { requireWorkers } from '../load-workers.ts'
import type { Painter } from '../painter.ts'
import { userName } from '../user.ts'
import { EXIT } from '../errors.ts'
import { MagError } from '../../model/error.ts'
import type { Session } from '../../runtime/session.ts'
import { openPainter, openRunSession, openServices, openStore, pinnedOf, processText, readView, secretsOf, type Services } from '../services.ts'
import { limitsOf } from '../limits.ts'

export const run: Run = async ({ args, options }) => {
  const services = await openServices(options)
  return continueRun(services, args[0] ?? '', limitsOf(options))
}

async function retry(session: Session, runId: string, options: { from?: string }): Promise<'owned' | 'missing' | { heldBy: Parameters<typeof processText>[0] }> {
  const result = await session.retry(runId, { ...options, by: userName() })
  if (typeof result === 'string' || 'heldBy' in result) return result
  throw new MagError('MAG2016', `${runId} is not retried: ${result.refused}`, { exitCode: EXIT.conflict, hint: `mag status ${runId}` })
}

export interface ContinueOptions {
  timeoutMs?: number
  wait?: boolean
  /** Sent first. */
  cancel?: { reason?: string }
  /** A final run goes on as a new generation. */
  retry?: { from?: string }
}

/** Drives the run if nobody does, and looks on otherwise, until it is final. Resolves with its exit code. */
export async function continueRun(services: Services, typed: string, options: ContinueOptions): Promise<number> {
  const backend = await openStore(services)
  try {
    const record = await findRun(backend, typed)
    const { definition } = await pinnedOf(backend, record)
    const definitions = [definition, ...(await pinnedChildren(backend, record))]
    const workers = isFinal(record.state) && !options.retry ? [] : await requireWorkers(services, definitions)
    const secret = await secretsOf(services, definitions)
    const fatal = fatalPromise()
    let painter: Painter | undefined
    const logs = createLogTap()
    const session = await openRunSession(services, {
      backend, workers, ...(secret ? { secret } : {}), onLog: logs.add, onFatal: fatal.reject, onHeld: createHeldNote(() => painter),
    })
    try {
      // Before the takeover, so that the interrupted step is not started again only to be ended.
      if (options.cancel) await backend.send(record.id, { type: 'cancel', by: 'cli', ...options.cancel })
      if (record.state === 'paused' && !options.cancel) await backend.send(record.id, { type: 'unpause', by: userName() })
      const before = options.retry ? await readView(backend, record) : undefined
      const taken = options.retry ? await retry(session, record.id, options.retry) : await session.takeOver(record.id)
      // A retried run is followed from where it had ended.
      const view = before ?? viewOf(definition, record.id)
      const watching = taken !== 'owned'
      painter = await openPainter(services, view, { hint: watching ? 'ctrl-c stops looking; the run goes on' : 'ctrl-c stops; mag resume continues' })
      if (typeof taken === 'object' && !services.quiet) painter.note([span(`driven by ${processText(taken.heldBy)}; following it`, 'dim')])
      const { timeoutMs, wait } = options
      return await drive({
        services, session, view, painter, logs, watching, fatal: fatal.promise, ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(wait === undefined ? {} : { wait }),
      })
    } finally {
      // Stopped already where all went well; otherwise the first error is the one to tell.
      await session.stop({ graceMs: 0 }).catch(() => undefined)
    }
  } finally {
    await backend.close()
  }
}
