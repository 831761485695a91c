import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Backend, Owner } from '../../src/backend/backend.ts'
import { createMemoryBackend } from '../../src/backend/memory.ts'
import { findRun } from '../../src/cli/find-run.ts'
import { MagError } from '../../src/model/error.ts'
import type { RunState } from '../../src/model/event.ts'

const NOW = Date.UTC(2026, 0, 3)

async function storeWith(runs: Array<[id: string, state: RunState]>): Promise<Backend> {
  const backend = createMemoryBackend({ now: () => NOW })
  const owner: Owner = await backend.join({ host: 'h', pid: 1, startToken: '', role: 'cli' }, 60_000)
  for (const [no, [id, state]] of runs.entries()) {
    await backend.commit([{
      runId: id, owner, expectedSeq: 0, events: [{ seq: 1, at: NOW, type: 'run.started', workflow: 'w', definition: 'h', input: {} }],
      create: { workflow: 'w', definition: 'h', inputHash: '', createdAt: NOW + no }, patch: { state },
    }])
  }
  return backend
}

const RUNS: Array<[string, RunState]> = [['TX-20260103-145632-aaaaaaaa', 'failed'], ['TX-20260103-145632-abbbbbbb', 'completed'], ['TX-20260104-000000-cccccccc', 'running']]

test('ids, prefixes in either case, @last, @last-failed', async () => {
  const backend = await storeWith(RUNS)
  const id = async (typed: string) => (await findRun(backend, typed)).id
  assert.equal(await id('TX-20260103-145632-aaaaaaaa'), RUNS[0]?.[0])
  assert.equal(await id('tx-20260104'), RUNS[2]?.[0])
  assert.equal(await id('@last'), RUNS[2]?.[0])
  assert.equal(await id('@last-failed'), RUNS[0]?.[0])
})

test('what cannot be found and what is not unique', async () => {
  const backend = await storeWith(RUNS)
  const refused = (typed: string, code: string, exitCode: number) =>
    assert.rejects(findRun(backend, typed), (error) => error instanceof MagError && error.code === code && error.exitCode === exitCode, typed)
  await refused('TX-1999', 'MAG2006', 6)
  await refused('../etc/passwd', 'MAG2006', 6)
  await refused('x\u001b[2J', 'MAG2006', 6)
  await refused('@nonsense', 'MAG2006', 6)
  await refused('TX-20260103', 'MAG2007', 2)
  await assert.rejects(findRun(backend, 'TX-20260103'), /TX-20260103-145632-aaaaaaaa[\s\S]*abbbbbbb/)
  await assert.rejects(findRun(createMemoryBackend({ now: () => NOW }), '@last'), /no runs yet/)
})
