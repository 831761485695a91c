/**
 * The project: the nearest folder upwards that has `mag.config.yaml`, `workflows/` or `workers/`. Reads its definitions,
 * checked; a definition that was checked before is taken from the cache (its source kept and compared exactly), so that
 * neither the YAML parser nor the expression library is loaded for it.
 */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, renameSync, statSync, writeFileSync, constants } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import type { Definition } from '../model/definition.ts'
import { MagError } from '../model/error.ts'
import { WORKFLOW_NAME } from '../model/id.ts'
import { LIMITS } from '../model/limits.ts'
import { nearest } from '../model/nearest.ts'
import type { Problem } from '../model/problem.ts'
import type { WorkflowTypes } from '../definition/types/check-types.ts'
import type { TypeSources } from '../definition/types/model.ts'

export interface Project {
  dir: string
  /** False: nothing upwards looked like a project; `dir` is where the search began. */
  found: boolean
  stateDir: string
  cacheDir: string
}

/** What is known of a definition file once it is checked; `definition` is absent where it has errors. */
export interface WorkflowFile {
  file: string
  text: string
  name: string
  definition?: Definition
  hash?: string
  /** Canonical JSON of the definition: what runs pin. */
  pinned?: string
  problems: Problem[]
  workers: Array<{ worker: string; step: string; line: number; column: number; endColumn: number }>
  workflows: Array<{ workflow: string; step: string; line: number; column: number; endColumn: number }>
  places: Record<string, { line: number; column: number }>
  /** Where they were asked for. */
  types?: WorkflowTypes
}

const MARKS = ['mag.config.yaml', 'workflows', 'workers']
const ENDINGS = ['.yaml', '.yml', '.json']
/** Raise it when the checked form changes: older caches are ignored. */
const CACHE_FORMAT = 2

export function findProject(from: string): Project {
  const start = resolve(from)
  if (!existsSync(start) || !statSync(start).isDirectory()) {
    throw new MagError('MAG2003', `no such folder: ${from}`, { hint: 'give an existing folder to --dir' })
  }
  for (let dir = start; ; dir = dirname(dir)) {
    if (MARKS.some((mark) => existsSync(join(dir, mark)))) return projectAt(dir, true)
    if (dirname(dir) === dir) return projectAt(start, false)
  }
}

function projectAt(dir: string, found: boolean): Project {
  const stateDir = join(dir, '.mag')
  return { dir, found, stateDir, cacheDir: join(stateDir, 'cache') }
}

/** Project-relative paths of definition files, test files left out, sorted. */
export function workflowFiles(project: Project): string[] {
  const folder = join(project.dir, 'workflows')
  if (!existsSync(folder)) return []
  return readdirSync(folder).filter((name) => ENDINGS.some((end) => name.endsWith(end)) && !/\.test\.ya?ml$/.test(name) && !name.startsWith('.'))
    .sort().map((name) => `workflows/${name}`)
}

/** The file a name or path means. Throws MAG2001 with a near miss where there is none. */
export function resolveWorkflow(project: Project, nameOrFile: string): string {
  if (nameOrFile.includes('/') || nameOrFile.includes(sep) || ENDINGS.some((end) => nameOrFile.endsWith(end))) return nameOrFile
  if (!WORKFLOW_NAME.test(nameOrFile)) {
    throw new MagError('MAG2001', `not a workflow name: ${JSON.stringify(nameOrFile)}`, { exitCode: 6, hint: 'mag workflows list' })
  }
  const files = workflowFiles(project)
  const direct = files.find((file) => workflowStem(file) === nameOrFile)
  if (direct) return direct
  const near = nearest(nameOrFile, files.map(workflowStem))
  throw new MagError('MAG2001', `no workflow named "${nameOrFile}"${project.found ? '' : ` (no workflows/ or workers/ here or above ${project.dir})`}`, {
    exitCode: 6, hint: near ? `did you mean ${near}?  (workflows/${near})` : 'mag workflows list',
  })
}

export function workflowStem(file: string): string {
  return basename(file).replace(/\.(yaml|yml|json)$/, '')
}

/**
 * Reads and checks one definition. Errors in it are its `problems`; a file that cannot be read throws. `sources`: types are checked too, against
 * these workers, and nothing is taken from the cache.
 */
