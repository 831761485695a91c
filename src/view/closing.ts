/** What stands below a finished tree: warnings, then why it failed and what to type next, nearest the prompt. */
import type { ErrorInfo } from '../model/error.ts'
import { isFinal } from '../model/event.ts'
import { clean } from './clean.ts'
import { withoutHidden } from './document.ts'
import { span, wrap, type Line, type Screen } from './span.ts'
import { everyStep } from './steps.ts'
import type { RunView, StepView } from './views.ts'

/** Where a step stands in its definition file, if the caller knows. */
export type PlaceOf = (path: string) => string | undefined

export interface ClosingOptions {
  place?: PlaceOf
  debug?: boolean
  /** False: the run is kept nowhere, so that there is no command that would find it. Default true. */
  kept?: boolean
}

const MOST_SHOWN = 10

export function closingLines(view: RunView, screen: Screen, options: ClosingOptions = {}): Line[] {
  if (!isFinal(view.state)) return []
  const blocks = [warningBlock(view, screen), ...failureBlocks(view, screen, options), ...undoBlocks(view, screen), ...(options.kept === false ? [] : [nextBlock(view, screen)])]
  return blocks.filter((block) => block.length > 0).flatMap((block, no) => (no === 0 ? block : [[], ...block]))
}

function warningBlock(view: RunView, screen: Screen): Line[] {
  const shown = view.warnings.slice(0, MOST_SHOWN)
  const lines = shown.flatMap((warning) => paragraph([span('  '), span('warning ', 'warn')], `${clean(warning.code)}: ${clean(warning.message)}`, screen))
  const more = view.warnings.length - shown.length
  return more > 0 ? [...lines, [span(`  and ${more} more warnings: mag history ${view.runId}`, 'dim')]] : lines
}

/** Steps that failed for good, the one that ended the run last. */
function failureBlocks(view: RunView, screen: Screen, options: ClosingOptions): Line[][] {
  if (view.state === 'completed') return []
  const failed = [...everyStep(view)].filter((step) => step.error && !step.continued && (step.state === 'failed' || step.undo !== undefined) && step.branches.length === 0 && !step.each && !isRoot(view, step))
  const blocks = failed.slice(0, MOST_SHOWN).map((step) => errorBlock(step.path, step.error, screen, options))
  if (view.state === 'cancelled') {
    const { by, reason } = view.cancel ?? {}
    blocks.push([[span('  '), span('cancelled', 'warn'), span(`${by ? ` by ${clean(by)}` : ''}${reason ? `: ${clean(reason)}` : ''}`)]])
  } else if (view.error) blocks.push(errorBlock(view.error.step ?? view.endedBy ?? view.workflow, view.error, screen, options))
  return blocks
}

function isRoot(view: RunView, step: StepView): boolean {
  return step.path === (view.error?.step ?? view.endedBy)
}

function errorBlock(path: string, error: ErrorInfo | undefined, screen: Screen, options: ClosingOptions): Line[] {
  if (!error) return []
  const lines = paragraph([span('  '), span(path, 'bold'), span('  '), span(clean(error.code), 'bad'), span(': ')], clean(error.message, { newlines: 'keep' }), screen)
  lines.push(...detailLines(error, screen))
  if (error.location) lines.push([span('    '), span(clean(`${error.location.file}:${error.location.line}:${error.location.column}`), 'dim')])
  const place = options.place?.(path)
  if (place) lines.push([span('    '), span(clean(place), 'dim')])
  if (options.debug && error.stack) for (const text of clean(error.stack, { newlines: 'keep' }).split('\n')) lines.push([span('    '), span(text.trim(), 'dim')])
  return lines
}

const MOST_DETAILS = 600

/** What the error carries, as far as a person can use it; a shell's output is in its log already. */
function detailLines({ code, details }: ErrorInfo, screen: Screen): Line[] {
  if (typeof details !== 'object' || details === null || /^EXIT_\d+$/.test(code)) return []
  const text = clean(JSON.stringify(withoutHidden(details), null, 1).replace(/\n */g, ' '))
  if (text.length <= 4) return []
  return paragraph([span('    '), span('details ', 'dim')], text.length > MOST_DETAILS ? `${text.slice(0, MOST_DETAILS)} …` : text, screen)
}

/** Text broken to the screen; its second and later lines stand under the first word. */
function paragraph(lead: Line, text: string, screen: Screen): Line[] {
  const indent = 4
  const used = lead.reduce((sum, part) => sum + part.text.length, 0)
  const cells = Math.max(20, screen.columns - 1 - indent)
  const [first = '', ...rest] = wrap(text, cells, screen.width, used - indent)
  return [[...lead, span(first)], ...rest.map((line): Line => [span(' '.repeat(indent)), span(line)])]
}

function undoBlocks(view: RunView, screen: Screen): Line[][] {
  return [...everyStep(view)].filter((step) => step.undo?.state === 'failed').map((step) => {
    const { worker = '', error } = step.undo ?? {}
    return [
      ...paragraph([span('  '), span(step.path, 'bold'), span('  '), span('not undone', 'bad'), span(': ')], `${worker}: ${clean(error?.code ?? '')}: ${clean(error?.message ?? '')}`, screen),
      [span('    '), span('needs a person: what this step did still stands', 'warn')],
    ]
  })
}

function nextBlock(view: RunView, screen: Screen): Line[] {
  if (view.state === 'completed') return []
  const step = view.error?.step ?? view.endedBy
  const commands = [...(step ? [`mag logs ${view.runId} --step ${step}`] : []), `mag status ${view.runId}`, `mag retry ${view.runId}`]
  return commandLines('next', commands, screen)
}

/** Commands are never clipped or broken: they are there to be copied. */
export function commandLines(label: string, commands: readonly string[], screen: Screen): Line[] {
  const wide = commands.every((command) => command.length + 10 < screen.columns)
  if (!wide) return commands.map((command) => [span('  '), span(command, 'command')])
  return commands.map((command, no) => [span(`  ${(no === 0 ? label : '').padEnd(8)}`, 'dim'), span(command, 'command')])
}
