import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openBackend } from '../../src/backend/open.ts'
import { START } from './fixtures.ts'

const projectDir = mkdtempSync(join(tmpdir(), 'mag-open-'))
after(() => rmSync(projectDir, { recursive: true }))
const options = { now: () => START, projectDir }

test('a relative path lies in the project, an absolute one where it says', async () => {
  const relative = await openBackend('sqlite:.mag/mag.db', options)
  assert.equal(relative.location, join(projectDir, '.mag/mag.db'))
  const absolute = await openBackend(`sqlite:${join(projectDir, 'other.db')}`, options)
  assert.ok(existsSync(join(projectDir, 'other.db')))
  await Promise.all([relative.close(), absolute.close()])
})

test('memory needs no path', async () => {
  assert.equal((await openBackend('memory:', options)).kind, 'memory')
})

test('what is no store is a mistake of the user\'s', async () => {
  for (const url of ['', 'mag.db', 'sqlite:', 'postgres://x', 'valkey://h', 'sqlite:a\0b']) {
    await assert.rejects(() => openBackend(url, options), { code: 'STORE_URL', exitCode: 2, hint: /sqlite:\.mag\/mag\.db/ })
  }
  for (const url of ['redis:', 'redis://', 'rediss://u:secret@h:x', 'redis://u:secret@h,g', 'redis://u:secret@h/0?surprise=1', 'redis+sentinel://u:secret@h', 'redis+cluster://u:secret@h/1', 'tls://u:secret@h']) {
    await assert.rejects(() => openBackend(url, options), (error: Error & { code?: string; exitCode?: number }) => {
      assert.deepEqual([error.code, error.exitCode], ['STORE_URL', 2], url)
      assert.ok(!error.message.includes('secret'))
      return true
    })
  }
})
