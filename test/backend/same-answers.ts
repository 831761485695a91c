/** Whatever is asked of it, in whatever order and through whichever handle: a store answers as the reference does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Backend, Commit, Now, Owner, RunPatch } from '../../src/backend/backend.ts'
import { createMemoryStore } from '../../src/backend/memory.ts'
import { done, events, INFO, queued, runId, signal, START } from './fixtures.ts'

const LEASE = 1_000
const MANY = 1_000

const owner = fc.nat(2)
const run = fc.nat(3)
const token = fc.integer({ min: 1, max: 4 })
const patch = fc.record(
  {
    state: fc.constantFrom('running', 'waiting', 'running', 'waiting', 'paused', 'compensating', 'completed', 'failed'),
    wakeAt: fc.option(fc.integer({ min: START, max: START + 5_000 })),
    finishedAt: fc.option(fc.constant(START)),
    note: fc.option(fc.string({ unit: 'binary' })),
    release: fc.boolean(),
  },
  { requiredKeys: [] },
)

const command = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('join') }) },
  fc.record({ do: fc.constant('renew'), owner }),
  fc.record({ do: fc.constant('leave'), owner }),
  fc.record({ do: fc.constant('fence'), owner, dead: fc.boolean() }),
  fc.record({ do: fc.constant('advance'), ms: fc.integer({ min: 1, max: 1_500 }) }),
  { weight: 6, arbitrary: fc.record({ do: fc.constant('create'), run, owner, key: fc.option(fc.nat(2)), input: fc.nat(1), count: fc.nat(2), patch: fc.option(patch) }) },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('commit'), run, owner, stranger: fc.constantFrom(false, false, false, true), behind: fc.constantFrom(0, 0, 0, 0, 1, -1), count: fc.nat(3), patch: fc.option(patch), handled: fc.nat(2),
      tasks: fc.array(fc.record({ token, priority: fc.nat(9) }), { maxLength: 2 }), withdrawn: fc.option(token),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('claim'), run, owner }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('send'), run, text: fc.string() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('claimTasks'), owner, limit: fc.nat(3) }) },
  fc.record({ do: fc.constant('renewTasks'), run, owner, token }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle'), run, owner, token }) },
  fc.record({ do: fc.constant('reap') }),
  fc.record({ do: fc.constant('look'), owner, limit: fc.integer({ min: 1, max: 4 }), after: fc.nat(5), run }),
)
type Command = (typeof command extends fc.Arbitrary<infer T> ? T : never) & { handle: number }

/** One backend under test: two handles, and names for what each backend numbers in its own way. */
class Side {
  readonly #handles: Backend[]
  readonly #owners: Owner[] = []
  readonly #messages = new Map<number, number>()

  constructor(handles: Backend[]) {
    this.#handles = handles
  }

