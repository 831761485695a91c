/** A TCP proxy on loopback that can cut connections at the worst moment: after the request went on, before the reply came back. */
import { createServer, connect, type Socket } from 'node:net'

export interface Proxy {
  readonly port: number
  /** How many replies were swallowed with their connection. */
  readonly cuts: number
  /** Every n-th reply is cut, from now on; 0: none. */
  cutEvery(n: number): void
  /** Nothing passes in either direction, and nothing is closed. */
  freeze(frozen: boolean): void
  close(): void
}

export async function startProxy(target: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  let [every, replies, cuts, frozen] = [0, 0, 0, false]
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (data) => frozen || upstream.write(data))
    upstream.on('data', (data) => {
      if (frozen) return
      replies += 1
      if (every === 0 || replies % every !== 0) return void client.write(data)
      cuts += 1
      client.destroy()
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: address && typeof address === 'object' ? address.port : 0,
    get cuts() {
      return cuts
    },
    cutEvery(n) {
      every = n
      replies = 0
    },
    freeze(now) {
      frozen = now
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
