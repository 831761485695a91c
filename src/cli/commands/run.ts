/** `mag run`: everything is checked before anything starts; then the run is driven here, and its result printed. */
import type { Definition } from '../../model/definition.ts'
import { MagError } from '../../model/error.ts'
import { RUN_KEY } from '../../model/id.ts'
import type { JsonObject } from '../../model/json.ts'
import { readWorkflow, type WorkflowFile } from '../../runtime/project.ts'
import type { PinnedDefinition, Session } from '../../runtime/session.ts'
import { viewOf } from '../../view/run-view.ts'
import { span } from '../../view/span.ts'
import type { Backend, ProcessRecord } from '../../backend/backend.ts'
import type { Options, Run } from '../args.ts'
import { createHeldNote, createLogTap, drive, fatalPromise } from '../drive.ts'
import { EXIT } from '../errors.ts'
import { exampleRun, isJson, parseJson, readInput } from '../input.ts'
import { limitsOf } from '../limits.ts'
import { requireWorkers } from '../load-workers.ts'
import type { Painter } from '../painter.ts'
import { openPainter, openRunSession, openServices, openStore, processText, secretsOf, text, type Services } from '../services.ts'

export const run: Run = async (invocation) => {
  try {
    return await runHere(invocation)
  } catch (error) {
    await tell({ error })
    throw error
  }
}

const runHere: Run = async ({ args, options }) => {
  const services = await openServices(options)
  const limits = limitsOf(options)
  const key = keyOf(options)
  const workflow = await readWorkflow(services.project, args[0] ?? '')
  const checked = await requireValid(services, workflow)
  const input = await inputOf(checked, options)
  const family = checked.text.includes('"type":"workflow"') ? await (await import('../children.ts')).requireChildren(services, workflow) : undefined
  const whole = family ? { ...checked, children: family.pinned } : checked
  const definitions = [checked.definition, ...[...(family?.pinned.values() ?? [])].map((child) => child.definition)]
  const workers = await requireWorkers(services, definitions, { files: [workflow, ...(family?.files ?? [])] })
  const secret = await secretsOf(services, definitions)
  if (options.detach === true) return (await import('../detach.ts')).detach(services, { workflow: args[0] ?? '', input, options })

  const fatal = fatalPromise()
  const backend = await openStore(services)
  let painter: Painter | undefined
  const logs = createLogTap()
  const session = await openRunSession(services, {
    backend, workers, ...(secret ? { secret } : {}), onLog: logs.add, onFatal: fatal.reject, onHeld: createHeldNote(() => painter),
  })
  try {
    const server = backend.kind === 'memory' || process.env.MAG_DETACHED === '1' ? undefined : await liveServer(services, backend)
    const started = await startRun(session, whole, input, { ...(key === undefined ? {} : { key }), handOver: server !== undefined })
    await tell({ runId: started.runId })
    const view = viewOf(checked.definition, started.runId)
    const places = (path: string) => {
      // Of elements and iterations the file knows one.
      const place = workflow.places[path.replace(/\[\d+\]/g, '[]')] ?? workflow.places[path.replace(/\[\d+\]/g, '')]
      return place && { file: workflow.file, ...place }
    }
    const kept = backend.kind !== 'memory'
    painter = await openPainter(services, view, { hint: kept ? 'ctrl-c stops; mag resume continues' : 'ctrl-c stops', place: places, kept })
    if (server && !services.quiet) painter.note([span(`driven by ${processText(server)}; following it`, 'dim')])
    return await drive({ services, session, view, painter, logs, watching: started.watching, fatal: fatal.promise, ...limits })
  } finally {
    // Stopped already where all went well; otherwise the first error is the one to tell.
    await session.stop({ graceMs: 0 }).catch(() => undefined)
    await backend.close()
  }
}

/** Only the background process of --detach has somebody to tell. */
async function tell(news: { runId: string } | { error: unknown }): Promise<void> {
  if (process.env.MAG_DETACHED === '1') await (await import('../detach.ts')).announce(news)
}

