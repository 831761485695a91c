/** A process of its own that creates runs in a store and says which commits were acknowledged. argv: path, first, runs, steps. */
import { writeSync } from 'node:fs'
import { openSqlite } from '../../src/backend/sqlite/sqlite.ts'
import { creation, events, INFO, runId } from './fixtures.ts'

const [path = '', first = '0', runs = '1', steps = '1'] = process.argv.slice(2)
const backend = await openSqlite({ path, now: Date.now })
const owner = await backend.join(INFO, 60_000)

async function expectOk(commit: Parameters<typeof backend.commit>[0][number]): Promise<void> {
  const [result] = await backend.commit([commit])
  if (result?.status !== 'ok') throw new Error(`${commit.runId}: ${result?.status}`)
  writeSync(1, `${commit.runId} ${commit.expectedSeq + commit.events.length}\n`)
}

async function run(index: number): Promise<void> {
  const id = runId(index)
  await expectOk(creation(id, owner))
  for (let seq = 1; seq < Number(steps); seq++) await expectOk({ runId: id, owner, expectedSeq: seq, events: events(seq, 1) })
}

try {
  await Promise.all(Array.from({ length: Number(runs) }, (_, index) => run(Number(first) + index)))
  await backend.close()
} catch (error) {
  writeSync(2, `${error instanceof Error && 'code' in error ? error.code : ''} ${String(error)}\n`)
  process.exitCode = 1
}
