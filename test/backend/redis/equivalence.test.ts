/** In one partition: over several, "oldest first" goes by the server's clock, and this clock stands still between two steps. */
import { after, test } from 'node:test'
import { openRedis } from '../../../src/backend/redis/redis.ts'
import { sameAnswers } from '../same-answers.ts'
import { NO_REDIS, startRedis } from './server.ts'

if (NO_REDIS !== '') test('redis and the reference', { skip: NO_REDIS }, () => {})
else {
  const server = await startRedis(['--appendfsync', 'no'])
  after(() => server.stop())
  let pairs = 0
  sameAnswers('redis', async (now) => {
    pairs += 1
    const open = () => openRedis({ address: `redis://127.0.0.1:${server.port}?namespace=pair-${pairs}`, namespace: 'unused', now, partitions: 1 })
    const handles = [await open(), await open()]
    return {
      handles,
      async close() {
        for (const handle of handles) await handle.close()
      },
    }
  }, 40)
}
