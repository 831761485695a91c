/**
 * What every backend promises, as cases that any of them can run: `backendContract('redis', makeWorld)`. A world is one
 * empty store with a clock that the test moves; handles stand for processes. Nothing here knows how a store works.
 * Where a backend must differ, it says so by name and reason in `deviations`, and the case is skipped loudly.
 */
import { test } from 'node:test'
import { commitCases } from './contract-commits.ts'
import { dataCases } from './contract-data.ts'
import { ownerCases } from './contract-owners.ts'
import { queryCases } from './contract-queries.ts'
import { taskCases } from './contract-tasks.ts'
import { sharedCases } from './contract-shared.ts'
import type { Cases, World } from './fixtures.ts'

export function backendContract(name: string, make: () => Promise<World>, deviations: Record<string, string> = {}): void {
  const cases: Cases = { ...commitCases, ...ownerCases, ...queryCases, ...taskCases, ...dataCases, ...sharedCases }
  for (const deviation of Object.keys(deviations)) {
    if (!Object.hasOwn(cases, deviation)) throw new Error(`no such case: ${deviation}`)
  }
  for (const [promise, run] of Object.entries(cases)) {
    test(`${name}: ${promise}`, { skip: deviations[promise] ?? false }, async () => {
      const world = await make()
      try {
        await run(world)
      } finally {
        await world.close()
      }
    })
  }
}
