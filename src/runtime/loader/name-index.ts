/**
 * Which file had which workers when it was last loaded, so that a run imports only the files that it needs. Size and
 * time of a file tell whether that still holds; a wrong guess costs an import, never a worker.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isObject } from '../../model/json.ts'
import type { Found } from './discover.ts'

interface Entry {
  size: number
  mtimeMs: number
  names: string[]
}

export interface NameIndex {
  /** Undefined: not known, or the file has changed. */
  names(found: Found): readonly string[] | undefined
  learn(found: Found, names: string[]): void
  forget(found: Found): void
  save(): void
}

const FORMAT = 1

export function readNameIndex(cacheDir: string): NameIndex {
  const path = join(cacheDir, 'worker-names.json')
  const files = read(path)
  let changed = false
  return {
    names(found) {
      const entry = files.get(found.file)
      return entry && entry.size === found.size && entry.mtimeMs === found.mtimeMs ? entry.names : undefined
    },
    learn(found, names) {
      const entry: Entry = { size: found.size, mtimeMs: found.mtimeMs, names }
      if (JSON.stringify(files.get(found.file)) === JSON.stringify(entry)) return
      files.set(found.file, entry)
      changed = true
    },
    forget(found) {
      if (files.delete(found.file)) changed = true
    },
    save() {
      if (!changed) return
      try {
        mkdirSync(cacheDir, { recursive: true })
        writeFileSync(`${path}.${process.pid}`, JSON.stringify({ format: FORMAT, files: Object.fromEntries(files) }))
        renameSync(`${path}.${process.pid}`, path)
      } catch {
        // Read-only folders are fine.
      }
    },
  }
}

function read(path: string): Map<string, Entry> {
  try {
    const index: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (isObject(index) && index['format'] === FORMAT && isObject(index['files'])) return new Map(Object.entries(index['files']) as Array<[string, Entry]>)
  } catch {
    // Missing or broken: everything is imported once.
  }
  return new Map()
}
