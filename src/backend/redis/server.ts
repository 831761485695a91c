/** What the server is, whether it may be trusted with runs, and how much of what it acknowledged it can still lose. */
import type { CheckResult } from '../backend.ts'
import type { Durability } from './address.ts'
import type { Connection } from './connection.ts'
import { isNoScript, refusal, replicaRefusal } from './fault.ts'
import type { Keys } from './keys.ts'

const CONFIRM_MS = 3_000

export interface Facts {
  product: 'Redis' | 'Valkey'
  version: string
  role: string
  policy: string
  aof: boolean
  /** Empty where the user may not ask. */
  appendfsync: string
}

export interface Inspection {
  /** After a write: resolves when it is as durable as was asked for. Undefined: the answer itself is all there is. */
  confirm: (() => Promise<void>) | undefined
  check(): Promise<CheckResult[]>
}

/** Rejects when the server cannot keep what it acknowledges. */
export async function inspect(connection: Connection, keys: Keys, durability: Durability | undefined): Promise<Inspection> {
  const facts = await readFacts(connection)
  refuse(facts, connection.location, durability)
  const confirm = confirmation(connection, keys, facts, durability)
  return { confirm, check: async () => checks(await readFacts(connection), durability) }
}

export async function readFacts(connection: Connection): Promise<Facts> {
  const info = String(await connection.ask('INFO'))
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  const valkey = field('valkey_version')
  return {
    product: valkey === '' ? 'Redis' : 'Valkey', version: valkey || field('redis_version'), role: field('role'), policy: field('maxmemory_policy'),
    aof: field('aof_enabled') === '1', appendfsync: await readFsync(connection),
  }
}

async function readFsync(connection: Connection): Promise<string> {
  try {
    const reply = await connection.ask('CONFIG', 'GET', 'appendfsync')
    return Array.isArray(reply) ? String(reply[1] ?? '') : ''
  } catch (error) {
    // A careful operator does not let us ask.
    if (isNoScript(error)) throw error
    return ''
  }
}

function atLeast(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number)
  return a > major || (a === major && b >= minor)
}

function refuse({ product, version, role, policy, aof, appendfsync }: Facts, location: string, durability: Durability | undefined): void {
  if (product === 'Redis' && !atLeast(version, 7, 0)) {
    throw refusal('STORE_VERSION', `Redis at ${location} is version ${version || 'unknown'}; mag needs 7.0 or newer, or Valkey`, 'update the server')
  }
  if (role === 'slave' || role === 'replica') throw replicaRefusal(location)
  if (policy !== 'noeviction' && policy !== '') {
    throw refusal('STORE_EVICTS', `Redis at ${location} throws data away when its memory is full (maxmemory-policy ${policy})`, 'set maxmemory-policy noeviction')
  }
  if (durability === 'memory') return
  if (!aof) {
    throw refusal('STORE_VOLATILE', `Redis at ${location} keeps nothing on disk (appendonly no)`, 'set appendonly yes, or accept to lose runs with ?durability=memory')
  }
  if (durability === 'fsync' && !canWaitAof({ product, version }) && appendfsync !== 'always') {
    const now = appendfsync === '' ? 'how it syncs cannot be asked' : `it has appendfsync ${appendfsync}`
    throw refusal('STORE_DURABILITY', `durability fsync is not to be had from ${product} ${version} at ${location}: ${now}`, 'set appendfsync always, or use Redis 7.2 or newer, or Valkey')
  }
}

function canWaitAof({ product, version }: Pick<Facts, 'product' | 'version'>): boolean {
  return product === 'Valkey' || atLeast(version, 7, 2)
}

/**
 * WAIT and WAITAOF speak of what their own connection wrote last, and that may be another one after a broken line: so a
 * small write goes before them. What comes later in the stream stands for all before it.
 */
function confirmation(connection: Connection, keys: Keys, facts: Facts, durability: Durability | undefined): Inspection['confirm'] {
  if (durability !== 'replica' && durability !== 'fsync') return undefined
  if (durability === 'fsync' && facts.appendfsync === 'always') return undefined
  if (connection.isCluster) {
    throw refusal('STORE_DURABILITY', `durability ${durability} cannot be confirmed over a Cluster`, 'leave it out: each node then keeps what its own appendfsync says')
  }
  const [command, ...args] = durability === 'replica' ? ['WAIT', 1, CONFIRM_MS] as const : ['WAITAOF', 1, 0, CONFIRM_MS] as const
  return async () => {
    const [, reply] = await connection.together([['SET', `${keys.prefixes[0]}:sync`, '1'], [command, ...args]])
    const count = Number(Array.isArray(reply) ? reply[0] : reply)
    if (count >= 1) return
    const missing = durability === 'replica' ? 'no replica has confirmed it' : 'the disk has not confirmed it'
    throw refusal('STORE_UNCONFIRMED', `written to Redis at ${connection.location}, but ${missing} within ${CONFIRM_MS / 1000} s`, 'it is tried again; look at the replica or the disk')
  }
}

function checks(facts: Facts, durability: Durability | undefined): CheckResult[] {
  const { product, version, role, policy, aof, appendfsync } = facts
  const right = role === 'master'
  const evicts = policy !== 'noeviction' && policy !== ''
  return [
    { name: 'redis', ok: right, detail: `${product} ${version}, ${role}`, ...(right ? {} : { hint: 'name the primary' }) },
    { name: 'memory', ok: !evicts, detail: `maxmemory-policy ${policy || 'unknown'}`, ...(evicts ? { hint: 'set maxmemory-policy noeviction' } : {}) },
    { name: 'durability', ok: aof || durability === 'memory', detail: meaning(durability, aof, appendfsync), ...(aof || durability === 'memory' ? {} : { hint: 'set appendonly yes' }) },
  ]
}

/** What may be lost, in one line: `mag doctor` and `mag serve` say it. */
function meaning(durability: Durability | undefined, aof: boolean, appendfsync: string): string {
  const disk = aof ? `appendonly yes, appendfsync ${appendfsync || 'unknown'}` : 'appendonly no'
  if (durability === 'memory') return `memory (${disk}): everything may be lost when the server ends`
  if (durability === 'replica') return `replica (${disk}): nothing that was acknowledged is lost when the primary fails`
  if (durability === 'fsync' || appendfsync === 'always') return `fsync (${disk}): nothing that was acknowledged is lost in a power cut`
  return `${disk}: a power cut may lose about the last second, a failover what no replica had yet`
}
