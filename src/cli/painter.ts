/** What a run looks like while it goes: chosen once, fed with events that its view has folded in already. */
import type { LogLine } from '../backend/backend.ts'
import type { Config } from '../model/config.ts'
import type { RunEvent } from '../model/event.ts'
import type { Line } from '../view/span.ts'
import type { RunView } from '../view/run-view.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Paint } from './colour.ts'

export interface Painter {
  event(event: RunEvent): void
  log(line: LogLine): void
  /** A line of the command's own. `stopping`: Ctrl-C means something else from now on. */
  note(line: Line, how?: { stopping?: boolean }): void
  /** The last picture; afterwards the screen is free. */
  finish(): void
}

export interface PainterOptions {
  view: RunView
  paint: Paint
  colour: boolean
  unicode: boolean
  clock: Clock
  /** To stderr. */
  put: (text: string) => void
  hint: string
  debug: boolean
  /** False: in a store that ends with the process. Default true. */
  kept?: boolean
  /** Where a step stands in its file. */
  place?: (path: string) => { file: string; line: number; column: number } | undefined
  env: NodeJS.ProcessEnv
}

export type ProgressMode = NonNullable<Config['progress']> | 'github' | 'gitlab'

export interface ModeSources {
  wanted: string | undefined
  quiet: boolean
  isTty: boolean
  env: NodeJS.ProcessEnv
}

/** Live only where somebody looks: a terminal that can move its cursor, outside of CI. */
export function progressMode({ wanted, quiet, isTty, env }: ModeSources): ProgressMode {
  if (wanted === 'live' || wanted === 'plain' || wanted === 'json' || wanted === 'none') return wanted
  if (quiet) return 'none'
  if (env.GITHUB_ACTIONS === 'true') return 'github'
  if (env.GITLAB_CI === 'true') return 'gitlab'
  return isTty && env.TERM !== 'dumb' && !env.CI ? 'live' : 'plain'
}
