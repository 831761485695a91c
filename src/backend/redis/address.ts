/**
 * Addresses of stores:
 *   redis://[user:password@]host[:6379][/db]            rediss:// the same over TLS
 *   redis+sentinel://[user:password@]host[:26379],host…/master[/db]
 *   redis+cluster://[user:password@]host[:6379],host…
 * with `?namespace=…`, `?durability=fsync|replica|memory` and, for TLS, `?ca=<file>`; `?tls=true` where the scheme does not say it.
 */
import { MagError } from '../../model/error.ts'

export type Durability = 'fsync' | 'replica' | 'memory'

export interface Address {
  kind: 'single' | 'sentinel' | 'cluster'
  hosts: Array<{ host: string; port: number }>
  /** Sentinel's name of the master. */
  master: string
  username: string | undefined
  password: string | undefined
  db: number
  tls: boolean
  ca: string | undefined
  namespace: string | undefined
  /** Undefined: as the server is configured, with a warning where that may lose something. */
  durability: Durability | undefined
  /** For people: without user and password. */
  location: string
}

const EXAMPLES = 'for example redis://127.0.0.1:6379, rediss://user:password@host, redis+sentinel://a,b,c/mymaster or redis+cluster://a,b,c'
const PATTERN = /^(redis|rediss|redis\+sentinel|redis\+cluster):\/\/(?:([^@/?#]*)@)?([^/?#@]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/i
const NAMESPACE = /^[A-Za-z0-9@][A-Za-z0-9._@/-]{0,99}$/
const KNOWN = ['namespace', 'durability', 'ca', 'tls']

export function isRedisAddress(text: string): boolean {
  return /^(redis|rediss|redis\+sentinel|redis\+cluster):/i.test(text)
}

export function parseAddress(text: string): Address {
  const match = PATTERN.exec(text)
  if (!match) throw wrong('is not the address of a Redis')
  const [, scheme = '', login = '', hostList = '', path = '', query = ''] = match
  const kind = /sentinel/i.test(scheme) ? 'sentinel' : /cluster/i.test(scheme) ? 'cluster' : 'single'
  const settings = new URLSearchParams(query)
  for (const name of settings.keys()) if (!KNOWN.includes(name)) throw wrong(`has an unknown setting "${name}"`, `known are ${KNOWN.join(', ')}`)
  const parts = path === '' ? [] : path.split('/').map(decoded)
  const master = kind === 'sentinel' ? (parts.shift() ?? '') : ''
  if (kind === 'sentinel' && master === '') throw wrong('does not say the master\'s name')
  const hosts = hostList.split(',').map((host) => hostOf(host, kind === 'sentinel' ? 26_379 : 6_379))
  if (kind === 'single' && hosts.length > 1) throw wrong('names several hosts', 'write redis+sentinel:// or redis+cluster://')
  const user = /^([^:]*)(?::(.*))?$/s.exec(login)
  const shown = hosts.map(({ host, port }) => `${host}:${port}`).join(',')
  return {
    kind, hosts, master, db: dbOf(kind, parts), username: decoded(user?.[1] ?? '') || undefined, password: user?.[2] === undefined ? undefined : decoded(user[2]),
    tls: /^rediss$/i.test(scheme) || settings.get('tls') === 'true', ca: settings.get('ca') ?? undefined,
    namespace: namespaceOf(settings.get('namespace')), durability: durabilityOf(settings.get('durability')),
    location: `${scheme.toLowerCase()}://${shown}${path === '' ? '' : `/${path}`}`,
  }
}

function hostOf(text: string, otherwise: number): { host: string; port: number } {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(text)
  const port = Number(match?.[2] ?? otherwise)
  if (!match || port < 1 || port > 65_535) throw wrong('has no usable host and port')
  return { host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port }
}

function dbOf(kind: Address['kind'], parts: string[]): number {
  const [text = '0', ...more] = parts
  if (more.length > 0 || !/^\d{1,5}$/.test(text)) throw wrong('ends in something that is no database number')
  if (kind === 'cluster' && text !== '0') throw wrong('names a database, and a Cluster has only one')
  return Number(text)
}

function namespaceOf(text: string | null): string | undefined {
  if (text === null) return undefined
  if (!NAMESPACE.test(text)) throw wrong('has a namespace that is not letters, digits and . _ @ / -')
  return text
}

function durabilityOf(text: string | null): Durability | undefined {
  if (text === null || text === 'fsync' || text === 'replica' || text === 'memory') return text ?? undefined
  throw wrong(`asks for the durability "${text}"`, 'known are fsync, replica, memory')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw wrong('holds a % that is not followed by two hexadecimal digits', 'write %25 for % itself')
  }
}

/** Never quotes the address: it may hold a password. */
function wrong(what: string, hint = EXAMPLES): MagError {
  return new MagError('STORE_URL', `the store's address ${what}`, { hint })
}
