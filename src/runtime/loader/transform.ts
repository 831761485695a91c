/**
 * TypeScript to what Node runs, by esbuild, kept on disk: a file that has not changed costs one read. The cached source
 * is compared exactly, so no hash is needed and none can collide. Where all is cached, esbuild is never loaded.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import type * as Esbuild from 'esbuild'
import { OWN_FILE } from './own-file.ts'

/** Pinned exactly by package.json; part of the cache's key, so that nothing is loaded to learn it. */
export const ESBUILD_VERSION = '0.28.2'
const KEY = `2 esbuild-${ESBUILD_VERSION} es2024`

/** The source is not valid. Positions are 1-based. */
export class SourceError extends SyntaxError {
  readonly path: string
  readonly line: number
  readonly column: number
  readonly length: number

  constructor(path: string, message: string, place: { line: number; column: number; length: number }) {
    super(message)
    this.name = 'SourceError'
    this.path = path
    this.line = place.line
    this.column = place.column
    this.length = place.length
  }
}

export interface TransformOptions {
  cacheDir: string
  /** Relative to the project. */
  file: string
  path: string
}

/** Undefined: esbuild cannot be used here, and Node's own type stripping has to do. */
export function transform(options: TransformOptions, source: string): string | undefined {
  const prepared = ready.get(options.path)
  if (prepared?.source === source) {
    if (prepared.error) throw prepared.error
    return prepared.code
  }
  const cached = readCache(options, source)
  if (cached !== undefined) return cached
  const esbuild = loadEsbuild()
  if (!esbuild) return undefined
  try {
    return keep(options, source, esbuild.transformSync(source, esbuildOptions(options.path)).code)
  } catch (error) {
    return refuse(options.path, error)
  }
}

const ready = new Map<string, { source: string; code?: string | undefined; error?: SourceError }>()

/** Brings the cache up to date for all of them at once: one esbuild process instead of one for each file. */
export async function prepare(files: readonly TransformOptions[]): Promise<void> {
  const missing: Array<{ options: TransformOptions; source: string }> = []
  for (const options of files) {
    const source = sourceOf(options.path)
    if (source === undefined || ready.get(options.path)?.source === source) continue
    const code = readCache(options, source)
    if (code === undefined) missing.push({ options, source })
    else ready.set(options.path, { source, code })
  }
  if (missing.length === 0) return
  const esbuild = loadEsbuild()
  if (!esbuild) return
  await Promise.all(missing.map(async ({ options, source }) => {
    try {
      const { code } = await esbuild.transform(source, esbuildOptions(options.path))
      ready.set(options.path, { source, code: keep(options, source, code) })
    } catch (error) {
      ready.set(options.path, refusal(options.path, source, error))
    }
  }))
  await esbuild.stop()
}

function refusal(path: string, source: string, thrown: unknown): { source: string; code?: undefined; error?: SourceError } {
  try {
    refuse(path, thrown)
    return { source, code: undefined }
  } catch (error) {
    return error instanceof SourceError ? { source, error } : { source }
  }
}

function sourceOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

let loaded: typeof Esbuild | false | undefined

function loadEsbuild(): typeof Esbuild | undefined {
  if (loaded === undefined) {
    try {
      loaded = createRequire(OWN_FILE)('esbuild') as typeof Esbuild
    } catch {
      loaded = false
    }
  }
  return loaded || undefined
}

function esbuildOptions(path: string): Esbuild.TransformOptions {
  const extension = /\.([cm]?)[jt]s(x?)$/.exec(path)
  return {
    loader: path.endsWith('.jsx') ? 'jsx' : extension?.[2] === 'x' ? 'tsx' : 'ts',
    format: extension?.[1] === 'c' ? 'cjs' : 'esm',
    target: 'es2024', supported: { 'import-attributes': true }, platform: 'node', jsx: 'automatic', charset: 'utf8', keepNames: false,
    // Relative to the module's own URL: stack traces name the file as it is.
    sourcefile: basename(path), sourcemap: 'inline', sourcesContent: false,
    // The project's tsconfig is not asked: imports of types may lack `type`, decorators are the standard's.
    tsconfigRaw: { compilerOptions: { experimentalDecorators: false, useDefineForClassFields: true, verbatimModuleSyntax: false } },
    logLevel: 'silent',
  }
}

/** Throws what the file's author can mend; undefined where esbuild itself does not work here. */
function refuse(path: string, error: unknown): undefined {
  const [first] = (error as Partial<Esbuild.TransformFailure>).errors ?? []
  if (first?.location) {
    const { line, column, length, lineText } = first.location
    // esbuild counts bytes.
    const before = Buffer.from(lineText).subarray(0, column).toString('utf8').length
    throw new SourceError(path, first.text, { line, column: before + 1, length: Math.max(1, length) })
  }
  if (first) throw new SourceError(path, first.text, { line: 1, column: 1, length: 1 })
  loaded = false
  return undefined
}

interface Header {
  key: string
  file: string
  sourceLength: number
}

function cacheFile({ cacheDir, file }: TransformOptions): string {
  return join(cacheDir, `worker-${file.replaceAll(/[^A-Za-z0-9_-]/g, (c) => `.${c.charCodeAt(0).toString(16)}`).slice(-150)}.js`)
}

/** One line of header, the source, the code. */
function readCache(options: TransformOptions, source: string): string | undefined {
  try {
    const text = readFileSync(cacheFile(options), 'utf8')
    const start = text.indexOf('\n') + 1
    const header = JSON.parse(text.slice(0, start)) as Header
    if (header.key !== KEY || header.file !== options.file || header.sourceLength !== source.length) return undefined
    return text.startsWith(source, start) ? text.slice(start + source.length) : undefined
  } catch {
    return undefined
  }
}

/** A cache that cannot be written costs time, never the run. */
function keep(options: TransformOptions, source: string, code: string): string {
  try {
    mkdirSync(options.cacheDir, { recursive: true })
    const header: Header = { key: KEY, file: options.file, sourceLength: source.length }
    const target = cacheFile(options)
    const temporary = `${target}.${process.pid}`
    writeFileSync(temporary, `${JSON.stringify(header)}\n${source}${code}`)
    renameSync(temporary, target)
  } catch {
    // Read-only folders are fine.
  }
  return code
}
