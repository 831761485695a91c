/** `mag signal`, `approve`, `reject`, `resolve`, `pause`: what people tell a run, safe while another process drives it. */
import type { Backend, RunRecord } from '../../backend/backend.ts'
import { find, recover, type Compiled, type Run as RunState } from '../../engine/transition.ts'
import type { StepState } from '../../engine/run.ts'
import { toArray } from '../../engine/vector.ts'
import { allSteps } from '../../model/definition.ts'
import { isFinal } from '../../model/event.ts'
import { MagError } from '../../model/error.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import type { Message } from '../../model/message.ts'
import { words } from '../../view/marks.ts'
import type { Options, Run } from '../args.ts'
import { EXIT } from '../errors.ts'
import { findRun } from '../find-run.ts'
import { parseJson } from '../input.ts'
import { compiledOf, openServices, openStore, ownerOf, text, type Services } from '../services.ts'
import { systemClock } from '../../runtime/clock.ts'
import { wholeHistory } from '../../runtime/retry.ts'
import { userName } from '../user.ts'

interface Told {
  record: RunRecord
  run: RunState
  compiled: Compiled
}

/** Finds the run, sees where it stands, sends what `say` makes of it, and says who will act on it. */
async function tell(typed: string, options: Options, say: (told: Told) => Promise<{ message: Message; done: string }>): Promise<number> {
  const services = await openServices(options)
  const backend = await openStore(services)
  try {
    const record = await findRun(backend, typed)
    if (isFinal(record.state)) {
      throw new MagError('MAG2008', `${record.id} is ${words(record.state)} already`, { exitCode: EXIT.conflict, hint: `mag status ${record.id}` })
    }
    const compiled = await compiledOf(backend, record)
    const { run } = recover(compiled, record.id, await wholeHistory(backend, record.id))
    const { message, done } = await say({ record, run, compiled })
    await backend.send(record.id, message)
    await report(services, backend, record, done)
    return EXIT.ok
  } finally {
    await backend.close()
  }
}

async function report(services: Services, backend: Backend, record: RunRecord, done: string): Promise<void> {
  if (services.quiet) return
  const { owner } = await ownerOf(services, backend, record)
  const next = owner?.live ? `see it with: mag status ${record.id}` : `nobody drives this run now; it goes on with: mag resume ${record.id}`
  services.err(`${done}; ${next}\n`)
}

function dataOf(options: Options): Json | undefined {
  const given = text(options.data)
  return given === undefined ? undefined : parseJson(given, '--data')
}

export const signal: Run = async ({ args, options }) => {
  const [typed = '', name = ''] = args
  const data = dataOf(options) ?? {}
  const id = text(options.id) ?? Buffer.from(systemClock.random(16)).toString('hex')
  return tell(typed, options, async ({ compiled }) => {
    await checkPayload(compiled, name, data)
    return { message: { type: 'signal', id, name, data, by: userName() }, done: `signal ${name} sent` }
  })
}

/** A signal that some wait of the workflow names must match the schema of one; of others nothing is known. */
async function checkPayload({ definition }: Compiled, name: string, data: Json): Promise<void> {
  const waits = allSteps(definition).flatMap(({ kind }) => (kind.type === 'wait' ? [kind] : []))
  const named = waits.filter(({ signal: value }) => value.t === 'lit' && value.v === name)
  const computed = waits.some(({ signal: value }) => value.t !== 'lit')
  if (named.length === 0 && !computed) {
    const { nearest } = await import('../../model/nearest.ts')
    const names = waits.flatMap(({ signal: value }) => (value.t === 'lit' ? [String(value.v)] : []))
    const near = nearest(name, names)
    const hint = near ? `did you mean ${near}?` : names.length > 0 ? `it waits for: ${[...new Set(names)].join(', ')}` : 'it has no `wait` step'
    throw new MagError('MAG2013', `no step of ${definition.name} waits for a signal "${name}"`, { exitCode: EXIT.notFound, hint })
  }
  const schemas = named.flatMap(({ schema }) => (schema === undefined ? [] : [schema]))
  if (schemas.length < named.length || schemas.length === 0) return
  const problems = await Promise.all(schemas.map((schema) => problemsOf(schema, data)))
  if (problems.some((found) => found.length === 0)) return
  throw new MagError('MAG2014', `the data of signal ${name} is not valid: ${problems[0]?.join('; ')}`, { hint: 'give it with --data \'{ … }\'' })
}

