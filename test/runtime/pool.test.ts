import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NonRetryableError } from '../../src/model/error.ts'
import type { Clock } from '../../src/runtime/clock.ts'
import { worker, type StandardSchema, type TaskHandle, type WorkerContext } from '../../src/runtime/worker.ts'
import { claimFault, guardExit } from '../../src/runtime/pool/faults.ts'
import { errorOf, gate, outputOf, poolFixture } from './pool-fixture.ts'

test('a worker gets its input and a handle; its output is the outcome', async () => {
  const { once } = poolFixture()
  const outcome = await once(async (context: WorkerContext, task: TaskHandle) => ({
    sum: Number(context['a']) + 1, key: task.idempotencyKey, attempt: task.attempt, token: task.fencingToken > 0, run: { ...task.run }, aborted: task.signal.aborted,
  }), { input: { a: 1 }, attempt: 2, idempotencyKey: 'k' })
  assert.deepEqual(outputOf(outcome), {
    sum: 2, key: 'k', attempt: 2, token: true, run: { id: 'TX-20260103-145632-k3f9q2ab', workflow: 'w', step: 'step', path: 'step' }, aborted: false,
  })
  assert.ok((outcome.startedAt ?? 0) > 0)
})

test('at most `concurrency` run at once, in order of arrival', async () => {
  const { pool, add, task, outcome, started } = poolFixture({ concurrency: 3 })
  let now = 0
  let most = 0
  const gates: Array<() => void> = []
  add(worker('busy', async () => {
    most = Math.max(most, ++now)
    await new Promise<void>((resolve) => gates.push(resolve))
    now--
  }))
  const tasks = Array.from({ length: 10 }, () => task('busy'))
  for (const each of tasks) pool.run(each)
  assert.equal(pool.busy, 3)
  for (const each of tasks) {
    gates.shift()?.()
    await outcome(each.token)
  }
  assert.equal(most, 3)
  assert.deepEqual(started, tasks.map(({ token }) => token))
  assert.equal(pool.busy, 0)
})

test('ten thousand synchronous workers settle without a deep stack', async () => {
  const { pool, add, task, outcome } = poolFixture({ concurrency: 1 })
  add(worker('sync', () => 1))
  const tasks = Array.from({ length: 10_000 }, () => task('sync'))
  for (const each of tasks) pool.run(each)
  const last = await outcome(tasks.at(-1)?.token ?? 0)
  assert.deepEqual(outputOf(last), { result: 1 })
})

test('what a worker does to its input or keeps of its output changes nothing', async () => {
  const { once } = poolFixture()
  const input = { list: [1, { deep: 'a' }] }
  const kept: { value: { n: number } } = { value: { n: 1 } }
  const outcome = await once((context: { list: unknown[] }) => {
    context.list.push('changed')
    return kept
  }, { input })
  kept.value.n = 2
  assert.deepEqual(input, { list: [1, { deep: 'a' }] })
  assert.deepEqual(outputOf(outcome), { value: { n: 1 } })
})

test('a time limit: retryable, named, on time; the late result is ignored', async () => {
  const { once, add, task, pool, outcome } = poolFixture()
  const late = gate<{ late: boolean }>()
  const aborted = gate<unknown>()
  const error = errorOf(await once(async (_context: never, handle: TaskHandle) => {
    handle.signal.addEventListener('abort', () => aborted.open(handle.signal.reason))
    return late.promise
  }, { timeoutMs: 30, path: 'both/l/charge' }))
  assert.deepEqual({ how: error.how, code: error.code, message: error.message, retryable: error.retryable }, {
    how: 'timeout', code: 'TIMEOUT', message: 'step "both/l/charge" took longer than 30ms', retryable: true,
  })
  assert.equal((await aborted.promise as DOMException).name, 'TimeoutError')
  late.open({ late: true })
  await late.promise
  add(worker('own', { timeout: '20ms', retry: 3 }, () => new Promise(() => undefined)))
  const own = task('own', { purpose: 'compensation' })
  pool.run(own)
  const outcomeOfOwn = await outcome(own.token)
  assert.equal(errorOf(outcomeOfOwn).message, 'the undo of step "step" took longer than 20ms')
  assert.equal(outcomeOfOwn.workerRetry?.attempts, 3)
  await pool.stop()
})

