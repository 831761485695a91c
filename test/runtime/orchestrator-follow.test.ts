/** Watching a run, whoever drives it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Backend } from '../../src/backend/backend.ts'
import { createMemoryStore } from '../../src/backend/memory.ts'
import type { RunEvent } from '../../src/model/event.ts'
import { createFollower } from '../../src/runtime/follow.ts'
import { chain } from './support/definitions.ts'
import { Library, Machine, ok } from './support/machine.ts'
import { settled, VirtualClock } from './support/virtual-clock.ts'

const ID = 'TX-20260103-145632-followed'

async function world() {
  const clock = new VirtualClock()
  const library = new Library()
  const store = createMemoryStore({ now: () => clock.now() })
  const machine = await Machine.open({ backend: store.open(), clock, library })
  return { clock, library, store, machine }
}

/** Reads of a history take their time, so that commits come between. */
function slow(backend: Backend): Backend {
  return new Proxy(backend, {
    get(target, name: keyof Backend) {
      const value = target[name]
      if (name === 'history') {
        return async (...args: Parameters<Backend['history']>) => {
          const found = await target.history(...args)
          await settled()
          return found
        }
      }
      return typeof value === 'function' ? (value as (...args: never[]) => unknown).bind(target) : value
    },
  })
}

async function drive(machine: Machine, steps: number, after: () => Promise<void>): Promise<void> {
  for (let i = 1; i <= steps; i++) {
    machine.finish(machine.task(`s${i}`))
    await after()
  }
}

function seqs(events: RunEvent[]): number[] {
  return events.map((event) => event.seq)
}

for (const told of ['every', 'every other', 'no'] as const) {
  test(`${told} commit told, reads in between: every event once, in order`, async () => {
    const { clock, library, machine } = await world()
    const follower = createFollower(slow(machine.backend), clock)
    await machine.start(ID, library.add(chain(20)))
    const seen: RunEvent[] = []
    const over = follower.follow(ID, (events) => seen.push(...events))
    let given = 0
    let n = 0
    await drive(machine, 20, async () => {
      if (n++ % 3 === 0) await settled()
      else for (let i = 0; i < 8; i++) await null
      const fresh = (machine.seen.get(ID) ?? []).slice(given)
      given += fresh.length
      if (told === 'every' || (told === 'every other' && n % 2 === 0)) follower.committed(ID, fresh)
      if (n % 5 === 0) follower.hint(ID)
      if (n % 7 === 0) await clock.advance(1_000)
      await settled()
    })
    await clock.advance(2_000)
    await over
    assert.deepEqual(seqs(seen), Array.from({ length: 42 }, (_, i) => i + 1))
    assert.deepEqual(seen, await machine.backend.history(ID, 0))
    assert.equal(clock.timers, 0, 'nobody watches, nothing polls')
  })
}

for (const hints of [true, false]) {
  test(`a run driven through another handle, ${hints ? 'by hints' : 'by the poll alone'}`, async () => {
    const { clock, library, store, machine } = await world()
    const backend = store.open()
    if (!hints) backend.watch = () => () => undefined
    const follower = createFollower(backend, clock)
    await machine.start(ID, library.add(chain(3)))
    const seen: RunEvent[] = []
    const over = follower.follow(ID, (events) => seen.push(...events))
    await drive(machine, 3, settled)
    await settled()
    if (!hints) assert.equal(seen.length, 2)
    await clock.advance(1_000)
    await over
    assert.deepEqual(seqs(seen), [1, 2, 3, 4, 5, 6, 7, 8])
  })
}

test('from a place in the history on; several watchers each get theirs', async () => {
  const { clock, library, machine } = await world()
  const follower = createFollower(machine.backend, clock)
  await machine.start(ID, library.add(chain(2)))
  const [all, rest]: [RunEvent[], RunEvent[]] = [[], []]
  const over = Promise.all([
    follower.follow(ID, (events) => all.push(...events)), follower.follow(ID, (events) => rest.push(...events), { after: 3 }),
  ])
  await drive(machine, 2, settled)
  await clock.advance(1_000)
  await over
  assert.deepEqual([seqs(all), seqs(rest)], [[1, 2, 3, 4, 5, 6], [4, 5, 6]])
})

test('an abort ends it at once, also while the store is read', async () => {
  const { clock, library, machine } = await world()
  const follower = createFollower(slow(machine.backend), clock)
  await machine.start(ID, library.add(chain(1)))
  const abort = new AbortController()
  const over = follower.follow(ID, () => assert.fail('nothing is told after the abort'), { signal: abort.signal })
  abort.abort()
  await over
  await settled()
  await follower.follow(ID, () => assert.fail('aborted before'), { signal: abort.signal })
  await clock.advance(5_000)
  assert.equal(clock.timers, 0)
})

test("a watcher's fault is its own", async () => {
  const { clock, library, machine } = await world()
  const follower = createFollower(machine.backend, clock)
  await machine.start(ID, library.add(chain(1)))
  const seen: RunEvent[] = []
  let calls = 0
  const broken = follower.follow(ID, () => {
    calls++
    if (calls === 2) throw new Error('painter')
  })
  const sound = follower.follow(ID, (events) => seen.push(...events))
  await settled()
  const rejected = assert.rejects(broken, /painter/)
  machine.finish(machine.task('s1'))
  await settled()
  follower.committed(ID, (machine.seen.get(ID) ?? []).slice(2))
  await rejected
  await sound
  assert.equal(seen.length, 4)
})

test('a store that cannot be read ends it with the error', async () => {
  const { clock, library, machine } = await world()
  await machine.start(ID, library.add(chain(1)))
  const follower = createFollower(machine.backend, clock)
  const over = assert.rejects(follower.follow(ID, () => undefined), { code: 'STORE_CLOSED' })
  await machine.backend.close()
  await over
})

test('on a real file: a second handle sees all of it', async (t) => {
  const { openBackend } = await import('../../src/backend/open.ts')
  const { mkdtempSync, rmSync } = await import('node:fs')
  const { tmpdir } = await import('node:os')
  const { systemClock } = await import('../../src/runtime/clock.ts')
  const projectDir = mkdtempSync(`${tmpdir()}/mag-follow-`)
  const open = () => openBackend('sqlite:store.db', { now: () => systemClock.now(), projectDir })
  const [one, two] = [await open(), await open()]
  t.after(async () => {
    await one.close()
    await two.close()
    rmSync(projectDir, { recursive: true })
  })
  const library = new Library()
  const machine = await Machine.open({ backend: one, clock: systemClock, library, answer: ok })
  const compiled = library.add(chain(50))
  await one.putDefinition(compiled.hash, '{}')
  const follower = createFollower(two, systemClock)
  const ids = Array.from({ length: 5 }, (_, i) => `${ID}-${i}`)
  for (const id of ids) await machine.start(id, compiled)
  await Promise.race([
    delay(20_000, undefined, { ref: false }).then(() => assert.fail('too slow')),
    Promise.all(ids.map(async (id) => {
      const seen: RunEvent[] = []
      await follower.follow(id, (events) => seen.push(...events))
      assert.deepEqual(seqs(seen), Array.from({ length: 102 }, (_, i) => i + 1))
    })),
  ])
})
