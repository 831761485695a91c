/** `mag cancel`: asks the run's owner to end it, or takes the run over and ends it here; finished steps are undone. */
import { MagError } from '../../model/error.ts'
import { isFinal } from '../../model/event.ts'
import { words } from '../../view/marks.ts'
import type { Run } from '../args.ts'
import { EXIT } from '../errors.ts'
import { findRun } from '../find-run.ts'
import { limitsOf } from '../limits.ts'
import { openServices, openStore, ownerOf, text } from '../services.ts'
import { continueRun } from './resume.ts'

export const run: Run = async ({ args, options }) => {
  const services = await openServices(options)
  const reason = text(options.reason)
  const backend = await openStore(services)
  let runId: string
  try {
    const record = await findRun(backend, args[0] ?? '')
    runId = record.id
    if (isFinal(record.state)) {
      throw new MagError('MAG2008', `${record.id} is ${words(record.state)} already; nothing was cancelled`, { exitCode: EXIT.conflict, hint: `mag status ${record.id}` })
    }
    const { owner } = await ownerOf(services, backend, record)
    if (owner?.live && options.wait === false) {
      await backend.send(record.id, { type: 'cancel', by: 'cli', ...(reason === undefined ? {} : { reason }) })
      if (!services.quiet) services.err(`cancel requested; see it end with: mag status ${record.id} --watch\n`)
      return EXIT.ok
    }
  } finally {
    await backend.close()
  }
  const exitCode = await continueRun(services, runId, { cancel: reason === undefined ? {} : { reason }, ...limitsOf(options) })
  return exitCode === EXIT.cancelled ? EXIT.ok : exitCode === EXIT.ok ? EXIT.conflict : exitCode
}
