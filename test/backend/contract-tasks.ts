/** Promises about tasks that other processes serve, and about hints across handles. */
import assert from 'node:assert/strict'
import type { Backend, Owner } from '../../src/backend/backend.ts'
import { SHELL_WORKER } from '../../src/backend/backend.ts'
import { append, type Cases, created, done, INFO, LEASE_MS, queued, runId, signal, task } from './fixtures.ts'

const TASK_MS = 5_000

async function claimed(backend: Backend, owner: Owner, limit = 10, workers = ['charge'], queues = ['default']): Promise<number[]> {
  const tasks = await backend.claimTasks({ owner, queues, workers, limit, leaseMs: TASK_MS })
  return tasks.map((claim) => claim.task.token)
}

interface Setting {
  backend: Backend
  other: Backend
  owner: Owner
  worker: Owner
  id: string
}

async function setting(open: () => Promise<Backend>): Promise<Setting> {
  const [backend, other] = [await open(), await open()]
  const owner = await backend.join(INFO, LEASE_MS * 100)
  const worker = await other.join({ ...INFO, role: 'worker' }, LEASE_MS * 100)
  return { backend, other, owner, worker, id: await created(backend, owner, 1) }
}

export const taskCases: Cases = {
  async 'a queued task reaches a worker whole, once'({ open }) {
    const { backend, other, owner, worker, id } = await setting(open)
    await append(backend, { runId: id, owner, expectedSeq: 1, tasks: [queued(id, 1)] })
    const [claim, ...rest] = await other.claimTasks({ owner: worker, queues: ['default'], workers: ['charge'], limit: 5, leaseMs: TASK_MS })
    assert.deepEqual([claim?.task, rest], [task(id, 1), []])
    assert.deepEqual(await claimed(other, worker), [])
  },
  async 'tasks come highest priority first, then oldest'({ open }) {
    const { backend, other, owner, worker, id } = await setting(open)
    const tasks = [queued(id, 1), queued(id, 2, { priority: 9 }), queued(id, 3, { priority: 0 }), queued(id, 4), queued(id, 5, { priority: 9 })]
    await append(backend, { runId: id, owner, expectedSeq: 1, tasks })
    assert.deepEqual(await claimed(other, worker, 3), [2, 5, 1])
    assert.deepEqual(await claimed(other, worker, 3), [4, 3])
  },
  async 'priority holds across queues and workers; others\' tasks stay'({ open }) {
    const { backend, other, owner, worker, id } = await setting(open)
    const tasks = [queued(id, 1), queued(id, 2, { worker: 'ship', queue: 'slow', priority: 7 }), queued(id, 3, { worker: 'bill' }), queued(id, 4, { queue: 'gpu' })]
    await append(backend, { runId: id, owner, expectedSeq: 1, tasks })
    assert.deepEqual(await claimed(other, worker, 9, ['charge', 'ship'], ['default', 'slow']), [2, 1])
    assert.deepEqual(await claimed(other, worker, 9, [], ['default']), [])
    assert.deepEqual(await claimed(other, worker, 9, ['bill', 'charge'], ['default', 'gpu']), [3, 4])
  },
  async 'shell steps are served under a name of their own'({ open }) {
    const { backend, other, owner, worker, id } = await setting(open)
    const shell = { ...task(id, 1), target: { kind: 'shell' as const, script: 'exit 0' } }
    await append(backend, { runId: id, owner, expectedSeq: 1, tasks: [{ queue: 'default', priority: 5, task: shell }] })
    assert.deepEqual(await claimed(other, worker), [])
    assert.deepEqual(await claimed(other, worker, 9, [SHELL_WORKER]), [1])
  },
  async 'many pools never get the same task'({ open }) {
    const { backend, owner, id } = await setting(open)
    await append(backend, { runId: id, owner, expectedSeq: 1, tasks: Array.from({ length: 60 }, (_, index) => queued(id, index + 1)) })
    const pools = await Promise.all(Array.from({ length: 4 }, async () => {
      const handle = await open()
      return { handle, pool: await handle.join(INFO, LEASE_MS) }
    }))
    const taken = await Promise.all(pools.flatMap(({ handle, pool }) => [claimed(handle, pool, 7), claimed(handle, pool, 7), claimed(handle, pool, 7)]))
    assert.deepEqual(taken.flat().sort((a, b) => a - b), Array.from({ length: 60 }, (_, index) => index + 1))
  },
  async 'settling removes the task and tells the run, once'({ open }) {
    const { backend, other, owner, worker, id } = await setting(open)
    await append(backend, { runId: id, owner, expectedSeq: 1, tasks: [queued(id, 1)] })
    await claimed(other, worker)
    assert.equal(await other.settleTask(worker, { runId: id, token: 1 }, done(1, 'paid')), true)
    assert.equal(await other.settleTask(worker, { runId: id, token: 1 }, done(1, 'twice')), false)
    assert.deepEqual((await backend.inbox(owner, 9)).map((item) => item.message), [done(1, 'paid')])
    assert.deepEqual(await claimed(other, worker), [])
  },
  async 'only the holder settles or renews'({ open }) {
    const { backend, other, owner, worker, id } = await setting(open)
    await append(backend, { runId: id, owner, expectedSeq: 1, tasks: [queued(id, 1), queued(id, 2)] })
    await claimed(other, worker, 1)
    for (const [who, token] of [[owner, 1], [worker, 2], [worker, 7], [{ ...worker, epoch: owner.epoch }, 1]] as const) {
      assert.equal(await other.settleTask(who, { runId: id, token }, done(token)), false)
      assert.deepEqual(await other.renewTasks(who, [{ runId: id, token }], TASK_MS), [`${id}/${token}`])
    }
    assert.deepEqual(await backend.inboxOf(id), [])
    assert.equal(await other.settleTask(worker, { runId: runId(9), token: 1 }, done(1)), false)
  },
  async 'a renewed task outlives its first lease, an unrenewed one is reaped as lost'({ open, advance }) {
    const { backend, other, owner, worker, id } = await setting(open)
    await append(backend, { runId: id, owner, expectedSeq: 1, tasks: [queued(id, 1), queued(id, 2)] })
    const [claim] = await other.claimTasks({ owner: worker, queues: ['default'], workers: ['charge'], limit: 2, leaseMs: TASK_MS })
    assert.ok(claim)
    const now = claim.leaseUntil - TASK_MS
    assert.equal(await backend.reapTasks(now, 9), 0)
    await advance(TASK_MS - 1)
    assert.deepEqual(await other.renewTasks(worker, [{ runId: id, token: 1 }], TASK_MS), [])
    await advance(1)
    assert.equal(await backend.reapTasks(now + TASK_MS, 9), 1)
    const [item, ...rest] = await backend.inboxOf(id)
    assert.ok(item?.message.type === 'outcome' && !item.message.result.ok)
    assert.deepEqual([item.message.token, item.message.path, item.message.result.how, rest], [2, 'step_2', 'lost', []])
    assert.equal(item.message.result.error.retryable, true)
    assert.equal(await other.settleTask(worker, { runId: id, token: 2 }, done(2)), false)
    assert.equal(await other.settleTask(worker, { runId: id, token: 1 }, done(1)), true)
  },
  async 'a lapsed task that nobody reaped is still its holder\'s'({ open, advance }) {
    const { backend, other, owner, worker, id } = await setting(open)
    await append(backend, { runId: id, owner, expectedSeq: 1, tasks: [queued(id, 1)] })
    await claimed(other, worker)
    await advance(TASK_MS * 2)
    assert.deepEqual(await claimed(backend, owner), [])
    assert.equal(await other.settleTask(worker, { runId: id, token: 1 }, done(1)), true)
  },
  async 'tasks of a holder that was fenced or left are reaped before their lease ends'({ open }) {
    const { backend, other, owner, worker, id } = await setting(open)
    const leaver = await other.join(INFO, LEASE_MS)
    await append(backend, { runId: id, owner, expectedSeq: 1, tasks: [queued(id, 1), queued(id, 2), queued(id, 3)] })
    await claimed(other, worker, 1)
    await claimed(other, leaver, 1)
    await backend.fence(worker.id, 'dead')
    await other.leave(leaver)
    assert.equal(await other.settleTask(worker, { runId: id, token: 1 }, done(1)), false)
    assert.deepEqual(await claimed(other, worker), [])
    assert.equal(await backend.reapTasks(0, 1), 1)
    assert.equal(await backend.reapTasks(0, 9), 1)
    assert.equal(await backend.reapTasks(0, 9), 0)
    assert.equal((await backend.inboxOf(id)).length, 2)
    assert.deepEqual(await claimed(backend, owner), [3])
  },
  async 'a withdrawn task is gone, and its holder learns it when it renews'({ open }) {
    const { backend, other, owner, worker, id } = await setting(open)
    await append(backend, { runId: id, owner, expectedSeq: 1, tasks: [queued(id, 1), queued(id, 2), queued(id, 3)] })
    await claimed(other, worker, 1)
    await append(backend, { runId: id, owner, expectedSeq: 1, withdrawn: [1, 2, 99] })
    assert.deepEqual(await other.renewTasks(worker, [{ runId: id, token: 1 }], TASK_MS), [`${id}/1`])
    assert.equal(await other.settleTask(worker, { runId: id, token: 1 }, done(1)), false)
    assert.deepEqual(await claimed(other, worker), [3])
  },
  async 'a change through one handle is hinted to another'({ open }) {
    const { backend, other, id } = await setting(open)
    const hinted = new Promise<void>((resolve) => {
      const stop = other.watch(() => {
        stop()
        stop()
        resolve()
      })
    })
    // The hint's own timer keeps no process alive; the test must.
    const alive = setInterval(() => {}, 1_000)
    await backend.send(id, signal('go'))
    await hinted
    clearInterval(alive)
  },
  async 'who stopped watching is not called'({ open }) {
    const { backend, other, id } = await setting(open)
    let calls = 0
    other.watch(() => calls++)()
    const alive = setInterval(() => {}, 1_000)
    const second = new Promise<void>((resolve) => void other.watch(resolve))
    await backend.send(id, signal('go'))
    await second
    clearInterval(alive)
    assert.equal(calls, 0)
  },
}
