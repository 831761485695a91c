/** A definition's text as maps, lists and scalars with their places: what the checker walks, whoever parsed it. */
import type { Json } from '../model/json.ts'
import type { Span } from './report.ts'

export type Node = MapNode | ListNode | ScalarNode

export interface Entry {
  key: string
  keySpan: Span
  value: Node
}
export interface MapNode {
  kind: 'map'
  span: Span
  entries: Entry[]
}
export interface ListNode {
  kind: 'list'
  span: Span
  items: Node[]
}
export interface ScalarNode {
  kind: 'scalar'
  span: Span
  value: string | number | boolean | null
  style: 'plain' | 'quoted' | 'block'
}

export function toJson(node: Node): Json {
  switch (node.kind) {
    case 'scalar':
      return node.value
    case 'list':
      return node.items.map(toJson)
    case 'map':
      return Object.fromEntries(node.entries.map(({ key, value }) => [key, toJson(value)]))
  }
}

export function stringOf(node: Node): string | undefined {
  return node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined
}

export function entryOf(node: MapNode, key: string): Entry | undefined {
  return node.entries.find((entry) => entry.key === key)
}

/** For messages: long texts are cut. */
export function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** For messages: a text of the file, in quotes. */
export function quote(text: string): string {
  return JSON.stringify(clip(text))
}

/** For messages: what stands there, in the user's words. */
export function describe(node: Node): string {
  if (node.kind === 'map') return node.entries.length === 0 ? 'an empty map' : 'a map'
  if (node.kind === 'list') return node.items.length === 0 ? 'an empty list' : 'a list'
  if (node.value === null) return 'nothing'
  return typeof node.value === 'string' ? 'text' : typeof node.value === 'number' ? `the number ${node.value}` : String(node.value)
}
