/** What Redis, TLS and the network complain about, in words that say what to do. No message holds a password. */
import { MagError } from '../../model/error.ts'

export function refusal(code: string, message: string, hint: string, cause?: unknown): MagError {
  return new MagError(code, message, { hint, exitCode: 7, ...(cause === undefined ? {} : { cause }) })
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** The connection is gone, or the server says that it will be ready later: the same operation may be sent again. */
export function isPassing(error: unknown): boolean {
  if (error instanceof MagError) return false
  if (/^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_)/.test(codeOf(error))) return true
  const text = textOf(error)
  return /Connection is closed|max retries per request|connection close|writeable|Command timed out|timed out|ClusterAllFailed|Failed to refresh slots|All sentinels/i.test(text)
    || /^(LOADING|BUSY|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|READONLY|UNBLOCKED|NOREPLICAS)\b/.test(text) || isStartOfFailover(text)
}

function isStartOfFailover(text: string): boolean {
  return /^(MOVED|ASK) /.test(text) || /Too many Cluster redirections/.test(text)
}

export function isNoScript(error: unknown): boolean {
  return textOf(error).startsWith('NOSCRIPT')
}

export function isFull(error: unknown): boolean {
  return /\bOOM\b/.test(textOf(error))
}

const TLS = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO|HOSTNAME_MISMATCH)/

/** Turns what was thrown into a refusal; faults of mag's own scripts pass as STORE_IO with Redis' words. */
export function toRefusal(error: unknown, location: string): MagError {
  if (error instanceof MagError) return error
  const text = textOf(error)
  const code = codeOf(error)
  if (/^(WRONGPASS|NOAUTH|ERR invalid password|ERR AUTH|WRONGPASS)/.test(text)) {
    return refusal('STORE_AUTH', `Redis at ${location} does not accept this user and password`, 'check user and password in --store, MAG_STORE or mag.config.yaml', error)
  }
  if (text.startsWith('NOPERM')) {
    return refusal('STORE_DENIED', `the Redis user may not do what mag needs at ${location}: ${text.slice(7, 160)}`, 'give it the rules in docs/redis.md, "A user of its own"', error)
  }
  if (TLS.test(code) || /wrong version number|altname|certificate/i.test(text)) {
    return refusal('STORE_TLS', `no trusted TLS connection to ${location}: ${text.slice(0, 160)}`, 'check rediss:// or redis://, the host\'s name in the certificate, and ?ca=<file> for a CA of your own', error)
  }
  if (/Unknown RESP type|Protocol error/i.test(text)) {
    return refusal('STORE_NOT_REDIS', `what answers at ${location} is not a Redis`, 'check host and port', error)
  }
  if (isFull(error)) return refusal('STORE_FULL', `the memory of Redis at ${location} is full`, 'raise maxmemory or remove old runs; what was acknowledged is safe', error)
  if (text.startsWith('READONLY')) return replicaRefusal(location, error)
  if (/^MISCONF/.test(text)) return refusal('STORE_IO', `Redis at ${location} cannot write to its disk`, 'look into the log of the Redis server', error)
  if (isPassing(error)) return unreachable(location, error)
  return refusal('STORE_IO', `Redis at ${location} failed: ${text.slice(0, 200)}`, 'mag doctor', error)
}

export function unreachable(location: string, cause: unknown): MagError {
  const code = codeOf(cause)
  const reason = code === 'ECONNREFUSED' ? 'connection refused' : code === 'ENOTFOUND' ? 'no such host' : textOf(cause).slice(0, 120) || 'no answer'
  return refusal('STORE_UNREACHABLE', `cannot reach Redis at ${location} (${reason})`, 'is it running there? Look with: mag doctor', cause)
}

export function replicaRefusal(location: string, cause?: unknown): MagError {
  return refusal('STORE_REPLICA', `Redis at ${location} is a replica: it takes no writes`, 'name the primary, or use redis+sentinel://', cause)
}

export function changedRefusal(location: string): MagError {
  const hint = 'nothing more is written by this process; look at the server\'s data first, then start again'
  return refusal('STORE_CHANGED', `Redis at ${location} does not know this process any more: it was emptied, or came back from an older copy`, hint)
}
