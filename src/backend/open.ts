/** From a store's address to a backend. Each implementation is loaded only when it is asked for. */
import { isAbsolute, join } from 'node:path'
import { MagError } from '../model/error.ts'
import type { Backend, Now } from './backend.ts'

export interface OpenOptions {
  now: Now
  /** What relative paths are relative to. */
  projectDir: string
  /** Never creates or changes anything; every write is refused. */
  readOnly?: boolean
}

const EXAMPLES = 'for example sqlite:.mag/mag.db or memory:'

/** `sqlite:<path>` or `memory:`. Rejects with STORE_URL or STORE_UNSUPPORTED (exit 2), or as the backend does (exit 7). */
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
    case 'valkey':
    case 'valkeys':
      throw new MagError('STORE_UNSUPPORTED', `${scheme}: stores are not supported by this version yet`, { hint: `use a store on this machine, ${EXAMPLES}` })
    default:
      throw new MagError('STORE_URL', `"${url}" is not the address of a store`, { hint: `write ${EXAMPLES}` })
  }
}
