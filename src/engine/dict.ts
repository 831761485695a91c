/** A small persistent map from text to values: a trie over a 32-bit hash, five bits a level; equal hashes share a leaf. */
const BITS = 5
const MASK = 31
const DEPTH = 30

interface Leaf<T> {
  readonly hash: number
  readonly entries: ReadonlyArray<readonly [string, T]>
}
type Branch<T> = ReadonlyArray<Leaf<T> | Branch<T> | undefined>
export type Dict<T> = Branch<T>

export const EMPTY_DICT: Dict<never> = []

function hashOf(key: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 0x01000193)
  return (h ^ (h >>> 15)) >>> 0
}

function isBranch<T>(node: Leaf<T> | Branch<T> | undefined): node is Branch<T> {
  return Array.isArray(node)
}

export function lookup<T>(dict: Dict<T>, key: string): T | undefined {
  const hash = hashOf(key)
  let node: Leaf<T> | Branch<T> | undefined = dict
  for (let shift = 0; isBranch(node); shift += BITS) node = node[(hash >>> shift) & MASK]
  return node?.entries.find(([name]) => name === key)?.[1]
}

export function insert<T>(dict: Dict<T>, key: string, value: T): Dict<T> {
  return insertAt(dict, 0, hashOf(key), key, value)
}

function insertAt<T>(branch: Branch<T>, shift: number, hash: number, key: string, value: T): Branch<T> {
  const copy = branch.slice()
  const slot = (hash >>> shift) & MASK
  const there = copy[slot]
  if (there === undefined) copy[slot] = { hash, entries: [[key, value]] }
  else if (isBranch(there)) copy[slot] = insertAt(there, shift + BITS, hash, key, value)
  else if (there.hash === hash || shift >= DEPTH) copy[slot] = { hash: there.hash, entries: [...there.entries.filter(([name]) => name !== key), [key, value]] }
  else {
    const split: Array<Leaf<T> | Branch<T> | undefined> = []
    split[(there.hash >>> (shift + BITS)) & MASK] = there
    copy[slot] = insertAt(split, shift + BITS, hash, key, value)
  }
  return copy
}
