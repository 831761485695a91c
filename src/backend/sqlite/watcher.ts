/** Notices other connections' commits by polling SQLite's own counter (a few microseconds a look); silent while nobody listens. */
import type { Writer } from './writer.ts'

const POLL_MS = 50
const JITTER_MS = 50

export class Watcher {
  readonly #writer: Writer
  readonly #listeners = new Set<{ listener: () => void }>()
  #timer: NodeJS.Timeout | undefined
  #version: unknown
  #jitter: number

  constructor(writer: Writer) {
    this.#writer = writer
    this.#jitter = Math.trunc(writer.now()) >>> 0
  }

  add(listener: () => void): () => void {
    const entry = { listener }
    if (this.#listeners.size === 0) this.#version = this.#look()
    this.#listeners.add(entry)
    this.#schedule()
    return () => {
      this.#listeners.delete(entry)
    }
  }

  #schedule(): void {
    if (this.#timer || this.#listeners.size === 0) return
    // Processes that were started together must not look together for ever.
    this.#jitter = (Math.imul(this.#jitter, 1_664_525) + 1_013_904_223) >>> 0
    this.#timer = setTimeout(this.#poll, POLL_MS + ((this.#jitter >>> 16) % JITTER_MS)).unref()
  }

  readonly #poll = (): void => {
    this.#timer = undefined
    const version = this.#look()
    if (version !== undefined && version !== this.#version) {
      this.#version = version
      for (const { listener } of this.#listeners) listener()
    }
    this.#schedule()
  }

  #look(): unknown {
    try {
      return this.#writer.db.isOpen ? this.#writer.statement('PRAGMA data_version').get()?.['data_version'] : undefined
    } catch {
      // Only a hint: whoever reads or writes next will meet the fault and report it.
      return undefined
    }
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#listeners.clear()
  }
}
