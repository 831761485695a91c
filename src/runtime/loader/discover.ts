/** Files that may hold workers: all source files of the given folders, subfolders included. */
import { readdirSync, statSync, type Dirent } from 'node:fs'
import { join } from 'node:path'

export interface Found {
  path: string
  /** Relative to the project, with `/`. */
  file: string
  size: number
  mtimeMs: number
}

const SOURCE = /\.(?:[cm]?[jt]s|[jt]sx)$/
const SKIPPED = /\.(?:test|spec)\.[^.]+$|\.d\.[cm]?ts$/
const MAX_DEPTH = 20

export function discover(projectDir: string, dirs: readonly string[]): Found[] {
  const found: Found[] = []
  const seen = new Set<string>()
  for (const dir of dirs) walk(projectDir, dir.replace(/^\.\/|\/+$/g, ''), 0, (file) => {
    if (seen.has(file)) return
    seen.add(file)
    const path = join(projectDir, file)
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat?.isFile()) found.push({ path, file, size: stat.size, mtimeMs: stat.mtimeMs })
  })
  return found.sort((a, b) => (a.file < b.file ? -1 : 1))
}

function walk(projectDir: string, dir: string, depth: number, take: (file: string) => void): void {
  for (const entry of entriesOf(join(projectDir, dir))) {
    const { name } = entry
    if (name.startsWith('.') || name === 'node_modules') continue
    const file = dir === '' || dir === '.' ? name : `${dir}/${name}`
    if (entry.isDirectory()) {
      if (depth < MAX_DEPTH) walk(projectDir, file, depth + 1, take)
    } else if (SOURCE.test(name) && !SKIPPED.test(name)) take(file)
  }
}

function entriesOf(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true })
  } catch {
    return []
  }
}
