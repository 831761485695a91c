/** `$ref` in a schema: where it leads, circles that never end, and schemas that unfold to far more than is written. */
import { didYouMean, type Check } from './check-context.ts'
import { LISTS, MAPS, SINGLE } from './schema-keywords.ts'
import { entryOf, quote, stringOf, type MapNode, type Node } from './tree.ts'

/** Keywords whose schemas are for the same value; those of others are for a part of it, so that they end with the value. */
const SAME_VALUE = new Set(['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'dependentSchemas'])

/** Schemas that one value may be checked against, references followed. */
const MAX_UNFOLDED = 10_000

interface Walk {
  check: Check
  root: MapNode
  /** Unfolded sizes; 0 while it is being counted. */
  sizes: Map<MapNode, number>
  waiting: MapNode[]
  stopped: boolean
}

/** For schemas whose keywords are right. */
export function checkReferences(check: Check, root: MapNode): void {
  const walk: Walk = { check, root, sizes: new Map(), waiting: [root], stopped: false }
  for (let next = walk.waiting.pop(); next && !walk.stopped; next = walk.waiting.pop()) {
    if (!walk.sizes.has(next)) sizeOf(walk, next, 0)
  }
}

function sizeOf(walk: Walk, schema: MapNode, depth: number): number {
  walk.sizes.set(schema, 0)
  let size = 1
  for (const { key, value } of schema.entries) {
    if (walk.stopped) return size
    if (key === '$ref') size += sizeOfRef(walk, value, depth)
    for (const inner of schemasAt(key, value)) {
      if (SAME_VALUE.has(key)) size += walk.sizes.get(inner) || sizeOf(walk, inner, depth + 1)
      else walk.waiting.push(inner)
    }
  }
  if (size > MAX_UNFOLDED || depth > MAX_UNFOLDED / 10) stop(walk, schema, 'The schema unfolds to too many parts where its references are followed')
  walk.sizes.set(schema, size)
  return size
}

function sizeOfRef(walk: Walk, node: Node, depth: number): number {
  const path = stringOf(node) ?? '#'
  const target = targetOf(walk.root, path)
  if (!target) {
    const defs = entryOf(walk.root, '$defs')?.value
    const names = defs?.kind === 'map' ? defs.entries.map((entry) => `#/$defs/${entry.key}`) : []
    walk.check.report.error('MAG1045', node.span, `${quote(path)} leads to no schema`, didYouMean(walk.check, path, names) ?? 'References lead to #/$defs/<name> of the same input.')
    return 1
  }
  if (target.kind !== 'map') return 1
  const size = walk.sizes.get(target)
  if (size === 0) stop(walk, node, 'The schema refers to itself for the same value: it would never end')
  return size ?? sizeOf(walk, target, depth + 1)
}

function stop(walk: Walk, node: Node, message: string): void {
  if (!walk.stopped) walk.check.report.error('MAG1045', node.span, message)
  walk.stopped = true
}

function schemasAt(key: string, value: Node): MapNode[] {
  const inner = LISTS.has(key) && value.kind === 'list' ? value.items
    : MAPS.has(key) && value.kind === 'map' ? value.entries.map((entry) => entry.value)
      : SINGLE.has(key) ? [value] : []
  return inner.filter((node) => node.kind === 'map')
}

/** What a JSON pointer leads to, where that is a schema. */
function targetOf(root: MapNode, path: string): Node | undefined {
  if (path !== '#' && !path.startsWith('#/')) return undefined
  let at: Node | undefined = root
  let where = 'schema'
  for (const part of path.split('/').slice(1)) {
    const name = decode(part)
    const next: Node | undefined = at?.kind === 'map' ? entryOf(at, name)?.value : at?.kind === 'list' && /^\d+$/.test(name) ? at.items[Number(name)] : undefined
    where = where !== 'schema' ? 'schema' : LISTS.has(name) || MAPS.has(name) ? 'schemas' : SINGLE.has(name) ? 'schema' : 'other'
    at = next
  }
  return where === 'schema' && at && (at.kind === 'map' || (at.kind === 'scalar' && typeof at.value === 'boolean')) ? at : undefined
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return part
  }
}