  #owner(index: number): Owner {
    return this.#owners.at(-1 - index) ?? { id: 'p0', epoch: 0 }
  }

  async perform(action: Command, now: number): Promise<unknown> {
    const backend = this.#handles[action.handle]
    assert.ok(backend)
    try {
      return this.#plain(await this.#ask(backend, action, now))
    } catch (error) {
      return error instanceof Error && 'code' in error ? error.code : String(error)
    }
  }

  /** Owners become the order in which they joined, inbox ids the order in which they were first seen. */
  #plain(value: unknown): unknown {
    const names = new Map(this.#owners.map((each, index) => [each.id, `#${index}`]))
    return JSON.parse(JSON.stringify(value ?? null), (key, item: unknown) => {
      if (key === 'epoch') return undefined
      return typeof item === 'string' ? (names.get(item) ?? item) : item
    })
  }

  async #ask(backend: Backend, action: Command, now: number): Promise<unknown> {
    switch (action.do) {
      case 'join':
        if (this.#owners.length < 9) this.#owners.push(await backend.join(INFO, LEASE))
        return null
      case 'advance':
        return null
      case 'reap':
        return backend.reapTasks(now, MANY)
      default:
        return 'owner' in action ? this.#askAs(backend, action, now) : 'text' in action && backend.send(runId(action.run), signal(action.text))
    }
  }

  async #askAs(backend: Backend, action: Extract<Command, { owner: number }>, now: number): Promise<unknown> {
    const who = this.#owner(action.owner)
    if ('dead' in action) return backend.fence(who.id, action.dead ? 'dead' : undefined)
    if ('after' in action) return this.#look(backend, action, now)
    if ('behind' in action) return this.#commit(backend, action)
    if ('input' in action) return this.#create(backend, action)
    if ('limit' in action) return backend.claimTasks({ owner: who, queues: ['default', 'slow'], workers: ['charge', 'ship'], limit: action.limit, leaseMs: LEASE })
    if ('token' in action) {
      const held = { runId: runId(action.run), token: action.token }
      return action.do === 'settle' ? backend.settleTask(who, held, done(action.token)) : backend.renewTasks(who, [held], LEASE)
    }
    if ('run' in action) return backend.claim(runId(action.run), who)
    return action.do === 'renew' ? backend.renew(who, LEASE, 1) : backend.leave(who)
  }

  async #create(backend: Backend, action: Extract<Command, { input: number }>): Promise<unknown> {
    const { key, input, count } = action
    const create = { workflow: `w${input}`, definition: 'd', inputHash: `${input}`, createdAt: START + (action.run % 3), ...(key === null ? {} : { key: `k${key}` }) }
    const changes = action.patch ? { patch: action.patch as RunPatch } : {}
    return backend.commit([{ runId: runId(action.run), owner: this.#owner(action.owner), expectedSeq: 0, events: events(0, count), create, ...changes }])
  }

  async #commit(backend: Backend, action: Extract<Command, { behind: number }>): Promise<unknown> {
    const id = runId(action.run)
    const stands = (await backend.history(id, 0)).length
    const expectedSeq = Math.max(0, stands - action.behind)
    const handled = (await backend.inboxOf(id)).slice(0, action.handled).map((item) => item.id)
    // Mostly in the name of the run's owner: random names would hardly ever come further than the fence.
    const holder = (await backend.run(id))?.owner
    const rightful = action.stranger ? undefined : this.#owners.find((each) => each.id === holder)
    const commit: Commit = {
      runId: id, owner: rightful ?? this.#owner(action.owner), expectedSeq, events: events(expectedSeq, action.count), handled,
      tasks: action.tasks.map((each) => queued(id, each.token, { priority: each.priority, worker: each.token % 2 ? 'charge' : 'ship' })),
      ...(action.withdrawn === null ? {} : { withdrawn: [action.withdrawn] }),
      ...(action.patch ? { patch: action.patch as RunPatch } : {}),
    }
    // Twice in one batch: the second must always be told that it came too late.
    return backend.commit([commit, commit])
  }

  async #look(backend: Backend, action: Extract<Command, { after: number }>, now: number): Promise<unknown> {
    const who = this.#owner(action.owner)
    const byId = <T extends { id: string }>(items: T[]) => items.sort((a, b) => (a.id < b.id ? -1 : 1))
    const first = await backend.list({ limit: action.limit })
    const inbox = await backend.inbox(who, MANY)
    return {
      run: await backend.run(runId(action.run)),
      history: await backend.history(runId(action.run), action.after, action.limit),
      first,
      next: first.nextCursor && (await backend.list({ limit: action.limit, cursor: first.nextCursor })),
      open: await backend.list({ limit: MANY, states: ['running', 'waiting'], workflow: 'w1', since: START + 1 }),
      found: await backend.find('tx-', action.limit),
      due: byId(await backend.due(who, now, MANY)),
      nextWake: await backend.nextWake(who),
      orphans: byId(await backend.orphans(MANY)),
      inbox: inbox.map((item) => [this.#number(item.id), item.runId, item.message]),
      processes: await backend.processes(),
    }
  }

  #number(id: number): number {
    const known = this.#messages.get(id) ?? this.#messages.size
    this.#messages.set(id, known)
    return known
  }
}

/** Two handles on one empty store whose clock is `now`. */
export type MakePair = (now: Now) => Promise<{ handles: Backend[]; close(): Promise<void> }>

export function sameAnswers(name: string, make: MakePair, runs: number): void {
  test(`${name} and the reference give the same answers`, async () => {
    const program = fc.array(fc.tuple(command, fc.nat(1)), { minLength: 20, maxLength: 80, size: 'max' })
    await fc.assert(
      fc.asyncProperty(program, async (steps) => {
        let time = START
        const now = () => time
        const store = createMemoryStore({ now })
        const pair = await make(now)
        const [memory, other] = [new Side([store.open(), store.open()]), new Side(pair.handles)]
        try {
          for (const [step, handle] of steps) {
            const action = { ...step, handle } as Command
            if ('ms' in action) time += action.ms
            assert.deepEqual(await other.perform(action, time), await memory.perform(action, time))
          }
        } finally {
          await pair.close()
        }
      }),
      { numRuns: Number(process.env['FC_RUNS'] ?? runs) },
    )
  })
}