/** Problems of the definition, all of them, with their frames. */
async function requireValid(services: Services, workflow: WorkflowFile): Promise<PinnedDefinition> {
  const { problems, definition, hash, pinned } = workflow
  const ok = definition && hash !== undefined && pinned !== undefined
  if (problems.length > 0 && (!ok || !services.quiet)) await (await import('../problems.ts')).printProblems(services, problems, new Map([[workflow.file, workflow.text]]), 2)
  if (ok) return { definition, hash, text: pinned }
  const count = problems.filter(({ severity }) => severity === 'error').length
  throw new MagError('MAG1000', `${workflow.file} has ${count} ${count === 1 ? 'error' : 'errors'}; nothing was started`, { hint: `mag validate ${workflow.file}`, exitCode: EXIT.usage })
}

async function inputOf({ definition }: PinnedDefinition, options: Options): Promise<JsonObject> {
  const given = readInput(text(options.input))
  const pairs = Array.isArray(options.arg) ? (options.arg as string[]) : []
  if (pairs.length === 0 && Object.keys(given).length === 0 && definition.inputs === undefined) return {}
  for (const pair of pairs) refuseInexact(definition, pair)
  const { checkInput, InputPairError, parseInputPairs } = await import('../../definition/input.ts')
  // Copied only where there is something to add: an input may have a million keys.
  let whole = given
  try {
    if (pairs.length > 0) whole = { ...given, ...parseInputPairs(definition, pairs) }
  } catch (error) {
    if (!(error instanceof InputPairError)) throw error
    throw new MagError('MAG2012', error.message, { hint: exampleRun(definition), exitCode: EXIT.usage })
  }
  const result = checkInput(definition, whole)
  if ('input' in result) return result.input
  const lines = result.problems.map(({ path, message }) => `${path ? `${path}: ` : ''}${message}`)
  const [only] = lines
  throw new MagError('MAG2010', lines.length === 1 && only !== undefined ? `the input of ${definition.name} is not valid: ${only}` : [`the input of ${definition.name} is not valid`, ...lines].join('\n'), {
    hint: `${exampleRun(definition)}\nmag workflows show ${definition.name}`, exitCode: EXIT.usage,
  })
}

/** Numbers are as exact as those of `--input`; whatever else is wrong with a pair is told with its declared type. */
function refuseInexact({ inputs }: Definition, pair: string): void {
  const [, key = '', typed, value = ''] = /^([^=]*?)(:?)=(.*)$/s.exec(pair) ?? []
  const type = inputs && Object.hasOwn(inputs, key) ? inputs[key]?.schema.type : undefined
  if ((typed || type === 'number' || type === 'integer') && isJson(value)) parseJson(value, `-i ${key}`)
}

function keyOf(options: Options): string | undefined {
  const key = text(options.id)
  if (key === undefined || RUN_KEY.test(key)) return key
  throw new MagError('MAG2000', `--id ${JSON.stringify(key)} is not a usable key`, { hint: 'letters, digits and . _ : @ + -, at most 128' })
}

/** A process of `mag serve` that is live on this store. */
async function liveServer(services: Services, backend: Backend): Promise<ProcessRecord | undefined> {
  const { isGone } = await import('../../runtime/process.ts')
  return (await backend.processes()).find((process) => process.role === 'server' && !isGone(process, services.clock.now()))
}

async function startRun(session: Session, checked: PinnedDefinition, input: JsonObject, options: { key?: string; handOver: boolean }): Promise<{ runId: string; watching: boolean }> {
  const { key, handOver } = options
  const started = await session.startRun({ checked, input, ...options })
  if (!started.sameInput) {
    throw new MagError('MAG2011', `the id ${key} belongs to run ${started.runId}, which has another input or workflow`, { exitCode: EXIT.conflict, hint: `mag status ${started.runId}` })
  }
  if (handOver) return { runId: started.runId, watching: true }
  if (started.created || started.final) return { runId: started.runId, watching: started.final }
  const taken = await session.takeOver(started.runId)
  return { runId: started.runId, watching: typeof taken === 'object' }
}

