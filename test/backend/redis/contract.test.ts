import { after, test } from 'node:test'
import type { Backend } from '../../../src/backend/backend.ts'
import { openRedis } from '../../../src/backend/redis/redis.ts'
import { backendContract } from '../contract.ts'
import { START } from '../fixtures.ts'
import { NO_REDIS, startRedis } from './server.ts'

if (NO_REDIS !== '') test('redis: the contract', { skip: NO_REDIS }, () => {})
else {
  const server = await startRedis()
  after(() => server.stop())
  let worlds = 0
  backendContract('redis', async () => {
    let now = START
    worlds += 1
    const namespace = `world-${worlds}`
    const handles: Backend[] = []
    return {
      open: async () => {
        const handle = await openRedis({ address: `redis://127.0.0.1:${server.port}`, namespace, now: () => now })
        handles.push(handle)
        return handle
      },
      advance: async (ms) => {
        now += ms
      },
      close: async () => {
        for (const handle of handles) await handle.close()
      },
    }
  })
}
