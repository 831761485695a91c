/**
 * Where things are. Every key begins with a partition's prefix `mag:{<namespace>:<partition>}`, so that everything of one
 * run is in one slot of a Cluster. Scripts are given prefixes and derive the rest of each key from them:
 *
 *   :r:<run>      hash    the run's record
 *   :h:<run>      list    history: a commit of n events is its JSON and n - 1 empty texts, so that LLEN is the last seq
 *   :i:<run>      zset    inbox: `<id> <message>` by id
 *   :t:<run>      hash    queued and held tasks: `<token>` is the task, `<token>:m` where it waits or who holds it
 *   :l:<run>      list    log lines
 *   :o            hash    processes that may own something here: the epoch, or `!` once they may not write any more
 *   :own:<owner>  zset    open runs of an owner (`-`: nobody's) by wakeAt, `inf` where there is none
 *   :told:<owner> zset    those of them with unhandled messages, by the first message's id
 *   :s:<state>    zset    runs by createdAt
 *   :ids          zset    run ids in the order of their letters
 *   :q:<n>:<queue>:<worker>  zset  tasks that wait, in the order in which they are taken
 *   :held         zset    tasks that are held, by the end of their lease
 *   :k:<key>      string  the run that has an idempotency key
 *   :v:<run>      string  a run that never came to be and never will: another has its key
 *   :kids:<run>   zset    runs of this partition whose parent it is, by createdAt
 *   :slot:<key>   hash    holders of a key's slots: `<run>/<path>` is `<number> <since>`
 *   :slots:<run>  set     keys of this partition of which the run holds a slot
 *   :val:<key>    string  a value that runs share: `<version> <end or -> <JSON>`
 *   :d:<hash>     string  a definition
 *   :op:<caller>  string  the last operation of a caller and its answer: what is sent again is not done again
 *   :n            string  the last number given in this partition
 *
 * In partition 0 only: `:p` (zset of process ids by epoch), `:p:<id>` (hash), `:handle` (how many handles there were), `:sync` (written before WAIT).
 */
export interface Keys {
  readonly partitions: number
  /** Index to prefix. */
  readonly prefixes: readonly string[]
  readonly channel: string
  /** The partition of anything that is found by its name. */
  partitionOf(name: string): number
}

export const PARTITIONS = 16

export function createKeys(namespace: string, partitions = PARTITIONS): Keys {
  const width = String(partitions - 1).length
  const prefixes = Array.from({ length: partitions }, (_, index) => `mag:{${namespace}:${String(index).padStart(width, '0')}}`)
  return { partitions, prefixes, channel: `mag:{${namespace}}:hint`, partitionOf: (name) => hash(name) % partitions }
}

/** FNV-1a with a last stir: neighbouring ids must not fall into the same partition. Never to be changed: it is where the data is. */
function hash(name: string): number {
  let sum = 0x811c9dc5
  for (let index = 0; index < name.length; index++) sum = Math.imul(sum ^ name.charCodeAt(index), 0x01000193)
  sum = Math.imul(sum ^ (sum >>> 15), 0x2c1b3c6d)
  return (sum ^ (sum >>> 12)) >>> 0
}
