/** Why a worker file could not be loaded, as a finding with its place in the source and what to do about it. */
import { readFileSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Problem } from '../../model/problem.ts'
import { errorInfo } from '../outcome-error.ts'
import { formatLimit } from '../outcome-text.ts'
import { ImportError } from './hooks.ts'
import type { LoadedWorker } from './loaded.ts'
import { SourceError } from './transform.ts'

export type LoadProblem = Problem
/** Problems of loading: MAG1101 cannot be loaded, MAG1102 two workers of one name. */
const CANNOT_LOAD = 'MAG1101'
const DUPLICATE = 'MAG1102'

/** The module's top level did not end in time. */
export class LoadTimeout extends Error {
  readonly limitMs: number

  constructor(limitMs: number) {
    super(`the file was not loaded within ${formatLimit(limitMs)}`)
    this.limitMs = limitMs
  }
}

interface Place {
  file: string
  line: number
  column: number
  length: number
}

interface Failed {
  projectDir: string
  /** The worker file that was imported; the fault may lie in what it imports. */
  file: string
  path: string
}

export function problemOf(failed: Failed, thrown: unknown): LoadProblem {
  const { projectDir, file } = failed
  const named = (path: string) => relative(projectDir, path).split(sep).join('/')
  if (thrown instanceof SourceError) {
    return problem({ file: named(thrown.path), line: thrown.line, column: thrown.column, length: thrown.length }, thrown.message)
  }
  if (thrown instanceof ImportError) {
    const place = findText(thrown.path, thrown.specifier, named(thrown.path))
    return problem(place, thrown.message, helpFor(thrown))
  }
  if (thrown instanceof LoadTimeout) {
    return problem({ file, line: 1, column: 1, length: 1 }, thrown.message, 'an await at its top level does not end; move it into the worker function')
  }
  const linked = linkError(failed, thrown, named)
  if (linked) return linked
  const info = errorInfo(thrown, { projectDir })
  const message = info.code === 'Error' || info.code.startsWith('MAG') ? info.message : `${info.code}: ${info.message}`
  return problem({ ...(info.location ?? { file, line: 1, column: 1 }), length: 1 }, message, hintOf(thrown) ?? 'it was thrown while the file was loaded')
}

function helpFor({ specifier, path }: ImportError): string {
  if (/^[./]/.test(specifier)) return 'check the path; endings may be left out'
  if (specifier.startsWith('node:')) return 'there is no such module in this version of Node'
  const name = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  return path.endsWith('.ts') && name.startsWith('#') ? 'check "imports" of package.json' : `npm install ${name}`
}

function hintOf(thrown: unknown): string | undefined {
  const hint = typeof thrown === 'object' && thrown !== null && 'hint' in thrown ? thrown.hint : undefined
  return typeof hint === 'string' ? hint : undefined
}

/** `The requested module './x' does not provide an export named 'y'`: Node tells the importing file in the stack's head only. */
function linkError({ path, file }: Failed, thrown: unknown, named: (path: string) => string): LoadProblem | undefined {
  if (!(thrown instanceof SyntaxError)) return undefined
  const name = /does not provide an export named '([^']+)'/.exec(thrown.message)?.[1]
  const head = /^(file:\/\/\S+?)(?:\?\S*)?:(\d+)$/m.exec(thrown.stack ?? '')
  const importer = head?.[1] === undefined ? path : fileURLToPath(head[1])
  if (name !== undefined) return problem(findText(importer, name, named(importer)), thrown.message, 'export it there, or correct the name')
  return problem({ file: head ? named(importer) : file, line: Number(head?.[2] ?? 1), column: 1, length: 1 }, thrown.message)
}

export function duplicateProblem(first: LoadedWorker, second: LoadedWorker, column: number): LoadProblem {
  const place = (loaded: LoadedWorker) => (loaded.line === undefined ? loaded.file : `${loaded.file}:${loaded.line}`)
  const found = { file: second.file, line: second.line ?? 1, column, length: second.line === undefined ? 1 : second.name.length }
  return problem(found, `worker "${second.name}" is defined twice: ${place(first)} and ${place(second)}`, 'rename one of them', DUPLICATE)
}

function problem({ file, line, column, length }: Place, message: string, help?: string, code = CANNOT_LOAD): LoadProblem {
  return { code, severity: 'error', message, file, line, column, endLine: line, endColumn: column + length, ...(help === undefined ? {} : { help }) }
}

function findText(path: string, text: string, file: string): Place {
  try {
    return { file, length: text.length, ...(placeOf(readFileSync(path, 'utf8'), text) ?? { line: 1, column: 1 }) }
  } catch {
    return { file, line: 1, column: 1, length: 1 }
  }
}

/** Where a text stands in a source: in quotes if it does so anywhere, else as a word. */
export function placeOf(source: string, text: string): { line: number; column: number } | undefined {
  for (const [open, close, skip] of [["'", "'", 1], ['"', '"', 1], ['`', '`', 1], ['', '', 0]] as const) {
    const at = source.indexOf(`${open}${text}${close}`)
    if (at < 0) continue
    const before = source.slice(0, at + skip)
    return { line: before.split('\n').length, column: before.length - before.lastIndexOf('\n') }
  }
  return undefined
}
