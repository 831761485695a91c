/**
 * Secrets: put where a task's input names them, and taken out of everything that comes back. A value is masked as it is, and
 * as it looks in base64 (wherever in a text it begins), in a URL, in JSON and in hex.
 */
import type { LogLine } from '../backend/backend.ts'
import type { Task } from '../model/command.ts'
import { isJsonObject, type Json } from '../model/json.ts'
import type { Outcome } from '../model/message.ts'

/** A value by its name; undefined: the environment does not have it. */
export type SecretSource = (name: string) => string | undefined

export const environmentSecret: SecretSource = (name) => process.env[name]

const HIDDEN = '***'
/** Shorter ones stand in too many words by chance. */
const MIN_LENGTH = 3
/** Of encodings: what is left of a shorter one is no longer telling. */
const MIN_ENCODED = 6

export class MissingSecretError extends Error {
  readonly code = 'SECRET_MISSING'
  readonly retryable = false

  constructor(name: string) {
    super(`the secret ${name} is not set: give it in the environment or with --secrets-file`)
    this.name = 'MissingSecretError'
  }
}

/** The task's input with its secrets. Throws MissingSecretError. */
export function fillSecrets(task: Task, source: SecretSource): Json {
  let { input } = task
  for (const { at, parts } of task.secrets ?? []) {
    const text = parts.map((part) => (typeof part === 'string' ? part : secretValue(part.secret, source))).join('')
    input = placed(input, at, text)
  }
  return input
}

function secretValue(name: string, source: SecretSource): string {
  const value = source(name)
  if (value === undefined) throw new MissingSecretError(name)
  return value
}

function placed(value: Json, at: ReadonlyArray<string | number>, text: string): Json {
  const [key, ...rest] = at
  if (key === undefined) return text
  if (Array.isArray(value)) return (value as Json[]).map((item, i) => (i === key ? placed(item, rest, text) : item))
  if (!isJsonObject(value)) return value
  return { ...value, [key]: placed(value[key] ?? null, rest, text) }
}

export interface Masker {
  add(value: string | undefined): void
  text(text: string): string
  json(value: Json): Json
  outcome(outcome: Outcome): Outcome
  line(line: LogLine): LogLine
}

export function createMasker(): Masker {
  const known = new Set<string>()
  let pattern: RegExp | undefined

  function add(value: string | undefined): void {
    if (value === undefined || value.length < MIN_LENGTH || known.has(value)) return
    known.add(value)
    const forms = [...new Set([...known].flatMap(formsOf))].sort((a, b) => b.length - a.length)
    pattern = new RegExp(forms.map((form) => form.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'g')
  }

  const text = (given: string): string => (pattern ? given.replace(pattern, HIDDEN) : given)

  function json(value: Json): Json {
    if (!pattern) return value
    if (typeof value === 'string') return text(value)
    if (Array.isArray(value)) return (value as Json[]).map(json)
    if (isJsonObject(value)) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [text(key), json(inner)]))
    return value
  }

  return {
    add, text, json,
    outcome(outcome) {
      if (!pattern) return outcome
      const { result } = outcome
      if (result.ok) return { ...outcome, result: { ok: true, output: json(result.output) } }
      const { error } = result
      return {
        ...outcome,
        result: {
          ...result,
          error: {
            ...error, code: text(error.code), message: text(error.message), ...(error.details === undefined ? {} : { details: json(error.details) }),
            ...(error.stack === undefined ? {} : { stack: text(error.stack) }),
          },
        },
      }
    },
    line: (line) => (pattern ? { ...line, message: text(line.message), ...(line.fields === undefined ? {} : { fields: json(line.fields) }) } : line),
  }
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value)
  const forms = [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), new URLSearchParams([['', value]]).toString().slice(1)]
  if (bytes.length >= MIN_ENCODED) forms.push(bytes.toString('hex'), bytes.toString('hex').toUpperCase(), ...base64Forms(bytes))
  return forms.filter((form) => form.length >= MIN_LENGTH)
}

/** Within a longer text its base64 depends on where it begins: three forms, each without the letters that neighbours share. */
function base64Forms(bytes: Buffer): string[] {
  const forms: string[] = [bytes.toString('base64'), bytes.toString('base64url')]
  for (const offset of [0, 1, 2]) {
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes])
    const whole = shifted.toString('base64').replace(/=+$/, '')
    const skip = offset === 0 ? 0 : offset + 1
    const shared = shifted.length % 3 === 0 ? 0 : 1
    const core = whole.slice(skip, whole.length - shared)
    forms.push(core, core.replaceAll('+', '-').replaceAll('/', '_'))
  }
  return forms.filter((form) => form.length >= MIN_ENCODED)
}
