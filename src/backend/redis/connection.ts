/**
 * One client, and scripts called through it. It never lets the client resend by itself: a call that met a broken connection
 * is repeated here, with the same operation number, until it is answered or its time is over. Nothing here blocks in
 * Redis, so that a reply that does not come within `SILENCE_MS` always means a dead connection: it is replaced.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Cluster, Redis } from 'ioredis'
import type { MagError } from '../../model/error.ts'
import { closedError } from '../common.ts'
import type { Address } from './address.ts'
import { isNoScript, isPassing, refusal, toRefusal, unreachable } from './fault.ts'

export type Client = Redis | Cluster
export type Reply = string | number | null | Reply[]

const CONNECT_MS = 4_500
/** How long a call tries to get through before it is refused; the caller may ask again. */
const PATIENCE_MS = 10_000
const SILENCE_MS = 6_000
/** At most one try a second for each client, and up to half of it later, so that not all clients come together. */
const RETRY_MS = 1_000
const RETRY_LONGEST_MS = 4_000

export interface ConnectionOptions {
  /** Makes this client's delays differ from others'. */
  seed: number
  patienceMs?: number
  retryMs?: number
}

export interface Script {
  readonly text: string
  readonly sha: string
}

export function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

export class Connection {
  readonly location: string
  readonly isCluster: boolean
  readonly client: Client
  readonly #patienceMs: number
  #closed = false
  readonly #closing = new Set<() => void>()

  private constructor(client: Client, address: Address, patienceMs: number) {
    this.client = client
    this.location = address.location
    this.isCluster = address.kind === 'cluster'
    this.#patienceMs = patienceMs
  }

