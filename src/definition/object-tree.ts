/** A definition given as a JavaScript object: its JSON text with the tree of its places, so that code and files are checked alike. */
import { MagError } from '../model/error.ts'
import { FORBIDDEN_KEYS } from '../model/json.ts'
import { LIMITS } from '../model/limits.ts'
import { joinPath } from './json-schema.ts'
import type { Entry, Node } from './tree.ts'

interface Writer {
  text: string
  /** Keys and values: an object that stands in a thousand places is written a thousand times. */
  nodes: number
}

/** Throws MagError at what JSON cannot say. Members that are undefined are left out, as JSON does. */
export function treeOfObject(value: unknown): { text: string; node: Node } {
  const writer: Writer = { text: '', nodes: 0 }
  const node = write(writer, value, '', 0)
  return { text: writer.text, node }
}

function write(writer: Writer, value: unknown, path: string, depth: number): Node {
  if (depth > LIMITS.yamlDepth) throw refuse(path, `is nested deeper than ${LIMITS.yamlDepth} levels`)
  if (++writer.nodes > LIMITS.yamlNodes) throw new MagError('MAG1011', `The workflow has more than ${LIMITS.yamlNodes} keys and values`)
  if (writer.text.length > LIMITS.fileBytes) throw new MagError('MAG1010', 'The workflow is larger than 4 MiB', { hint: 'keep data outside of it' })
  const start = writer.text.length
  const indent = '  '.repeat(depth)
  if (Array.isArray(value)) {
    const items: Node[] = []
    writer.text += '['
    for (const [i, item] of (value as unknown[]).entries()) {
      writer.text += `${i === 0 ? '' : ','}\n${indent}  `
      items.push(write(writer, item, `${path}[${i}]`, depth + 1))
    }
    writer.text += items.length === 0 ? ']' : `\n${indent}]`
    return { kind: 'list', items, span: { start, end: writer.text.length } }
  }
  if (typeof value === 'object' && value !== null) return writeMap(writer, value as Record<string, unknown>, path, depth)
  if (value !== null && typeof value !== 'string' && typeof value !== 'boolean' && !(typeof value === 'number' && Number.isFinite(value))) {
    throw refuse(path, `is no JSON value (${typeof value === 'number' ? String(value) : typeof value})`)
  }
  const written = JSON.stringify(value)
  if (typeof value === 'number' && /^-?\d+$/.test(written) && !Number.isSafeInteger(value)) throw refuse(path, 'is an integer beyond 2^53, whose digits are not exact')
  writer.text += written
  return { kind: 'scalar', value, style: typeof value === 'string' ? 'quoted' : 'plain', span: { start, end: writer.text.length } }
}

function writeMap(writer: Writer, value: Record<string, unknown>, path: string, depth: number): Node {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw refuse(path, `is an object of a class${classOf(prototype)}, not plain data`)
  const start = writer.text.length
  const indent = '  '.repeat(depth)
  const entries: Entry[] = []
  writer.text += '{'
  for (const key of Object.keys(value)) {
    if (value[key] === undefined) continue
    if (FORBIDDEN_KEYS.has(key)) throw refuse(path, `has the key "${key}", which is not allowed`)
    writer.nodes++
    writer.text += `${entries.length === 0 ? '' : ','}\n${indent}  `
    const keySpan = { start: writer.text.length, end: writer.text.length + JSON.stringify(key).length }
    writer.text += `${JSON.stringify(key)}: `
    entries.push({ key, keySpan, value: write(writer, value[key], joinPath(path, key), depth + 1) })
  }
  writer.text += entries.length === 0 ? '}' : `\n${indent}}`
  return { kind: 'map', entries, span: { start, end: writer.text.length } }
}

function classOf(prototype: unknown): string {
  const made: unknown = (prototype as { constructor?: unknown } | undefined)?.constructor
  return typeof made === 'function' && made !== Object && made.name !== '' ? ` (${made.name})` : ''
}

function refuse(path: string, what: string): MagError {
  return new MagError('MAG1013', `${path === '' ? 'the workflow' : path} ${what}`)
}
