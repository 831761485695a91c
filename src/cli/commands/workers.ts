/** `mag workers list|run`: what serves steps, in the project's folder and in processes that are live. */
import { MagError } from '../../model/error.ts'
import type { Definition } from '../../model/definition.ts'
import { nearest } from '../../model/nearest.ts'
import { openBackend } from '../../backend/open.ts'
import { viewOf } from '../../view/run-view.ts'
import { tableLines, type Cell } from '../../view/table.ts'
import { span } from '../../view/span.ts'
import type { Run } from '../args.ts'
import { createLogTap, drive, fatalPromise, yamlText } from '../drive.ts'
import { EXIT } from '../errors.ts'
import { readInput } from '../input.ts'
import { limitsOf } from '../limits.ts'
import { loadAll } from '../load-workers.ts'
import { printProblems, sourcesOf } from '../problems.ts'
import { formatOf, openPainter, openRunSession, openServices, openStore, pageScreen, paintFor, text, type Services } from '../services.ts'
import { isTty } from '../terminal.ts'
import { safeJson } from '../text.ts'

export const list: Run = async ({ options }) => {
  const services = await openServices(options)
  const { workers, problems } = await loadAll(services)
  const live = await liveProcesses(services)
  const items = workers.map(({ name, file, definition }) => ({
    name, file, version: definition.version ?? null, input: definition.input !== undefined, output: definition.output !== undefined,
    processes: live.filter((process) => process.workers.includes(name)).map(({ host, pid, busy }) => ({ host, pid, busy })),
  }))
  if (problems.length > 0) await printProblems(services, problems, sourcesOf(services, problems), 2)
  const document = { schema: 'mag.workers/v1', items, nextCursor: null }
  switch (formatOf(options)) {
    case 'ids':
      services.out(items.map(({ name }) => `${name}\n`).join(''))
      break
    case 'jsonl':
      services.out(items.map((item) => `${safeJson(item)}\n`).join(''))
      break
    case 'yaml':
      services.out(await yamlText(document))
      break
    case 'text': {
      if (items.length === 0) {
        services.err('no workers here; a project has a folder workers/ with TypeScript files\n')
        break
      }
      const typed = (item: (typeof items)[number]) => [item.input ? 'in' : '', item.output ? 'out' : ''].filter(Boolean).join(', ')
      const rows = items.map((item): Cell[] => [
        item.name, item.file, typed(item) || span('-', 'dim'), item.version ?? span('-', 'dim'),
        item.processes.map(({ host, pid, busy }) => `${host}:${pid} (${busy} busy)`).join(', ') || span('-', 'dim'),
      ])
      const paint = await paintFor(services, 1)
      const columns = [{ title: 'WORKER' }, { title: 'FILE' }, { title: 'TYPED', giveUp: 2 }, { title: 'VERSION', giveUp: 3 }, { title: 'LIVE IN', giveUp: 1 }]
      services.out(tableLines(columns, rows, await pageScreen(services)).map((line) => `${paint(line)}\n`).join(''))
      break
    }
    default:
      services.out(`${safeJson(document, isTty(1))}\n`)
  }
  return problems.some(({ severity }) => severity === 'error') ? EXIT.usage : EXIT.ok
}

async function liveProcesses(services: Services): Promise<Array<{ host: string; pid: number; busy: number; workers: string[] }>> {
  try {
    const backend = await openStore(services, { readOnly: true })
    try {
      const { isGone } = await import('../../runtime/process.ts')
      const now = services.clock.now()
      return (await backend.processes()).filter((process) => !isGone(process, now)).map(({ host, pid, busy, workers }) => ({ host, pid, busy, workers: workers ?? [] }))
    } finally {
      await backend.close()
    }
  } catch (error) {
    if (error instanceof MagError) return []
    throw error
  }
}

/** One worker alone: a run of one step in a store that nobody keeps. */
export const run: Run = async ({ args, options }) => {
  const services = await openServices(options)
  const name = args[0] ?? ''
  const input = readInput(text(options.input))
  const { workers, problems } = await loadAll(services, [name])
  if (!workers.some((worker) => worker.name === name)) {
    if (problems.length > 0) await printProblems(services, problems, sourcesOf(services, problems), 2)
    const near = nearest(name, (await loadAll(services)).workers.map((worker) => worker.name))
    throw new MagError('MAG2021', `no worker named "${name}"`, { exitCode: EXIT.notFound, hint: near ? `did you mean ${near}?` : 'mag workers list' })
  }
  const definition: Definition = {
    format: 1, name: 'try', env: {}, secrets: [], onFailure: [], finally: [],
    steps: [{ id: 'worker', kind: { type: 'worker', worker: name }, needs: [] }, { id: 'result', kind: { type: 'return', value: { t: 'expr', src: 'steps.worker.output' } }, needs: ['worker'] }],
  }
  const backend = await openBackend('memory:', { now: () => services.clock.now(), projectDir: services.project.dir })
  const fatal = fatalPromise()
  const logs = createLogTap()
  const session = await openRunSession(services, { backend, workers, onLog: logs.add, onFatal: fatal.reject })
  try {
    const { canonicalJson, hashJson } = await import('../../definition/hash.ts')
    const started = await session.startRun({ checked: { definition, hash: hashJson(definition), text: canonicalJson(definition) }, input })
    const view = viewOf(definition, started.runId)
    const painter = await openPainter(services, view, { hint: 'ctrl-c stops', kept: false })
    return await drive({ services, session, view, painter, logs, watching: false, fatal: fatal.promise, ...limitsOf(options) })
  } finally {
    // Stopped already where all went well; otherwise the first error is the one to tell.
    await session.stop({ graceMs: 0 }).catch(() => undefined)
    await backend.close()
  }
}
