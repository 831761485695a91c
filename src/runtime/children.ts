/**
 * Child runs: started, awaited, cancelled and asked for what is to be undone of them. A child is a run of its own, driven
 * by whoever drives runs; word of its end reaches its parent as a message, and is asked for where it may have been lost.
 */
import type { Backend } from '../backend/backend.ts'
import { contextAt } from '../engine/inspect.ts'
import { recover, resultOf, undoOf, type ChildWait, type Compiled, type Run } from '../engine/transition.ts'
import type { ChildStart } from '../model/command.ts'
import { isFinal, type RunEvent, type UndoItem } from '../model/event.ts'
import type { ErrorInfo } from '../model/error.ts'
import { own, type Json, type JsonObject } from '../model/json.ts'
import type { Message } from '../model/message.ts'
import type { Clock } from './clock.ts'
import { untilDone } from './held.ts'
import type { StartRequest } from './start-request.ts'

export interface Children {
  start(parent: Run, child: ChildStart): void
  /** After a takeover: the child may never have been started, or word of its end may have been lost. */
  await(parent: Run, child: { path: string; token: number; run: string }): void
  cancel(runId: string, reason: string): void
  loadUndo(parentId: string, child: { path: string; run: string }): void
  /** A run driven here has ended: its parent, if it has one, is told. */
  ended(compiled: Compiled, run: Run, at: number): void
  /** Children that are not driven here: their word may have been lost on the way, or they were never started. */
  sweep(parents: ReadonlyArray<{ run: Run; children: readonly ChildWait[] }>): void
  stop(): void
}

export interface ChildrenOptions {
  backend: Backend
  clock: Clock
  compiled(hash: string): Promise<Compiled>
  start(request: StartRequest): Promise<{ status: 'started' | 'exists' }>
  /** To a run wherever it is driven. */
  send(runId: string, message: Message): Promise<unknown>
  owns(runId: string): boolean
  takeOver(runId: string): Promise<unknown>
  onError(error: unknown): void
}

export function createChildren(options: ChildrenOptions): Children {
  let stopped = false
  let sweeping = false
  const guarded = (work: () => Promise<unknown>): void => void untilDone(options.clock, () => stopped, work).catch((error: unknown) => stopped || options.onError(error))
  return {
    start: (parent, child) => guarded(() => start(options, parent, child)),
    await: (parent, child) => guarded(() => awaitChild(options, parent, child)),
    cancel: (runId, reason) => guarded(() => options.send(runId, { type: 'cancel', reason })),
    loadUndo: (parentId, { path, run }) => guarded(() => undoItems(options, run).then((items) => options.send(parentId, { type: 'child_undo', path, run, items }))),
    ended: (compiled, run, at) => (run.parent ? guarded(() => tell(options, { compiled, run, at })) : undefined),
    sweep(parents) {
      if (sweeping || parents.length === 0) return
      sweeping = true
      guarded(() => sweep(options, parents).finally(() => {
        sweeping = false
      }))
    },
    stop: () => {
      stopped = true
    },
  }
}

async function start(options: ChildrenOptions, parent: Run, child: ChildStart): Promise<void> {
  const hash = own(parent.children, child.workflow)
  const compiled = hash === undefined ? undefined : await options.compiled(hash)
  if (!compiled) return refuse(options, parent, child, { code: 'INPUT', message: `the run knows no workflow "${child.workflow}"`, retryable: false })
  const { checkInput } = await import('../definition/input.ts')
  const prepared = checkInput(compiled.definition, child.input ?? declared(compiled, child.context ?? {}))
  if ('problems' in prepared) {
    const message = `the input of child "${child.workflow}": ${prepared.problems.map((problem) => `${problem.path} ${problem.message}`.trim()).join('; ')}`
    return refuse(options, parent, child, { code: 'INPUT', message, retryable: false })
  }
  const { path, token, depth } = child
  const started = await options.start({
    id: child.run, workflow: compiled.definition.name, compiled, input: prepared.input, inputHash: '', parent: { run: parent.id, path, token, depth }, children: parent.children,
  })
  if (started.status === 'exists') await awaitChild(options, parent, child)
}

/** Of the context the keys that the child declares; without declarations all of it. */
function declared({ definition }: Compiled, context: JsonObject): JsonObject {
  if (!definition.inputs) return context
  return Object.fromEntries(Object.keys(definition.inputs).filter((name) => Object.hasOwn(context, name)).map((name) => [name, context[name] as Json]))
}

async function refuse(options: ChildrenOptions, parent: Run, { path, token, run }: ChildStart, error: ErrorInfo): Promise<void> {
  await options.send(parent.id, { type: 'child_ended', path, token, run, state: 'failed', error, at: options.clock.now() })
}

async function awaitChild(options: ChildrenOptions, parent: Run, child: { path: string; token: number; run: string }): Promise<void> {
  if (options.owns(child.run)) return
  const record = await options.backend.run(child.run)
  if (record && isFinal(record.state)) return tellParent(options, child.run)
  if (record) return void (await options.takeOver(child.run))
  const again = await startOf(options, parent, child)
  if (again) await start(options, parent, again)
}

/** As the parent's history tells it; without `with` the child gets what the parent's step sees. */
async function startOf(options: ChildrenOptions, parent: Run, child: { path: string; token: number; run: string }): Promise<ChildStart | undefined> {
  const [event] = await options.backend.history(parent.id, child.token - 1, 1)
  if (event?.type !== 'step.child') return undefined
  const given = event.input ? { input: event.input } : { context: contextAt(await options.compiled(parent.definition), parent, child.path) }
  return { ...child, workflow: event.workflow, depth: (parent.parent?.depth ?? 0) + 1, ...given }
}

async function loadRun(options: ChildrenOptions, runId: string): Promise<{ compiled: Compiled; run: Run; at: number } | undefined> {
  const record = await options.backend.run(runId)
  if (!record) return undefined
  const compiled = await options.compiled(record.definition)
  const events: RunEvent[] = []
  for (;;) {
    const page = await options.backend.history(runId, events.at(-1)?.seq ?? 0, 10_000)
    if (page.length === 0) break
    for (const event of page) events.push(event)
  }
  return { compiled, run: recover(compiled, runId, events).run, at: events.at(-1)?.at ?? 0 }
}

async function sweep(options: ChildrenOptions, parents: ReadonlyArray<{ run: Run; children: readonly ChildWait[] }>): Promise<void> {
  for (const { run, children } of parents) for (const child of children) await awaitChild(options, run, child)
}

async function tellParent(options: ChildrenOptions, runId: string): Promise<void> {
  const loaded = await loadRun(options, runId)
  if (loaded) await tell(options, loaded)
}

async function tell(options: ChildrenOptions, { compiled, run, at }: { compiled: Compiled; run: Run; at: number }): Promise<void> {
  const { parent } = run
  if (!parent || run.final === undefined) return
  await options.send(parent.run, {
    type: 'child_ended', path: parent.path, token: parent.token, run: run.id, state: run.final, at,
    ...(run.final === 'completed' ? { output: resultOf(compiled, run) } : {}), ...(run.error ? { error: run.error } : {}),
  })
}

/** What the run did and its completed children did, in the order of completion. */
async function undoItems(options: ChildrenOptions, runId: string): Promise<UndoItem[]> {
  const loaded = await loadRun(options, runId)
  if (!loaded) return []
  const { items, children } = undoOf(loaded.compiled, loaded.run)
  for (const child of children) {
    for (const item of await undoItems(options, child.run)) items.push({ ...item, path: `${child.path}/${item.path}` })
  }
  return items.sort((a, b) => a.at - b.at)
}
