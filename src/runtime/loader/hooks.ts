/**
 * How Node resolves and loads the files of a project: TypeScript in all its forms, whatever the project's package.json
 * says, and 'multiagents' always as the running mag's own. Files of other folders and of node_modules are left alone.
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { registerHooks, setSourceMapsSupport, type LoadFnOutput, type LoadHookContext, type ResolveFnOutput, type ResolveHookContext } from 'node:module'
import { dirname, join, relative, resolve as resolvePath, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { OWN_FOLDER } from './own-file.ts'
import { transform } from './transform.ts'
import { mappedPaths } from './tsconfig-paths.ts'

export interface HookedProject {
  /** Real path. */
  dir: string
  cacheDir: string
  libraryUrl: string
}

/** What a file of the project imports cannot be found. */
export class ImportError extends Error {
  readonly specifier: string
  /** The importing file. */
  readonly path: string

  constructor(specifier: string, path: string, cause: unknown) {
    super(`Cannot find ${isRelative(specifier) ? 'file' : 'package'} '${specifier}'`, { cause })
    this.name = 'ImportError'
    this.specifier = specifier
    this.path = path
  }
}

const projects = new Map<string, HookedProject>()
let registered = false

export function hookProject(project: HookedProject): void {
  projects.set(project.dir, project)
  if (registered) return
  registered = true
  // Lines of stack traces are those of the source; files of node_modules are not looked into.
  setSourceMapsSupport(true, { nodeModules: false, generatedCode: false })
  registerHooks({ resolve, load })
}

/** The project that a file belongs to, unless it is a dependency's or mag's own. */
function projectOf(path: string): HookedProject | undefined {
  if (path.includes(`${sep}node_modules${sep}`) || path.startsWith(OWN_FOLDER + sep)) return undefined
  for (const project of projects.values()) if (path.startsWith(project.dir + sep)) return project
  return undefined
}

function pathOf(url: string): string | undefined {
  if (!url.startsWith('file:')) return undefined
  try {
    return fileURLToPath(url.replace(/[?#].*$/, ''))
  } catch {
    return undefined
  }
}

type NextResolve = (specifier: string, context?: Partial<ResolveHookContext>) => ResolveFnOutput
type NextLoad = (url: string, context?: Partial<LoadHookContext>) => LoadFnOutput

function resolve(specifier: string, context: ResolveHookContext, next: NextResolve): ResolveFnOutput {
  const parent = context.parentURL === undefined ? undefined : pathOf(context.parentURL)
  const project = parent === undefined ? undefined : projectOf(parent)
  if (parent === undefined || !project) return next(specifier, context)
  if (specifier === 'multiagents') return { url: project.libraryUrl, shortCircuit: true }
  try {
    return next(specifier, context)
  } catch (error) {
    const candidates = isRelative(specifier) ? [resolvePath(dirname(parent), specifier)] : mappedPaths(project.dir, specifier)
    for (const candidate of candidates) {
      const path = sourceFile(candidate)
      if (path !== undefined) return { url: pathToFileURL(path).href, shortCircuit: true }
    }
    if (isNotFound(error)) throw new ImportError(specifier, parent, error)
    throw error
  }
}

function isRelative(specifier: string): boolean {
  return /^\.{0,2}\//.test(specifier) || specifier === '.' || specifier === '..'
}

function isNotFound(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND' || code === 'ERR_UNSUPPORTED_DIR_IMPORT'
}

const ENDINGS = ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs', '.json']
/** TypeScript's own habit: the name of what will be built stands for its source. */
const SOURCES: Readonly<Record<string, readonly string[]>> = { '.js': ['.ts', '.tsx'], '.jsx': ['.tsx'], '.mjs': ['.mts'], '.cjs': ['.cts'] }

/** The file that a path without ending, with `.js` for `.ts`, or of a folder means. */
function sourceFile(path: string): string | undefined {
  const ending = /\.[cm]?jsx?$/.exec(path)?.[0] ?? ''
  const sources = (SOURCES[ending] ?? []).map((other) => path.slice(0, -ending.length) + other)
  const all = [path, ...sources, ...ENDINGS.map((other) => path + other), ...ENDINGS.map((other) => join(path, `index${other}`))]
  return all.find((candidate) => existsSync(candidate) && statSync(candidate).isFile())
}

const TRANSFORMED = /\.(?:[cm]?ts|[jt]sx)$/

function load(url: string, context: LoadHookContext, next: NextLoad): LoadFnOutput {
  const path = pathOf(url)
  const project = path !== undefined && TRANSFORMED.test(path) ? projectOf(path) : undefined
  if (path === undefined || !project) return next(url, context)
  const format = path.endsWith('.cts') ? 'commonjs' : 'module'
  const file = relative(project.dir, path).split(sep).join('/')
  const code = transform({ cacheDir: project.cacheDir, file, path }, readFileSync(path, 'utf8'))
  if (code !== undefined) return { format, source: code, shortCircuit: true }
  return next(url, { ...context, format: `${format}-typescript` })
}