test('limits of many attempts end in their order, on one timer', async () => {
  let now = 0
  const timers = new Map<object, { at: number; fn: () => void }>()
  let made = 0
  const clock: Clock = {
    now: () => 1_000 + now, monotonic: () => now, random: (bytes) => new Uint8Array(bytes),
    setTimer(ms, fn) {
      made++
      const key = {}
      timers.set(key, { at: now + ms, fn })
      return () => timers.delete(key)
    },
  }
  const { pool, add, task, outcomes } = poolFixture({ clock, concurrency: 2_000 })
  add(worker('slow', () => new Promise(() => undefined)))
  for (let i = 0; i < 1_000; i++) pool.run(task('slow', { timeoutMs: i % 2 === 0 ? 1_000 : 2_000 }))
  assert.equal(timers.size, 1)
  const advance = (to: number): void => {
    now = to
    for (const [key, timer] of [...timers]) if (timer.at <= now && timers.delete(key)) timer.fn()
  }
  advance(999)
  assert.equal(outcomes.size, 0)
  advance(1_000)
  assert.equal(outcomes.size, 500)
  advance(2_000)
  assert.equal(outcomes.size, 1_000)
  assert.ok(made < 5, `${made} timers were made`)
})

test('cancel aborts the signal; what the worker makes of it is the outcome', async () => {
  const { pool, add, task, outcome } = poolFixture({ concurrency: 1 })
  add(worker('waits', (_context, handle) => new Promise((_resolve, reject) => handle.signal.addEventListener('abort', () => reject(handle.signal.reason)))))
  const finish = gate<{ done: boolean }>()
  add(worker('finishes', () => finish.promise))
  const [one, two, three] = [task('waits'), task('finishes'), task('waits')]
  for (const each of [one, two, three]) pool.run(each)
  pool.cancel(three.runId, three.token, 'the run was cancelled')
  assert.equal(errorOf(await outcome(three.token)).how, 'aborted')
  pool.cancel(one.runId, one.token, 'the run was cancelled')
  const error = errorOf(await outcome(one.token))
  assert.deepEqual([error.how, error.code, error.message], ['aborted', 'ABORTED', 'the run was cancelled'])
  pool.cancel(two.runId, two.token, 'the run was cancelled')
  finish.open({ done: true })
  assert.deepEqual(outputOf(await outcome(two.token)), { done: true })
})

test('drain: nothing new, grace for what runs, the rest is handed back', async () => {
  const { pool, add, task, outcome } = poolFixture({ concurrency: 2 })
  const finish = gate<object>()
  add(worker('ends', () => finish.promise))
  add(worker('hangs', () => new Promise(() => undefined)))
  const [ends, hangs, waits] = [task('ends'), task('hangs'), task('ends')]
  for (const each of [ends, hangs, waits]) pool.run(each)
  const drained = pool.drain(50)
  assert.equal(errorOf(await outcome(waits.token)).how, 'released')
  finish.open({ done: 1 })
  assert.deepEqual(outputOf(await outcome(ends.token)), { done: 1 })
  await drained
  assert.equal(errorOf(await outcome(hangs.token)).how, 'released')
  const late = task('ends')
  pool.run(late)
  assert.equal(errorOf(await outcome(late.token)).how, 'released')
  await pool.stop()
  assert.equal(pool.busy, 0)
})

test('drain ends as soon as the last attempt does', async () => {
  const { pool, add, task, outcome } = poolFixture()
  const finish = gate<object>()
  add(worker('ends', () => finish.promise))
  const ends = task('ends')
  pool.run(ends)
  const drained = pool.drain(600_000)
  finish.open({})
  await drained
  assert.equal((await outcome(ends.token)).result.ok, true)
})

test('errors: code, message, details, place, whether to retry', async () => {
  const { once } = poolFixture()
  class CardDeclined extends Error {}
  const declined = errorOf(await once(() => {
    throw new CardDeclined('no funds')
  }, { attempt: 2 }))
  assert.deepEqual([declined.how, declined.code, declined.message, declined.retryable, declined.attempt], ['thrown', 'CardDeclined', 'no funds', true, 2])
  assert.equal(declined.location?.file, 'test/runtime/pool.test.ts')
  assert.ok((declined.location?.line ?? 0) > 100)
  const never = errorOf(await once(async () => {
    throw new NonRetryableError('gone', { code: 'GONE', details: { id: 7n, when: new Date(0) } })
  }))
  assert.deepEqual([never.code, never.retryable, never.details], ['GONE', false, '(left out: not JSON)'])
  const system = errorOf(await once(() => {
    throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', details: { port: 1 } })
  }))
  assert.deepEqual([system.code, system.details], ['ECONNREFUSED', { port: 1 }])
})

