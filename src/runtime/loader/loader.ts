/**
 * Finds and imports the workers of a project. One file that cannot be loaded never hides the others. What files print
 * while they are imported goes where `console` goes: the command line sends that to stderr before it calls this.
 */
import { readFileSync, realpathSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../clock.ts'
import { isSameMethod, workersIn } from '../worker.ts'
import { discover, type Found } from './discover.ts'
import { hookProject } from './hooks.ts'
import type { LoadedWorker } from './loaded.ts'
import { readNameIndex } from './name-index.ts'
import { ownLibraryUrl } from './own-file.ts'
import { duplicateProblem, LoadTimeout, placeOf, problemOf, type LoadProblem } from './problems.ts'
import { prepare } from './transform.ts'

export type { LoadedWorker } from './loaded.ts'
export type { LoadProblem } from './problems.ts'

export interface LoadOptions {
  projectDir: string
  /** Relative to the project, searched with their subfolders. */
  dirs: string[]
  cacheDir: string
  /** Of each file's import. A top level that loops without an await cannot be stopped by anybody. */
  timeoutMs?: number
  /** Only these workers are wanted: files that are known to have none of them are not imported. */
  names?: string[]
  /** What 'multiagents' resolves to in worker files; default: this mag's own. */
  libraryUrl?: string
}

export interface LoadResult {
  /** By name. */
  workers: LoadedWorker[]
  problems: LoadProblem[]
}

const DEFAULT_TIMEOUT_MS = 10_000
const TRANSFORMED = /\.(?:[cm]?ts|[jt]sx)$/

export async function loadWorkers(options: LoadOptions): Promise<LoadResult> {
  // Modules are known by their real path.
  const projectDir = realpathSync(options.projectDir)
  const { cacheDir, timeoutMs = DEFAULT_TIMEOUT_MS } = options
  hookProject({ dir: projectDir, cacheDir, libraryUrl: options.libraryUrl ?? ownLibraryUrl() })
  const index = readNameIndex(cacheDir)
  const files = discover(projectDir, options.dirs)
  const wanted = options.names && new Set(options.names)
  const needed = files.filter((found) => !wanted || (index.names(found)?.some((name) => wanted.has(name)) ?? true))
  const collected = createCollection(projectDir)

  const importAll = async (some: readonly Found[]): Promise<void> => {
    await prepare(some.filter(({ file }) => TRANSFORMED.test(file)).map(({ file, path }) => ({ cacheDir, file, path })))
    const modules = await Promise.all(some.map((found) => importFile(found, timeoutMs)))
    some.forEach((found, i) => {
      const names = collected.add(found, modules[i])
      if (names) index.learn(found, names)
      else index.forget(found)
    })
  }
  await importAll(needed)
  // A name may have moved into what an unchanged file imports.
  if (options.names?.some((name) => !collected.workers.has(name))) await importAll(files.filter((found) => !needed.includes(found)))
  index.save()
  const workers = [...collected.workers.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  return { workers, problems: collected.problems }
}

type Imported = { exports: object } | { thrown: unknown }

async function importFile({ path }: Found, timeoutMs: number): Promise<Imported> {
  let disarm: (() => void) | undefined
  const tooLong = new Promise<Imported>((resolve) => {
    disarm = systemClock.setTimer(timeoutMs, () => resolve({ thrown: new LoadTimeout(timeoutMs) }))
  })
  const url = pathToFileURL(path).href
  const imported = import(url).then((exports: object): Imported => ({ exports }), (thrown: unknown): Imported => ({ thrown }))
  const first = await Promise.race([imported, tooLong])
  disarm?.()
  return first
}

interface Collection {
  workers: Map<string, LoadedWorker>
  problems: LoadProblem[]
  /** The file's worker names; undefined where it has a problem. */
  add(found: Found, imported: Imported | undefined): string[] | undefined
}

function createCollection(projectDir: string): Collection {
  const workers = new Map<string, LoadedWorker>()
  const problems: LoadProblem[] = []
  /** Values that several files export are one worker. */
  const seen = new Map<unknown, string[]>()

  function report(problem: LoadProblem): undefined {
    // One broken helper is told once, however many files import it.
    const same = problems.some(({ file, line, column, message }) => file === problem.file && line === problem.line && column === problem.column && message === problem.message)
    if (!same) problems.push(problem)
  }

  function take(loaded: LoadedWorker, source: string): void {
    const place = placeOf(source, loaded.name)
    const { version } = loaded.definition
    const complete: LoadedWorker = { ...loaded, ...(place ? { line: place.line } : {}), ...(version === undefined ? {} : { version }) }
    const first = workers.get(loaded.name)
    if (first && isSameMethod(first.definition, loaded.definition)) return
    if (first) report(duplicateProblem(first, complete, place?.column ?? 1))
    else workers.set(loaded.name, complete)
  }

  function add(found: Found, imported: Imported | undefined): string[] | undefined {
    if (!imported) return undefined
    const { file, path } = found
    if ('thrown' in imported) return report(problemOf({ projectDir, file, path }, imported.thrown))
    const names: string[] = []
    let source: string | undefined
    try {
      for (const [exportName, value] of Object.entries(imported.exports)) {
        const known = seen.get(value)
        if (known) names.push(...known)
        if (known) continue
        const definitions = workersIn(value)
        if (definitions.length === 0) continue
        seen.set(value, definitions.map(({ name }) => name))
        source ??= readFileSync(path, 'utf8')
        for (const definition of definitions) {
          names.push(definition.name)
          take({ definition, name: definition.name, file, exportName }, source)
        }
      }
    } catch (error) {
      return report(problemOf({ projectDir, file, path }, error))
    }
    return [...new Set(names)]
  }

  return { workers, problems, add }
}
