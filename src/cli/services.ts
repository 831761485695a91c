/** From a command's options to the parts it needs. All wiring of commands to stores, projects and sessions is here. */
import type { Backend, LogLine, ProcessRecord, RunRecord } from '../backend/backend.ts'
import { openBackend } from '../backend/open.ts'
import type { Compiled } from '../engine/transition.ts'
import type { Config } from '../model/config.ts'
import { workersOf, type Definition } from '../model/definition.ts'
import { MagError } from '../model/error.ts'
import type { RunEvent } from '../model/event.ts'
import { systemClock, type Clock } from '../runtime/clock.ts'
import { readConfig, setting } from '../runtime/config.ts'
import type { LoadedWorker } from '../runtime/loader/loader.ts'
import { findProject, type Project } from '../runtime/project.ts'
import type { SecretSource } from '../runtime/secrets.ts'
import type { PinnedDefinition, Session } from '../runtime/session.ts'
import type { OwnerText } from '../view/pages.ts'
import type { RunFacts } from '../view/document.ts'
import { applyEvents, viewOf, type RunView } from '../view/run-view.ts'
import type { Screen } from '../view/span.ts'
import type { Options } from './args.ts'
import { captured } from './capture.ts'
import { decideColour, painterOf, type Paint } from './colour.ts'
import { progressMode, type Painter } from './painter.ts'
import { createPainter } from './painters.ts'
import { isTty, isUnicode, sizeOf, write } from './terminal.ts'

export type Format = 'text' | 'json' | 'jsonl' | 'yaml' | 'ids' | 'raw'

export interface Services {
  readonly options: Options
  readonly clock: Clock
  readonly project: Project
  readonly config: Config
  readonly env: NodeJS.ProcessEnv
  readonly debug: boolean
  readonly quiet: boolean
  out(text: string): void
  err(text: string): void
}

export async function openServices(options: Options): Promise<Services> {
  const project = findProject(text(options.dir) ?? process.cwd())
  const config = await readConfig(project.dir)
  return {
    options, project, config, clock: systemClock, env: process.env, debug: options.debug === true, quiet: options.quiet === true,
    out: (output) => write(1, output), err: (output) => write(2, output),
  }
}

export function text(option: Options[string]): string | undefined {
  return typeof option === 'string' ? option : undefined
}

/** `stream`: `--json` means lines of JSON there. */
export function formatOf(options: Options, { stream = false } = {}): Format {
  const output = text(options.output)
  if (output !== undefined) return output as Format
  return options.json === true ? (stream ? 'jsonl' : 'json') : 'text'
}

export function storeAddress(services: Services): string {
  return setting('store', text(services.options.store), services.config, 'sqlite:.mag/mag.db').value
}

export async function openStore(services: Services, { readOnly = false } = {}): Promise<Backend> {
  return openBackend(storeAddress(services), { now: () => services.clock.now(), projectDir: services.project.dir, readOnly })
}

export async function paintFor(services: Services, stream: 1 | 2): Promise<Paint> {
  return painterOf(colourFor(services, stream))
}

function colourFor({ options, env, config }: Services, stream: 1 | 2): boolean {
  return decideColour({ flag: typeof options.color === 'boolean' ? options.color : undefined, env, config: config.color, isTty: isTty(stream) })
}

/** The screen behind stdout, for pages. Loads the library that knows widths: not for the fast path. */
export async function pageScreen(services: Services, stream: 1 | 2 = 1): Promise<Screen> {
  const { default: width } = await import('string-width')
  return { now: services.clock.now(), columns: sizeOf(stream).columns, unicode: isUnicode(services.env), frame: -1, width }
}

export interface PainterRequest {
  hint: string
  place?: (path: string) => { file: string; line: number; column: number } | undefined
  /** False: nothing of the run outlives this process. */
  kept?: boolean
}

