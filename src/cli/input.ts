/** The run's input: `--input FILE|-|JSON`, overlaid with `-i key=value` pairs. */
import { readSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Definition } from '../model/definition.ts'
import { isJsonObject, type Json, type JsonObject } from '../model/json.ts'
import { LIMITS } from '../model/limits.ts'
import { MagError } from '../model/error.ts'
import { readText } from '../runtime/project.ts'
import { EXIT } from './errors.ts'
import { isTty } from './terminal.ts'
import { quoted } from './text.ts'

/** A command that would start the workflow: `mag run order -i items:='[…]' -i note=…`. */
export function exampleRun(definition: Definition): string {
  const needed = Object.entries(definition.inputs ?? {}).filter(([, input]) => !input.optional && input.default === undefined)
  return `mag run ${definition.name}${needed.map(([name, { schema }]) => ` -i ${quoted(name)}${sample(schema.type)}`).join('')}`
}

function sample(type: Json | undefined): string {
  switch (type) {
    case 'number': case 'integer': return '=1'
    case 'boolean': return '=true'
    case 'object': return ":='{…}'"
    case 'array': return ":='[…]'"
    default: return '=…'
  }
}

const HINT = `--input file.json, --input - (the standard input), --input '{"key": 1}' or -i key=value`

export function readInput(given: string | undefined): JsonObject {
  if (given === undefined) return {}
  const { source, json } = textOf(given)
  const value = parseJson(json, source)
  if (isJsonObject(value)) return value
  throw new MagError('MAG2012', `${source} must be a JSON object`, { hint: HINT })
}

function textOf(given: string): { source: string; json: string } {
  if (given.trim() === '') throw new MagError('MAG2012', '--input is empty', { hint: HINT })
  if (given === '-') return { source: 'the standard input', json: readStdin() }
  if (/^\s*[{[]/.test(given)) return { source: '--input', json: given }
  try {
    return { source: given, json: readText(resolve(given), { what: 'JSON', maxBytes: LIMITS.inputBytes }) }
  } catch (error) {
    // `--input 5` or `--input null` is JSON, if no object; no file has such a name.
    if (isJson(given)) return { source: '--input', json: given }
    throw error instanceof MagError ? new MagError(error.code, error.message, { hint: HINT, exitCode: EXIT.usage }) : error
  }
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Numbers that may not survive being read: only then is each number looked at. */
const LONG_NUMBER = /\d{16}|[eE]\+?\d{2}/

/** Refuses what is not JSON, and numbers that would silently become others. */
export function parseJson(json: string, source: string): Json {
  try {
    if (!LONG_NUMBER.test(json)) return JSON.parse(json) as Json
    return JSON.parse(json, (key: string, value: unknown, context?: { source?: string }) => {
      const digits = context?.source ?? ''
      if (typeof value === 'number' && (!Number.isFinite(value) || (/^-?\d+$/.test(digits) && !Number.isSafeInteger(value)))) {
        throw new MagError('MAG2012', `${source}: ${key === '' ? '' : `${key}: `}the number ${digits.slice(0, 40)} is too large to be kept as it is`, { hint: 'write it as text, in quotes' })
      }
      return value
    }) as Json
  } catch (error) {
    if (error instanceof MagError) throw error
    throw new MagError('MAG2012', `${source} is not JSON: ${error instanceof Error ? error.message : String(error)}`, { hint: HINT })
  }
}

const CHUNK_BYTES = 1 << 16

/** No more than an input may have: the other side may never end. */
function readStdin(): string {
  if (isTty(0)) throw new MagError('MAG2012', 'the input is to come from the standard input, which is a terminal', { hint: 'mag run <workflow> --input - < file.json' })
  const chunks: Buffer[] = []
  for (let length = 0; ; ) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    const read = readChunk(chunk)
    if (read === 0) break
    length += read
    if (length > LIMITS.inputBytes) throw new MagError('MAG2012', `the standard input has more than the ${LIMITS.inputBytes} bytes that an input may have`, { hint: 'pass a reference to the data instead: a file name, a URL' })
    chunks.push(chunk.subarray(0, read))
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new MagError('MAG2012', 'the standard input is not UTF-8 text (binary, or another encoding)', { hint: HINT })
  }
}

function readChunk(into: Buffer): number {
  for (;;) {
    try {
      return readSync(0, into)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EOF') return 0
      if (code !== 'EAGAIN') throw new MagError('MAG2012', `the standard input cannot be read: ${(error as Error).message}`, { hint: HINT })
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}
