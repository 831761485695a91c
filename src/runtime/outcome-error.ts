/** What was thrown, as what a run records of it. Anything can be thrown; nothing here may throw or grow without bound. */
import { fileURLToPath } from 'node:url'
import type { Task } from '../model/command.ts'
import type { ErrorInfo, Location } from '../model/error.ts'
import type { Json } from '../model/json.ts'
import { toJsonSafely } from './outcome.ts'
import { clip } from './outcome-text.ts'

const MAX_MESSAGE = 4 * 1024
const MAX_STACK_LINES = 20
const MAX_DETAILS = 64 * 1024
const CODE = /^[A-Za-z_$][\w$.:-]{0,99}$/

export interface ErrorPlace {
  projectDir: string
  task?: Task
}

export function errorInfo(thrown: unknown, place: ErrorPlace): ErrorInfo {
  const step = place.task ? { step: place.task.path, attempt: place.task.attempt } : {}
  if (!isErrorLike(thrown)) {
    const details = thrown === undefined ? undefined : toJsonSafely(thrown, MAX_DETAILS)
    return {
      code: codeOf(thrown, 'Error'), message: clip(`thrown value: ${describe(thrown)}`, MAX_MESSAGE), retryable: field(thrown, 'retryable') !== false,
      ...(details === undefined ? {} : { details }), ...step,
    }
  }
  const stack = text(field(thrown, 'stack'))
  const location = stack === '' ? undefined : locationOf(stack, place.projectDir)
  const details = detailsOf(thrown)
  return {
    code: codeOf(thrown, className(thrown)), message: clip(messageOf(thrown), MAX_MESSAGE), retryable: field(thrown, 'retryable') !== false,
    ...(details === undefined ? {} : { details }), ...step, ...(location ? { location } : {}),
    ...(stack === '' ? {} : { stack: trimStack(stack) }),
  }
}

/** Errors of other realms and of libraries that make their own count too. */
function isErrorLike(thrown: unknown): thrown is object {
  return typeof thrown === 'object' && thrown !== null && (thrown instanceof Error || (typeof field(thrown, 'message') === 'string' && typeof field(thrown, 'stack') === 'string'))
}

/** A property, or undefined: getters and proxies may throw. */
function field(value: unknown, key: string): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined
  try {
    return (value as Record<string, unknown>)[key]
  } catch {
    return undefined
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function codeOf(thrown: unknown, fallback: string): string {
  const code = field(thrown, 'code')
  return typeof code === 'string' && CODE.test(code) ? code : fallback
}

function className(error: object): string {
  const constructed = text(field(field(error, 'constructor'), 'name'))
  const named = text(field(error, 'name'))
  const name = constructed === '' || constructed === 'Error' ? named : constructed
  return CODE.test(name) ? name : 'Error'
}

/** The message, with what caused it: `cannot charge: connect ECONNREFUSED` or `3 errors: a; b; c`. */
function messageOf(error: object, depth = 0): string {
  const own = text(field(error, 'message')) || className(error)
  const several = field(error, 'errors')
  if (Array.isArray(several) && several.length > 0 && depth === 0) {
    const few = several.slice(0, 5).map((each) => clip(describe(each), 200)).join('; ')
    return `${own}: ${few}${several.length > 5 ? `; and ${several.length - 5} more` : ''}`
  }
  const cause = field(error, 'cause')
  if (cause === undefined || cause === null || depth >= 3) return own
  const why = isErrorLike(cause) ? messageOf(cause, depth + 1) : describe(cause)
  return own.includes(why) ? own : `${own}: ${clip(why, 1_000)}`
}

function describe(value: unknown): string {
  if (isErrorLike(value)) return text(field(value, 'message')) || className(value)
  if (typeof value === 'string') return clip(value, MAX_MESSAGE)
  if (typeof value === 'object' && value !== null) {
    const message = text(field(value, 'message'))
    return message === '' ? clip(JSON.stringify(toJsonSafely(value, MAX_MESSAGE)) ?? 'object', 500) : message
  }
  try {
    return clip(String(value), 500)
  } catch {
    return typeof value
  }
}

function detailsOf(error: object): Json | undefined {
  const details = field(error, 'details')
  return details === undefined || details === null ? undefined : toJsonSafely(details, MAX_DETAILS)
}

/** `at f (file:///project/workers/a.ts:3:5)`; a path or an URL, with or without a function. */
const FRAME = /(?:\(|at (?:async )?)((?:file:\/\/)?\/[^()]*?|file:\/\/\/[^()]*?|[A-Za-z]:\\[^()]*?):(\d+):(\d+)\)?$/

/** The first frame inside the project and outside node_modules. */
export function locationOf(stack: string, projectDir: string): Location | undefined {
  const root = `${projectDir.replace(/\/+$/, '')}/`
  for (const line of stack.split('\n', 100)) {
    const match = FRAME.exec(line.slice(0, 2_000).trimEnd())
    if (!match?.[1]) continue
    const path = pathOf(match[1])
    if (path?.startsWith(root) && !path.includes('/node_modules/')) {
      return { file: path.slice(root.length), line: Number(match[2]), column: Number(match[3]) }
    }
  }
  return undefined
}

function pathOf(name: string): string | undefined {
  if (!name.startsWith('file:')) return name
  try {
    return fileURLToPath(name.replace(/\?[^/]*$/, ''))
  } catch {
    return undefined
  }
}

/** Frames of the runtime itself and of Node say nothing to a worker's author. */
function trimStack(stack: string): string {
  const lines = clip(stack, 32 * 1024).split('\n').filter((line) => !/^\s+at .*(?:\(|at )node:/.test(line))
  return lines.slice(0, MAX_STACK_LINES).map((line) => clip(line, 500)).join('\n')
}
