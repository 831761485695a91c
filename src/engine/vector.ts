/**
 * A small persistent vector, 32-way: `set` copies one path, so that a transition never changes the run it was given
 * and costs the same for ten steps and for a hundred thousand. Depth grows with the length only.
 */
const BITS = 5
const WIDTH = 1 << BITS
const MASK = WIDTH - 1

type Node<T> = ReadonlyArray<Node<T> | T>

export interface Vector<T> {
  readonly length: number
  readonly shift: number
  readonly root: Node<T>
}

export function vectorOf<T>(items: readonly T[]): Vector<T> {
  let level: Array<Node<T> | T> = [...items]
  let shift = 0
  while (level.length > WIDTH) {
    const next: Array<Node<T>> = []
    for (let i = 0; i < level.length; i += WIDTH) next.push(level.slice(i, i + WIDTH) as Node<T>)
    level = next
    shift += BITS
  }
  return { length: items.length, shift, root: level as Node<T> }
}

export function get<T>(vector: Vector<T>, index: number): T {
  if (index < 0 || index >= vector.length) throw new RangeError(`vector index ${index} of ${vector.length}`)
  let node = vector.root
  for (let shift = vector.shift; shift > 0; shift -= BITS) node = node[(index >>> shift) & MASK] as Node<T>
  return node[index & MASK] as T
}

export function set<T>(vector: Vector<T>, index: number, value: T): Vector<T> {
  if (index < 0 || index >= vector.length) throw new RangeError(`vector index ${index} of ${vector.length}`)
  return { length: vector.length, shift: vector.shift, root: setIn(vector.root, vector.shift, index, value) }
}

function setIn<T>(node: Node<T>, shift: number, index: number, value: T): Node<T> {
  const copy = node.slice()
  const slot = (index >>> shift) & MASK
  copy[slot] = shift === 0 ? value : setIn(copy[slot] as Node<T>, shift - BITS, index, value)
  return copy
}

/** With one more at the end. */
export function push<T>(vector: Vector<T>, value: T): Vector<T> {
  const { length, shift, root } = vector
  if (length === WIDTH ** (shift / BITS + 1)) {
    return { length: length + 1, shift: shift + BITS, root: [root, pathTo(shift, value)] }
  }
  return { length: length + 1, shift, root: pushIn(root, shift, length, value) }
}

function pushIn<T>(node: Node<T>, shift: number, index: number, value: T): Node<T> {
  const copy = node.slice()
  const slot = (index >>> shift) & MASK
  if (shift === 0) copy[slot] = value
  else copy[slot] = slot < node.length ? pushIn(copy[slot] as Node<T>, shift - BITS, index, value) : pathTo(shift - BITS, value)
  return copy
}

function pathTo<T>(shift: number, value: T): Node<T> {
  let node: Node<T> = [value]
  for (let at = shift; at > 0; at -= BITS) node = [node]
  return node
}

export function each<T>(vector: Vector<T>, visit: (value: T, index: number) => void): void {
  eachIn(vector.root, vector.shift, { index: 0 }, visit)
}

function eachIn<T>(node: Node<T>, shift: number, at: { index: number }, visit: (value: T, index: number) => void): void {
  for (const item of node) {
    if (shift === 0) visit(item as T, at.index++)
    else eachIn(item as Node<T>, shift - BITS, at, visit)
  }
}

export function toArray<T>(vector: Vector<T>): T[] {
  const items: T[] = []
  each(vector, (item) => items.push(item))
  return items
}