async function problemsOf(schema: JsonObject, data: Json): Promise<string[]> {
  const { schemaProblems } = await import('../../definition/json-schema.ts')
  return schemaProblems(schema, data).map(({ path, message }) => (path ? `${path} ${message}` : message))
}

const decide = (approved: boolean): Run => async ({ args, options }) => {
  const data = dataOf(options)
  const comment = text(options.comment)
  return tell(args[0] ?? '', options, async (told) => {
    const state = choose(told, text(options.step), {
      fits: ({ status, step }) => status === 'waiting' && step.step.kind.type === 'approve', what: 'waits for approval', flag: '--step',
    })
    const { kind } = state.step.step
    if (data !== undefined && kind.type === 'approve' && kind.schema) {
      const problems = await problemsOf(kind.schema, data)
      if (problems.length > 0) throw new MagError('MAG2014', `the data for ${state.step.path} is not valid: ${problems.join('; ')}`, { hint: 'give it with --data' })
    }
    const message: Message = {
      type: 'approve', path: state.step.path, approved, by: userName(), ...(comment === undefined ? {} : { comment }), ...(data === undefined ? {} : { data }),
    }
    return { message, done: `${state.step.path} ${approved ? 'approved' : 'rejected'}` }
  })
}

export const approve: Run = decide(true)
export const reject: Run = decide(false)

const WAYS = ['completed', 'failed', 'retry'] as const

export const resolve: Run = async ({ args, options }) => {
  const as = WAYS.find((way) => way === text(options.as))
  if (!as) throw new MagError('MAG2000', 'say what became of the step', { hint: `--as ${WAYS.join(', --as ')}` })
  const given = text(options.result)
  const output = given === undefined ? undefined : parseJson(given, '--result')
  const reason = text(options.reason)
  if (output !== undefined && as !== 'completed') throw new MagError('MAG2000', `--result belongs to --as completed, not to --as ${as}`)
  return tell(args[0] ?? '', options, async (told) => {
    const { step } = choose(told, text(options.step), { fits: ({ status }) => status === 'in_doubt', what: 'is in doubt', flag: '--step' })
    const message: Message = { type: 'resolve', path: step.path, as, by: userName(), ...(output === undefined ? {} : { output }), ...(reason === undefined ? {} : { reason }) }
    return { message, done: `${step.path} resolved: ${as}` }
  })
}

export const pause: Run = async ({ args, options }) => {
  const reason = text(options.reason)
  return tell(args[0] ?? '', options, async ({ record, run }) => {
    if (run.paused) throw new MagError('MAG2008', `${record.id} is paused already`, { exitCode: EXIT.conflict, hint: `mag resume ${record.id}` })
    if (run.phase !== 'main') throw new MagError('MAG2008', `${record.id} is ending; it cannot be paused`, { exitCode: EXIT.conflict, hint: `mag status ${record.id}` })
    return { message: { type: 'pause', by: userName(), ...(reason === undefined ? {} : { reason }) }, done: `pause requested: nothing new starts; mag resume ${record.id} goes on` }
  })
}

/** The one step that fits, or the one that was named and fits. */
function choose({ record, run, compiled }: Told, typed: string | undefined, { fits, what, flag }: { fits: (state: StepState) => boolean; what: string; flag: string }): StepState {
  const all = toArray(run.steps)
  const fitting = all.filter(fits)
  const paths = fitting.map(({ step }) => step.path)
  const refuse = (message: string, exitCode: number): never => {
    throw new MagError('MAG2015', message, { exitCode, hint: paths.length > 0 ? paths.map((path) => `${flag} ${path}`).slice(0, 10).join('\n') : `mag status ${record.id}` })
  }
  if (typed === undefined) {
    const [only, second] = fitting
    if (!only) return refuse(`no step of ${record.id} ${what} now`, EXIT.conflict)
    return second ? refuse(`${fitting.length} steps of ${record.id} could be meant: say which one`, EXIT.usage) : only
  }
  const named = find(compiled, run, typed)
  const state = named ? all[named.no] : all.find(({ step }) => step.id === typed && fits({ ...(all[step.no] as StepState) }))
  if (!state) return refuse(`${record.id} has no step ${JSON.stringify(typed)}`, EXIT.notFound)
  return fits(state) ? state : refuse(`step ${state.step.path} is ${words(state.status)}: it does not ${what.replace(/^waits/, 'wait').replace(/^is/, 'stand')} now`, EXIT.conflict)
}