test('anything may be thrown', async () => {
  const { once } = poolFixture()
  const hostile = new Proxy({}, { get() { throw new Error('trap') } })
  for (const [value, code, message] of [
    ['text', 'Error', /thrown value: text/], [undefined, 'Error', /thrown value: undefined/], [null, 'Error', /null/], [42, 'Error', /42/],
    [{ code: 'X1', message: 'plain' }, 'X1', /plain/], [hostile, 'Error', /thrown value/], [Symbol('s'), 'Error', /Symbol/],
    [new AggregateError([new Error('a'), new Error('b')], 'two'), 'AggregateError', /^two: a; b$/],
    [new Error('outer', { cause: new Error('inner') }), 'Error', /^outer: inner$/],
    [new Error('x'.repeat(1e6)), 'Error', /left out/],
  ] as Array<[unknown, string, RegExp]>) {
    const error = errorOf(await once(() => {
      throw value
    }))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assert.ok(error.message.length < 5_000)
  }
})

test('an unknown worker fails the step and names it', async () => {
  const { pool, task, outcome } = poolFixture()
  const made = task('nobody')
  pool.run(made)
  assert.match(errorOf(await outcome(made.token)).message, /step "step" needs worker "nobody"/)
})

const schema = (validate: (value: unknown) => unknown): StandardSchema => ({ '~standard': { version: 1, vendor: 'test', validate: validate as never } })

test('schemas: the input before, the output after; a field is named', async () => {
  const { once } = poolFixture()
  const nameIsText = schema((value) => {
    const name = (value as { customer: { name: unknown } }).customer.name
    return typeof name === 'string' ? { value: { name } } : { issues: [{ message: 'must be a string', path: ['customer', { key: 'name' }] }] }
  })
  let called = 0
  const checked = worker('checked', { input: nameIsText, output: schema(async (value) => (typeof value === 'object' ? { value } : { issues: [{ message: 'no object' }] })) }, (context) => {
    called++
    return context
  })
  const bad = errorOf(await once(checked, { input: { customer: { name: 42 } } }))
  assert.deepEqual([bad.code, bad.retryable, called], ['INPUT_INVALID', false, 0])
  assert.equal(bad.message, 'input of worker "checked" is not valid: customer.name: must be a string')
  assert.deepEqual(bad.details, { issues: [{ path: 'customer.name', message: 'must be a string' }] })
  assert.deepEqual(outputOf(await once(checked, { input: { customer: { name: 'a' } } })), { name: 'a' })
  const badOutput = errorOf(await once(worker('out', { output: schema(() => ({ issues: [{ message: 'missing', path: ['total'] }] })) }, () => ({}))))
  assert.deepEqual([badOutput.code, badOutput.retryable], ['OUTPUT_INVALID', true])
})

test('progress and logs are told with their place; progress at most ten times a second', async () => {
  const { once, logs, progress } = poolFixture()
  await once((_context: never, { log, progress: tell, heartbeat }: TaskHandle) => {
    for (let i = 0; i < 50; i++) tell(i / 100, 'half way')
    tell(1)
    log.info('hello', { n: 1, big: 10n })
    log.warn('careful')
    heartbeat({ page: 3 })
  }, { path: 'a/b', attempt: 3 })
  assert.deepEqual(progress, [{ fraction: 0, text: 'half way' }, { fraction: 1 }])
  assert.deepEqual(logs.map(({ level, message, path, attempt }) => [level, message, path, attempt]), [
    ['info', 'hello', 'a/b', 3], ['warn', 'careful', 'a/b', 3], ['debug', 'heartbeat', 'a/b', 3],
  ])
})

test('a fault outside the promise fails its own attempt only', async (t) => {
  const { once } = poolFixture()
  const seen: unknown[] = []
  const onFault = (error: unknown): void => {
    if (!claimFault(error)) seen.push(error)
  }
  const before = { uncaughtException: process.listeners('uncaughtException'), unhandledRejection: process.listeners('unhandledRejection') }
  for (const name of ['uncaughtException', 'unhandledRejection'] as const) {
    process.removeAllListeners(name)
    process.on(name, onFault)
  }
  const restoreExit = guardExit()
  t.after(() => {
    restoreExit()
    for (const name of ['uncaughtException', 'unhandledRejection'] as const) {
      process.removeAllListeners(name)
      for (const listener of before[name]) process.on(name, listener as never)
    }
  })
  const other = gate<object>()
  const bystander = once(() => other.promise)
  const timer = errorOf(await once(() => new Promise(() => {
    setTimeout(() => {
      throw new TypeError('in a timer')
    }, 1)
  })))
  assert.deepEqual([timer.code, timer.message], ['TypeError', 'in a timer'])
  const rejection = errorOf(await once(() => {
    void Promise.reject(new RangeError('nobody waits'))
    return new Promise(() => undefined)
  }))
  assert.equal(rejection.code, 'RangeError')
  const exit = errorOf(await once(async () => process.exit(0)))
  assert.equal(exit.code, 'PROCESS_EXIT')
  other.open({ fine: true })
  assert.deepEqual(outputOf(await bystander), { fine: true })
  assert.deepEqual(seen, [])
})
