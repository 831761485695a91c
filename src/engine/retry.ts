import type { RetryPolicy } from '../model/definition.ts'

/** Spread of a jittered delay around the computed one: a fifth to either side. */
const JITTER = 0.2

/**
 * Milliseconds before the try after `failures` failed ones (1 or more). Jitter comes from a hash of the key, never from
 * a random source, so that a replay gives the same delay.
 */
export function retryDelay(policy: RetryPolicy, failures: number, key: string): number {
  const base = Math.min(policy.maxDelayMs, policy.delayMs * growth(policy, failures))
  if (!policy.jitter) return Math.round(base)
  const fraction = hash(`${key}#${failures}`) / 0x1_0000_0000
  return Math.min(policy.maxDelayMs, Math.round(base * (1 - JITTER + 2 * JITTER * fraction)))
}

function growth(policy: RetryPolicy, failures: number): number {
  switch (policy.backoff) {
    case 'fixed':
      return 1
    case 'linear':
      return failures
    case 'exponential':
      return policy.factor ** (failures - 1)
  }
}

/** FNV-1a, 32 bits, with a final mix (murmur3's) because its high bits are poor for short keys. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
