/** Names and ids by allow-list (LANGUAGE.md sections 1, 2 and 6). */
export const WORKFLOW_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/
export const STEP_ID = /^[A-Za-z][A-Za-z0-9_]{0,63}$/
export const WORKER_NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/
export const RUN_ID = /^TX-\d{8}-\d{6}-[0-9a-z]{6,32}$/
/** What may be typed where an id is expected: a prefix of one, in either case. */
export const RUN_ID_PREFIX = /^[A-Za-z0-9-]{1,64}$/
/** Idempotency keys of `--id`: printable, no spaces or slashes. */
export const RUN_KEY = /^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$/

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz'

/** `TX-20260103-145632-k3f9q2ab`: UTC time and `random` bytes as base-36 letters. */
export function makeRunId(now: number, random: Uint8Array): string {
  const iso = new Date(now).toISOString()
  const date = iso.slice(0, 10).replaceAll('-', '')
  const time = iso.slice(11, 19).replaceAll(':', '')
  let suffix = ''
  for (const byte of random) suffix += LETTERS[byte % 36]
  return `TX-${date}-${time}-${suffix}`
}

