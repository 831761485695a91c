import { createMemoryStore } from '../../src/backend/memory.ts'
import { backendContract } from './contract.ts'
import { START } from './fixtures.ts'

backendContract('memory', async () => {
  let now = START
  const store = createMemoryStore({ now: () => now })
  return {
    open: async () => store.open(),
    advance: async (ms) => {
      now += ms
    },
    close: async () => {},
  }
})
