/** What the parts of one handle share. */
import type { Now } from '../backend.ts'
import type { Connection, Reply, Script } from './connection.ts'
import type { Keys } from './keys.ts'
import type { Lanes } from './lanes.ts'

export interface Store {
  readonly connection: Connection
  readonly keys: Keys
  readonly lanes: Lanes
  /** Undefined: the server's clock. */
  readonly now: Now | undefined
}

export function nowText({ now }: Store): string {
  return now === undefined ? '' : String(now())
}

/** A reading script over all partitions: one call, or in a Cluster one for each. */
export async function everywhere(store: Store, code: Script, args: ReadonlyArray<string | number>): Promise<Reply[]> {
  const { connection, keys } = store
  const groups = connection.isCluster ? keys.prefixes.map((prefix) => [prefix]) : [keys.prefixes]
  const replies = await Promise.all(groups.map((prefixes) => connection.run(code, prefixes, args)))
  return replies.flatMap((reply) => (Array.isArray(reply) ? reply : []))
}

export function prefixOf({ keys }: Store, name: string): string {
  return keys.prefixes[keys.partitionOf(name)] ?? ''
}
