/**
 * Whether there is colour is decided once, here. chalk 6 ignores NO_COLOR and ora carries a chalk of its own, so the
 * decision reaches both through FORCE_COLOR, which is put back once they are loaded (CHOICES.md, fact 4).
 */
import type { ChalkInstance } from 'chalk'
import { clean } from '../view/clean.ts'
import type { Line, Style } from '../view/span.ts'

export interface ColourSources {
  flag: boolean | undefined
  env: NodeJS.ProcessEnv
  config: 'always' | 'never' | 'auto' | undefined
  isTty: boolean
}

/** Flag > MAG_COLOR > config > NO_COLOR > FORCE_COLOR > terminal. */
export function decideColour({ flag, env, config, isTty }: ColourSources): boolean {
  if (flag !== undefined) return flag
  for (const wish of [env.MAG_COLOR, config]) {
    if (wish === 'always' || wish === '1' || wish === 'true') return true
    if (wish === 'never' || wish === '0' || wish === 'false') return false
  }
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false'
  return isTty && env.TERM !== 'dumb'
}

export type Paint = (line: Line) => string

/** Without colour nothing is loaded. Every span is cleaned once more: this is the only way to the screen. */
export const plainPaint: Paint = (line) => line.map((part) => clean(part.text)).join('').trimEnd()

export async function painterOf(colour: boolean): Promise<Paint> {
  if (!colour) return plainPaint
  const { default: chalk } = await withForceColor(true, () => import('chalk'))
  const styles = stylesOf(chalk)
  return (line) => {
    const last = line.findLastIndex((part) => part.text.trim() !== '')
    return line.slice(0, last + 1).map((part, at) => styles[part.style](clean(at === last ? part.text.trimEnd() : part.text))).join('')
  }
}

/** Readable on light and on dark: no yellow, no white, no bright colours. */
function stylesOf(chalk: ChalkInstance): Record<Style, (text: string) => string> {
  return {
    plain: (text) => text, name: (text) => text, bold: chalk.bold, dim: chalk.dim, good: chalk.green, bad: chalk.red,
    warn: chalk.magenta, busy: chalk.cyan, command: chalk.cyan,
  }
}

export async function withForceColor<T>(on: boolean, load: () => Promise<T>): Promise<T> {
  const before = process.env.FORCE_COLOR
  process.env.FORCE_COLOR = on ? (before && before !== '0' && before !== 'false' ? before : '1') : '0'
  try {
    return await load()
  } finally {
    if (before === undefined) delete process.env.FORCE_COLOR
    else process.env.FORCE_COLOR = before
  }
}
