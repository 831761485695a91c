/** Workers from the project's folder, and refusals that name worker and step before anything starts. */
import type { Definition } from '../model/definition.ts'
import { MagError } from '../model/error.ts'
import type { Problem } from '../model/problem.ts'
import type { LoadedWorker } from '../runtime/loader/loader.ts'
import type { WorkflowFile } from '../runtime/project.ts'
import type { ReadResult } from '../runtime/types/worker-types.ts'
import type { TypeSources } from '../definition/types/model.ts'
import { installCapture } from './capture.ts'
import { EXIT } from './errors.ts'
import { workerNames, type Services } from './services.ts'

export async function loadAll(services: Services, names?: readonly string[]): Promise<{ workers: LoadedWorker[]; problems: Problem[] }> {
  installCapture()
  const { loadWorkers } = await import('../runtime/loader/loader.ts')
  const { project } = services
  return loadWorkers({ projectDir: project.dir, dirs: ['workers'], cacheDir: project.cacheDir, ...(names ? { names: [...names] } : {}) })
}

/** What the workers of the project take and give; without TypeScript, why that is not known. */
export async function readTypes({ project }: Services): Promise<ReadResult> {
  const { readWorkerTypes } = await import('../runtime/types/worker-types.ts')
  return readWorkerTypes({ projectDir: project.dir, dirs: ['workers'], cacheDir: project.cacheDir })
}

/** With what the schemas of loaded workers say, where that is more. */
export async function sourcesOfTypes(types: ReadResult, loaded: readonly LoadedWorker[]): Promise<TypeSources> {
  const { withSchemas } = await import('../runtime/types/schema-types.ts')
  const workers = withSchemas('workers' in types ? types.workers : new Map(), loaded)
  return { worker: (name) => workers.get(name) }
}

export interface Requirement {
  /** Where the definitions came from; absent for those that a run has pinned. */
  files?: readonly WorkflowFile[]
}

/** The workers that definitions name. Refuses (exit 2) where one is missing or its file cannot be loaded. */
export async function requireWorkers(services: Services, definitions: readonly Definition[], { files = [] }: Requirement = {}): Promise<LoadedWorker[]> {
  const names = [...new Set(definitions.flatMap(workerNames))]
  if (names.length === 0) return []
  const { workers, problems } = await loadAll(services, names)
  const have = new Set(workers.map(({ name }) => name))
  const missing = names.filter((name) => !have.has(name))
  const broken = problems.filter(({ severity }) => severity === 'error')
  if (missing.length === 0 && broken.length === 0) return workers
  const { printProblems, sourcesOf } = await import('./problems.ts')
  if (broken.length > 0) await printProblems(services, broken, sourcesOf(services, broken), 2)
  // A step must not get whichever of two files comes first.
  const twice = broken.find(({ code, message }) => code === 'MAG1102' && names.some((name) => message.startsWith(`worker "${name}" `)))
  if (twice) throw new MagError('MAG1102', `${twice.message}; nothing was started`, { exitCode: EXIT.usage, hint: 'rename one of them; mag workers list' })
  if (missing.length === 0) return workers
  throw await missingError(services, missing, files)
}

async function missingError(services: Services, missing: string[], files: readonly WorkflowFile[]): Promise<MagError> {
  const { nearest } = await import('../model/nearest.ts')
  const { workers } = await loadAll(services)
  const all = workers.map(({ name }) => name)
  const lines = missing.map((name) => {
    const use = usesOf(files, name)?.use
    const near = nearest(name, all)
    return `${use ? `step "${use.step}" needs worker "${name}"` : `worker "${name}"`}, which no file in workers/ has${near ? `; did you mean "${near}"?` : ''}`
  })
  const first = usesOf(files, missing[0] ?? '')
  return new MagError('MAG2020', lines.length === 1 ? String(lines[0]) : ['workers are missing; nothing was started', ...lines].join('\n'), {
    exitCode: EXIT.usage, hint: 'mag workers list',
    ...(first ? { location: { file: first.file, line: first.use.line, column: first.use.column } } : {}),
  })
}

function usesOf(files: readonly WorkflowFile[], name: string): { file: string; use: WorkflowFile['workers'][number] } | undefined {
  for (const { file, workers } of files) {
    const use = workers.find(({ worker }) => worker === name)
    if (use) return { file, use }
  }
  return undefined
}