export async function openPainter(services: Services, view: RunView, { hint, place, kept = true }: PainterRequest): Promise<Painter> {
  const { options, clock, env, debug } = services
  if (formatOf(options, { stream: true }) === 'jsonl') {
    return (await import('./painter-json.ts')).createJsonPainter({ view, put: services.out, paint: await painterOf(false) }, services.err)
  }
  const wanted = setting('progress', text(options.progress), services.config, 'auto').value
  const mode = progressMode({ wanted, quiet: services.quiet, isTty: isTty(2), env })
  const colour = colourFor(services, 2)
  return createPainter(mode, {
    view, colour, clock, env, debug, hint, unicode: isUnicode(env), put: services.err, paint: await painterOf(colour), kept, ...(place ? { place } : {}),
  })
}

export interface SessionRequest {
  backend: Backend
  workers: LoadedWorker[]
  onLog?: (line: LogLine) => void
  onFatal?: (error: MagError) => void
  onHeld?: (error: MagError) => void
  secret?: SecretSource
}

/** Values for the secrets that the definitions declare, or undefined where they declare none. Throws where one is not set. */
export async function secretsOf(services: Services, definitions: readonly Definition[]): Promise<SecretSource | undefined> {
  const names = [...new Set(definitions.flatMap((definition) => definition.secrets))]
  const file = text(services.options.secretsFile)
  if (names.length === 0 && file === undefined) return undefined
  const { openSecrets } = await import('./secrets.ts')
  return openSecrets(services.env, names, file)
}

export async function openRunSession(services: Services, request: SessionRequest): Promise<Session> {
  const { openSession } = await import('../runtime/session.ts')
  const concurrency = services.config.concurrency
  return openSession({ ...request, workers: captured(request.workers), projectDir: services.project.dir, role: 'cli', clock: services.clock, ...(concurrency ? { concurrency } : {}) })
}

/** Names of the workers that a definition uses, those that undo included. */
export function workerNames(definition: Definition): string[] {
  return [...workersOf(definition)]
}

export async function pinnedOf(backend: Backend, record: RunRecord): Promise<PinnedDefinition> {
  const pinned = await backend.definition(record.definition)
  if (pinned === undefined) throw new MagError('STORE_CORRUPT', `the store has no definition ${record.definition} of run ${record.id}`, { exitCode: 7, hint: 'mag doctor' })
  return { hash: record.definition, text: pinned, definition: JSON.parse(pinned) as Definition }
}

/** The run's pinned definition, ready to fold its history. */
export async function compiledOf(backend: Backend, record: RunRecord): Promise<Compiled> {
  const { definition, hash, text: pinned } = await pinnedOf(backend, record)
  const { compile } = await import('../engine/transition.ts')
  const expressions = pinned.includes('"t":"expr"') ? (await import('../definition/expression.ts')).createExpressions() : undefined
  return compile(definition, hash, expressions)
}

/** The run as of now, its whole history folded. `each` sees every event after it is folded in. */
export async function readView(backend: Backend, record: RunRecord, each?: (view: RunView, event: RunEvent) => void): Promise<RunView> {
  const { definition } = await pinnedOf(backend, record)
  const view = viewOf(definition, record.id)
  for (let after = 0; ; ) {
    const events = await backend.history(record.id, after, 10_000)
    if (events.length === 0) return view
    for (const event of events) {
      applyEvents(view, [event])
      each?.(view, event)
    }
    after = events.at(-1)?.seq ?? after
  }
}

/** Who drives the run, and whether that process is still there. */
export async function ownerOf(services: Services, backend: Backend, record: RunRecord): Promise<{ facts: RunFacts; owner?: OwnerText }> {
  if (record.owner === null) return { facts: { owner: null } }
  const { isGone } = await import('../runtime/process.ts')
  const process = (await backend.processes()).find(({ id }) => id === record.owner)
  if (!process) return { facts: { owner: record.owner }, owner: { who: record.owner, live: false } }
  const live = !isGone(process, services.clock.now())
  return { facts: { owner: record.owner, process: { host: process.host, pid: process.pid, live } }, owner: { who: processText(process), live } }
}

export function processText(process: ProcessRecord): string {
  return `${process.role} ${process.pid} on ${process.host}`
}