export async function readWorkflow(project: Project, nameOrFile: string, sources?: TypeSources): Promise<WorkflowFile> {
  const given = resolveWorkflow(project, nameOrFile)
  const path = isAbsolute(given) ? given : existsSync(join(project.dir, given)) ? join(project.dir, given) : resolve(given)
  const file = relative(project.dir, path).split(sep).join('/')
  const text = readText(path, { what: 'definition', maxBytes: LIMITS.fileBytes })
  const cached = sources ? undefined : readCache(project, file, text)
  if (cached) return cached
  const { checkWorkflow } = await import('../definition/check.ts')
  const { canonicalJson } = await import('../definition/hash.ts')
  const checked = checkWorkflow({ file, text }, sources)
  const { problems, workers, workflows, places, definition, hash, types } = checked
  const result: WorkflowFile = {
    file, text, name: definition?.name ?? workflowStem(file), problems, workers, workflows, places,
    ...(definition ? { definition, pinned: canonicalJson(definition) } : {}), ...(hash === undefined ? {} : { hash }),
  }
  if (types) return { ...result, types }
  if (definition && problems.length === 0) writeCache(project, result)
  return result
}

function cacheFile(project: Project, file: string): string {
  return join(project.cacheDir, `definition-${file.replaceAll(/[^A-Za-z0-9_-]/g, (c) => `.${c.charCodeAt(0).toString(16)}`).slice(0, 150)}.json`)
}

interface Cached {
  format: number
  version: string | undefined
  workflow: WorkflowFile
}

function readCache(project: Project, file: string, text: string): WorkflowFile | undefined {
  try {
    const cached = JSON.parse(readFileSync(cacheFile(project, file), 'utf8')) as Cached
    const { workflow } = cached
    return cached.format === CACHE_FORMAT && cached.version === process.env.MAG_VERSION && workflow.file === file && workflow.text === text ? workflow : undefined
  } catch {
    return undefined
  }
}

/** A cache that cannot be written costs time, never the run. */
function writeCache(project: Project, workflow: WorkflowFile): void {
  try {
    makeStateDir(project)
    mkdirSync(project.cacheDir, { recursive: true })
    const cached: Cached = { format: CACHE_FORMAT, version: process.env.MAG_VERSION, workflow }
    const temporary = `${cacheFile(project, workflow.file)}.${process.pid}`
    writeFileSync(temporary, JSON.stringify(cached))
    renameSync(temporary, cacheFile(project, workflow.file))
  } catch {
    // Read-only folders are fine.
  }
}

/** `.mag/` with a .gitignore of its own. */
export function makeStateDir(project: Project): void {
  if (existsSync(join(project.stateDir, '.gitignore'))) return
  mkdirSync(project.stateDir, { recursive: true })
  writeFileSync(join(project.stateDir, '.gitignore'), '*\n')
}

/**
 * Text of a regular file of bounded size and valid UTF-8. Directories, FIFOs, devices and larger files are refused before
 * anything is read of them (catalogue H09, H10).
 */
export function readText(path: string, options: { what: string; maxBytes: number; exitCode?: number }): string {
  const { what, maxBytes } = options
  const refuse = (message: string, hint?: string): never => {
    throw new MagError('MAG2002', message, { hint, exitCode: options.exitCode ?? 2 })
  }
  let fd = -1
  try {
    // O_NONBLOCK: opening a FIFO without a writer would wait for ever.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stat = fstatSync(fd)
    if (stat.isDirectory()) refuse(`${path} is a directory, not a ${what} file`, `name a file in it`)
    if (!stat.isFile()) refuse(`${path} is not a regular file`, 'a FIFO or a device is not read; copy its contents to a file')
    if (stat.size > maxBytes) refuse(`${path} has ${stat.size} bytes; a ${what} file may have ${maxBytes}`, 'pass large data by reference: a path or a key that a worker reads')
    const buffer = Buffer.alloc(stat.size)
    let length = 0
    for (let read = -1; read !== 0 && length < buffer.length; length += read) read = readSync(fd, buffer, length, buffer.length - length, null)
    return decode(buffer.subarray(0, length), path, what)
  } catch (error) {
    if (error instanceof MagError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new MagError('MAG2002', `no such file: ${path}`, { hint: `give an existing ${what} file`, exitCode: what === 'definition' ? 6 : 2 })
    return refuse(`${path} cannot be read: ${message}`, `ls -l ${path}`)
  } finally {
    if (fd >= 0) closeSync(fd)
  }
}

function decode(bytes: Buffer, path: string, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new MagError('MAG2002', `${path} is not UTF-8 text (binary, or another encoding)`, { hint: `save the ${what} as UTF-8` })
  }
}
