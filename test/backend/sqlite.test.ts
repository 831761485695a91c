import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Backend } from '../../src/backend/backend.ts'
import { openSqlite } from '../../src/backend/sqlite/sqlite.ts'
import { backendContract } from './contract.ts'
import { START } from './fixtures.ts'

backendContract('sqlite', async () => {
  let now = START
  const folder = mkdtempSync(join(tmpdir(), 'mag-test-'))
  const handles: Backend[] = []
  return {
    open: async () => {
      const handle = await openSqlite({ path: join(folder, 'store.db'), now: () => now })
      handles.push(handle)
      return handle
    },
    advance: async (ms) => {
      now += ms
    },
    close: async () => {
      for (const handle of handles) await handle.close()
      rmSync(folder, { recursive: true })
    },
  }
})
