/**
 * Hints from handle to handle over one channel. They carry the sender's name and nothing else, they may be lost, and a busy
 * sender gives few of them: who listens looks for itself, and looks now and then even without a hint.
 */
import type { Client, Connection } from './connection.ts'

/** A handle that commits all the time gives a hint this often. */
const EVERY_MS = 20
/** The listening connection must show that it lives. */
const PING_MS = 10_000
const PONG_MS = 5_000

export class Hints {
  readonly #connection: Connection
  readonly #channel: string
  readonly #handle: string
  readonly #listeners = new Set<{ listener: () => void }>()
  #subscriber: Client | undefined
  #quiet: NodeJS.Timeout | undefined
  #owing = false
  #pulse: NodeJS.Timeout | undefined

  constructor(options: { connection: Connection; channel: string; handle: string }) {
    this.#connection = options.connection
    this.#channel = options.channel
    this.#handle = options.handle
  }

  /** To be called after anything that others may wait for. */
  give(): void {
    if (this.#quiet) {
      this.#owing = true
      return
    }
    this.#publish()
    this.#quiet = setTimeout(() => {
      this.#quiet = undefined
      if (!this.#owing) return
      this.#owing = false
      this.give()
    }, EVERY_MS)
  }

  #publish(): void {
    if (this.#connection.closed) return
    // Lost hints are made good by looking.
    this.#connection.client.publish(this.#channel, this.#handle).catch(() => undefined)
  }

  add(listener: () => void): () => void {
    const entry = { listener }
    this.#listeners.add(entry)
    this.#subscribe()
    return () => {
      this.#listeners.delete(entry)
    }
  }

  #subscribe(): void {
    if (this.#subscriber || this.#connection.closed) return
    const subscriber = this.#connection.listener()
    this.#subscriber = subscriber
    subscriber.on('message', (_channel: string, from: string) => {
      if (from !== this.#handle) this.#tell()
    })
    // What was said before, or while the connection was down, was not heard.
    subscriber.on('ready', () => void subscriber.subscribe(this.#channel).then(() => this.#tell(), () => undefined))
    subscriber.on('error', () => undefined)
    subscriber.connect().catch(() => undefined)
    this.#pulse = setInterval(() => this.#ping(subscriber), PING_MS)
    this.#pulse.unref()
  }

  #ping(subscriber: Client): void {
    const timer = setTimeout(() => subscriber.disconnect(true), PONG_MS)
    subscriber.ping().then(() => clearTimeout(timer), () => clearTimeout(timer))
  }

  #tell(): void {
    for (const { listener } of [...this.#listeners]) if (this.#listeners.size > 0) listener()
  }

  close(): void {
    this.#listeners.clear()
    clearTimeout(this.#quiet)
    this.#quiet = undefined
    if (this.#owing) this.#publish()
    clearInterval(this.#pulse)
    this.#subscriber?.disconnect()
  }
}
