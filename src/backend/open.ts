/** From a store's address to a backend. Each implementation is loaded only when it is asked for. */
import { readFileSync } from 'node:fs'
import { basename, isAbsolute, join, resolve } from 'node:path'
import { MagError } from '../model/error.ts'
import type { Backend, Now } from './backend.ts'

export interface OpenOptions {
  now: Now
  /** What relative paths are relative to. */
  projectDir: string
  /** Never creates or changes anything; every write is refused. */
  readOnly?: boolean
}

const EXAMPLES = 'for example sqlite:.mag/mag.db, redis://127.0.0.1:6379 or memory:'

/** `sqlite:<path>`, `redis://…` and its kin, or `memory:`. Rejects with STORE_URL (exit 2), or as the backend does (exit 7). */
export async function openBackend(url: string, { now, projectDir, readOnly = false }: OpenOptions): Promise<Backend> {
  const [, scheme = '', rest = ''] = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/s.exec(url) ?? []
  switch (scheme.toLowerCase()) {
    case 'sqlite': {
      if (rest === '' || rest.includes('\0')) throw new MagError('STORE_URL', `the store "${url}" names no file`, { hint: EXAMPLES })
      const { openSqlite } = await import('./sqlite/sqlite.ts')
      return openSqlite({ path: isAbsolute(rest) ? rest : join(projectDir, rest), now, readOnly })
    }
    case 'memory': {
      const { createMemoryBackend } = await import('./memory.ts')
      return createMemoryBackend({ now })
    }
    case 'redis':
    case 'rediss':
    case 'redis+sentinel':
    case 'redis+cluster': {
      const { openRedis } = await import('./redis/redis.ts')
      return openRedis({ address: url, namespace: namespaceOf(projectDir) })
    }
    default:
      throw new MagError('STORE_URL', `"${withoutLogin(url)}" is not the address of a store`, { hint: `write ${EXAMPLES}` })
  }
}

/** Projects that share a Redis must not see each other: the name in the project's package.json, else its folder's. */
function namespaceOf(projectDir: string): string {
  const name = usable(packageName(projectDir)) || usable(basename(resolve(projectDir)))
  return name || 'mag'
}

function packageName(projectDir: string): string {
  try {
    const { name } = JSON.parse(readFileSync(join(projectDir, 'package.json'), 'utf8')) as { name?: unknown }
    return typeof name === 'string' ? name : ''
  } catch {
    return ''
  }
}

function usable(name: string): string {
  return name.replace(/[^A-Za-z0-9._@/-]+/g, '-').replace(/^[^A-Za-z0-9@]+|-+$/g, '').slice(0, 100)
}

function withoutLogin(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//***@')
}
