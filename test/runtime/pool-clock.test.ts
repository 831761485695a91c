import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/runtime/clock.ts'

test('a timer may be longer than Node\'s longest, and can be cancelled on any leg', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  t.mock.method(process, 'hrtime', () => [Math.floor(now / 1_000), (now % 1_000) * 1e6])
  const advance = (ms: number): void => {
    now += ms
    t.mock.timers.tick(ms)
  }
  let fired = 0
  systemClock.setTimer(30 * 86_400_000, () => fired++)
  const cancel = systemClock.setTimer(40 * 86_400_000, () => fired++)
  advance(2_147_483_647)
  assert.equal(fired, 0)
  advance(30 * 86_400_000 - 2_147_483_647)
  assert.equal(fired, 1)
  cancel()
  advance(20 * 86_400_000)
  assert.equal(fired, 1)
})

test('random bytes, as many as asked for', () => {
  assert.equal(systemClock.random(8).length, 8)
  assert.notDeepEqual(systemClock.random(16), systemClock.random(16))
})
