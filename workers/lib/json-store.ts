/**
 * A small store for the samples: a value in memory, or in a JSON file where an environment variable names one. Updates
 * are one after another, also between processes (a lock file), and the file is always whole (written beside, renamed).
 */
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'

const LOCK_WAIT_MS = 10_000
const LOCK_LOOK_MS = 5

export interface JsonStore<T> {
  /** As it is now; not to be altered. */
  read(): Promise<T>
  /** `change` may alter the value it is given; what it returns is returned. If it throws, it must not have altered anything yet. */
  update<R>(change: (value: T) => R): Promise<R>
}

export function jsonStore<T>(variable: string, initial: () => T): JsonStore<T> {
  const memory = initial()
  let last: Promise<unknown> = Promise.resolve()

  const load = async (file: string | undefined): Promise<T> => {
    if (!file) return memory
    let text: string
    try {
      text = await readFile(file, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return initial()
      throw error
    }
    try {
      return JSON.parse(text) as T
    } catch {
      throw Object.assign(new Error(`${file}, which ${variable} names, is not JSON`), { code: 'INVALID_FILE', retryable: false })
    }
  }

  const change = async <R>(apply: (value: T) => R): Promise<R> => {
    const file = process.env[variable]
    const unlock = file ? await lock(`${file}.lock`) : undefined
    try {
      const value = await load(file)
      const result = apply(value)
      if (file) await replace(file, `${JSON.stringify(value, null, 2)}\n`)
      return result
    } finally {
      await unlock?.()
    }
  }

  return {
    read: () => load(process.env[variable]),
    update<R>(apply: (value: T) => R): Promise<R> {
      // One at a time in this process; the lock file is for the others.
      const mine = last.then(() => change(apply))
      last = mine.catch(() => undefined)
      return mine
    },
  }
}

async function replace(file: string, text: string): Promise<void> {
  const beside = `${file}.${process.pid}.new`
  await writeFile(beside, text)
  await rename(beside, file)
}

/** Returns the way to unlock. The file holds its owner's process id: a dead owner's lock is removed. */
async function lock(file: string): Promise<() => Promise<void>> {
  const until = performance.now() + LOCK_WAIT_MS
  while (!(await create(file))) {
    const owner = await ownerOf(file)
    if (owner !== undefined && !isAlive(owner)) await breakLock(file)
    else if (performance.now() > until) throw new Error(`${file} is held by process ${owner ?? 'unknown'}; remove it if that is over`)
    else await pause(LOCK_LOOK_MS)
  }
  return () => rm(file, { force: true })
}

/** One breaker at a time, who looks again: otherwise a second one would remove the lock that the first has just made. */
async function breakLock(file: string): Promise<void> {
  const breaker = `${file}.break`
  if (!(await create(breaker))) return pause(LOCK_LOOK_MS)
  try {
    const owner = await ownerOf(file)
    if (owner !== undefined && !isAlive(owner)) await rm(file, { force: true })
  } finally {
    await rm(breaker, { force: true })
  }
}

async function create(file: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx')
    await handle.writeFile(String(process.pid))
    await handle.close()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function ownerOf(file: string): Promise<number | undefined> {
  const pid = Number(await readFile(file, 'utf8').catch(() => ''))
  return Number.isInteger(pid) && pid > 0 ? pid : undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
