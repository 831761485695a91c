/**
 * A fault that nobody waited for and no step is to blame for: a timer or a promise that a worker file left behind while it
 * was loaded. The first frame outside of libraries tells whose it is; only mag's own are faults in mag.
 */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MagError } from '../model/error.ts'
import { OWN_FOLDER } from '../runtime/loader/own-file.ts'
import { EXIT } from './errors.ts'

const FRAME = /(?:\(|at (?:async )?)((?:file:\/\/)?\/[^()]*?):(\d+):(\d+)\)?$/

/** The refusal to show instead; undefined where the fault is mag's own. */
export function foreignFault(error: unknown): MagError | undefined {
  if (!(error instanceof Error) || error instanceof MagError) return undefined
  for (const line of (error.stack ?? '').split('\n', 50)) {
    const [, name, row, column] = FRAME.exec(line.slice(0, 2_000).trimEnd()) ?? []
    if (name === undefined) continue
    const path = name.startsWith('file:') ? fileURLToPath(name.replace(/\?[^/]*$/, '')) : name
    if (path.startsWith(OWN_FOLDER)) return undefined
    if (path.includes('/node_modules/')) continue
    return new MagError('MAG1103', `a worker file threw outside of any step: ${error.message}`, {
      exitCode: EXIT.usage, cause: error, location: { file: relative(process.cwd(), path), line: Number(row), column: Number(column) },
      hint: 'handle it there: await what is started, and catch what it throws; a run that was going on is kept: mag list',
    })
  }
  return undefined
}
