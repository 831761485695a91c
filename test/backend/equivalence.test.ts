import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqlite } from '../../src/backend/sqlite/sqlite.ts'
import { sameAnswers } from './same-answers.ts'

sameAnswers('SQLite', async (now) => {
  const folder = mkdtempSync(join(tmpdir(), 'mag-same-'))
  const path = join(folder, 'a.db')
  const handles = [await openSqlite({ path, now }), await openSqlite({ path, now })]
  return {
    handles,
    async close() {
      for (const handle of handles) await handle.close()
      rmSync(folder, { recursive: true })
    },
  }
}, 150)