  /** Rejects within 5 s with STORE_UNREACHABLE, STORE_AUTH, STORE_TLS, STORE_NOT_REDIS … */
  static async open(address: Address, { seed, patienceMs = PATIENCE_MS, retryMs = RETRY_MS }: ConnectionOptions): Promise<Connection> {
    const state = { opened: false, seed, retryMs }
    const client = await createClient(address, state)
    const errors: unknown[] = []
    const note = (error: unknown) => void (errors.length < 20 && errors.push(error))
    client.on('error', note)
    // A Cluster tells why a node was not reached beside its own summary.
    client.on('node error', note)
    try {
      await within(CONNECT_MS, client.connect().then(() => client.call('PING')))
    } catch (error) {
      client.disconnect()
      throw connectError([...errors, error], address)
    }
    state.opened = true
    return new Connection(client, address, patienceMs)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** A script, sent again until it is answered. Rejects with a MagError. */
  run(code: Script, keys: readonly string[], args: ReadonlyArray<string | number>): Promise<Reply> {
    return this.#answered(async () => {
      try {
        return (await this.client.call('EVALSHA', code.sha, keys.length, ...keys, ...args)) as Reply
      } catch (error) {
        if (!isNoScript(error)) throw error
        return (await this.client.call('EVAL', code.text, keys.length, ...keys, ...args)) as Reply
      }
    })
  }

  /** A plain command that may be repeated without harm. */
  ask(command: string, ...args: Array<string | number>): Promise<Reply> {
    return this.#answered(async () => (await this.client.call(command, ...args)) as Reply)
  }

  /** Commands that follow each other on one connection. */
  async together(commands: Array<readonly [string, ...Array<string | number>]>): Promise<Reply[]> {
    const reply = await this.#answered(async () => {
      const pipeline = this.client.pipeline()
      for (const [command, ...args] of commands) pipeline.call(command, ...args)
      const results = (await pipeline.exec()) ?? []
      return results.map(([error, result]) => {
        if (error) throw error
        return result as Reply
      })
    })
    return Array.isArray(reply) ? reply : []
  }

  /** A second client that only listens; not connected yet. */
  listener(): Client {
    return 'nodes' in this.client ? this.client.duplicate([], { lazyConnect: true }) : this.client.duplicate({ lazyConnect: true, enableOfflineQueue: true })
  }

  async #answered(attempt: () => Promise<Reply>): Promise<Reply> {
    if (this.#closed) throw closedError(this.location)
    let over = false
    const patience = setTimeout(() => {
      over = true
    }, this.#patienceMs)
    try {
      for (;;) {
        try {
          return await this.#heard(attempt())
        } catch (error) {
          if (this.#closed) throw closedError(this.location)
          if (!isPassing(error)) throw toRefusal(error, this.location)
          if (over) throw unreachable(this.location, error)
          await this.#pause(100)
        }
      }
    } finally {
      clearTimeout(patience)
    }
  }

  /** A reply that never comes is a connection that must be replaced. */
  async #heard(reply: Promise<Reply>): Promise<Reply> {
    const timer = setTimeout(() => this.client.disconnect(true), Math.min(SILENCE_MS, this.#patienceMs))
    try {
      return await reply
    } finally {
      clearTimeout(timer)
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        this.#closing.delete(end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#closing.add(end)
    })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const end of this.#closing) end()
    this.client.disconnect()
  }
}

interface State {
  opened: boolean
  seed: number
  retryMs: number
}

async function createClient(address: Address, state: State): Promise<Client> {
  const { Redis, Cluster } = await import('ioredis')
  const options = optionsOf(address, state)
  const [first] = address.hosts
  if (address.kind === 'cluster') {
    return new Cluster(address.hosts, {
      lazyConnect: true, enableOfflineQueue: false, redisOptions: options, slotsRefreshTimeout: 2_000, clusterRetryStrategy: (times: number) => retryDelay(times, state),
      ...(address.tls ? { dnsLookup: (host, callback) => callback(null, host) } : {}),
    })
  }
  if (address.kind === 'sentinel') {
    return new Redis({
      ...options, sentinels: address.hosts, name: address.master, role: 'master', sentinelRetryStrategy: (times: number) => retryDelay(times, state), failoverDetector: true,
      ...(address.tls ? { enableTLSForSentinelMode: true } : {}),
    })
  }
  return new Redis({ ...options, host: first?.host ?? '127.0.0.1', port: first?.port ?? 6_379 })
}

/** No declared result: the client's types tell settings that are absent from those that are undefined. */
function optionsOf(address: Address, state: State) {
  return {
    db: address.db, lazyConnect: true, connectTimeout: 4_000, enableOfflineQueue: false, autoResendUnfulfilledCommands: false,
    // Measured: without this a command in flight is neither sent again nor ever rejected when its connection closes.
    maxRetriesPerRequest: 0,
    enableAutoPipelining: false, retryStrategy: (times: number) => retryDelay(times, state), keepAlive: 10_000, connectionName: 'mag',
    // A primary that became a replica: find the new one.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    ...(address.username === undefined ? {} : { username: address.username }),
    ...(address.password === undefined ? {} : { password: address.password }),
    ...(address.tls ? { tls: { ...(address.ca === undefined ? {} : { ca: readCa(address.ca) }) } } : {}),
  }
}

function retryDelay(times: number, state: State): number | null {
  if (!state.opened) return null
  state.seed = (Math.imul(state.seed, 1_664_525) + 1_013_904_223) >>> 0
  return Math.min(state.retryMs * Math.max(1, times / 4), RETRY_LONGEST_MS) + ((state.seed >>> 16) % Math.ceil(state.retryMs / 2))
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw refusal('STORE_TLS', `the CA file ${file} cannot be read`, 'give the path of a PEM file as ?ca=<file>', error)
  }
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer in time')), ms)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** Of all that was said while connecting, the first that says why. */
function connectError(errors: unknown[], { location, tls }: Address): MagError {
  const refusals = errors.map((error) => toRefusal(error, location))
  const telling = refusals.find(({ code }) => code !== 'STORE_UNREACHABLE' && code !== 'STORE_IO')
  if (telling) return telling
  const [first] = errors
  const refused = unreachable(location, first)
  const spoke = !/refused|no such host/.test(refused.message)
  if (tls && spoke) return refusal('STORE_TLS', `${location} does not answer in TLS`, 'if it speaks plain text, write redis://', first)
  return spoke ? refusal(refused.code, refused.message, 'is it running there, and does it want TLS (rediss://)? Look with: mag doctor', first) : refused
}
