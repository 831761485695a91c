/** `mag retry`: a run that ended goes on as a new generation; what has completed is kept. */
import type { Run } from '../args.ts'
import { limitsOf } from '../limits.ts'
import { openServices, text } from '../services.ts'
import { continueRun } from './resume.ts'

export const run: Run = async ({ args, options }) => {
  const services = await openServices(options)
  const from = text(options.from)
  return continueRun(services, args[0] ?? '', { retry: from === undefined ? {} : { from }, ...limitsOf(options) })
}
