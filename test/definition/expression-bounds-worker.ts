/** Evaluates expensive expressions one after the other in a thread whose memory is limited, and tells what became of each. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { createExpressions } from '../../src/definition/expression.ts'
import type { Json } from '../../src/model/json.ts'

export interface Outcome {
  name: string
  cpuMs: number
  error: string | undefined
}

export interface Measured {
  /** Of the heap before the first expression, data and library included. */
  baseMb: number
  outcomes: Outcome[]
}

const map = (keys: number): Json => Object.fromEntries(Array.from({ length: keys }, (_, i) => [`key${i}`, i]))
const numbers = (length: number): number[] => Array.from({ length }, (_, i) => i)

function inputs(): Json {
  return {
    n200: numbers(200), n1000: numbers(1000), n100k: numbers(100_000), text: 'a'.repeat(1_000_000), ab: 'ab'.repeat(500), csv: 'ab,'.repeat(300_000),
    map100k: map(100_000), maps: Array.from({ length: 300 }, () => map(100)), listOfMap: [map(50_000)], evil: `${'a'.repeat(30)}!`,
    texts: Array.from({ length: 40 }, (_, i) => `${'x'.repeat(100_000)}${i}`), when: '2026-01-03T14:56:32Z', json: `[${'1,'.repeat(200_000)}1]`,
    deep: JSON.parse('['.repeat(150) + ']'.repeat(150)) as Json,
  }
}

/** `cel.bind(a, …, cel.bind(a, …, …))`: each step makes the next value of the one before. */
function chain(first: string, step: string, end: string): string {
  return `cel.bind(a, ${first}, ${`cel.bind(a, ${step}, `.repeat(30)}${end}${')'.repeat(31)}`
}

/** Name, expression, and whether it is to be refused. */
export const EXPENSIVE: ReadonlyArray<readonly [string, string, 'refused' | 'done']> = [
  ['nested maps', 'inputs.n200.map(a, inputs.n200.map(b, inputs.n200.map(c, a + b + c)))', 'refused'],
  ['nested all', 'inputs.n200.all(a, inputs.n200.all(b, inputs.n200.all(c, a + b + c >= 0)))', 'refused'],
  ['nested exists_one', 'inputs.n1000.exists_one(x, inputs.n1000.exists_one(y, x == y))', 'refused'],
  ['nested filter', 'inputs.n1000.filter(x, inputs.n1000.filter(y, x == y).size() == 1)', 'refused'],
  ['a map over a hundred thousand', 'inputs.n100k.map(a, a + 1)', 'done'],
  ['objects by the hundred thousand', 'inputs.n100k.map(a, {"a": a})', 'refused'],
  ['lists by the million', 'inputs.n1000.map(b, inputs.n1000.map(a, [a]))', 'refused'],
  ['texts by the million', 'inputs.n1000.map(b, inputs.n1000.map(a, "x" + string(a)))', 'refused'],
  ['doubling of a text', chain('"xxxxxxxx"', 'a + a', 'a'), 'refused'],
  ['doubling of a text that is not used', chain('"xxxxxxxx"', 'a + a', 'size(a)'), 'refused'],
  ['doubling of a list', chain('[1, 2, 3, 4]', 'a + a', 'size(a)'), 'refused'],
  ['doubling of bytes', chain('bytes("xxxxxxxxxxxxxxxxxxxxxxxx")', 'a + a', 'a.size()'), 'refused'],
  ['a list of itself', chain('[1]', '[a, a]', 'a'), 'refused'],
  ['a map of itself', chain('{"a": 1}', '{"a": a, "b": a}', 'a'), 'refused'],
  ['a map of itself as text', chain('{"a": 1}', '{"a": a, "b": a}', 'toJson(a)'), 'refused'],
  ['equality of two such lists', `cel.bind(b, ${chain('[1]', '[a, a]', 'a')}, ${chain('[1]', '[a, a]', 'a == b')})`, 'refused'],
  ['numbers that grow', chain('9', 'a * a', 'a'), 'refused'],
  ['a hundred million concatenations', 'inputs.n1000.map(a, inputs.n1000.map(b, inputs.n1000.map(c, string(a) + string(b) + string(c))))', 'refused'],
  ['a catastrophic pattern', 'inputs.evil.matches("^(a+)+$")', 'done'],
  ['a catastrophic pattern on a long text', 'inputs.text.matches("(a+)+$")', 'refused'],
  ['nested repetitions', 'inputs.evil.matches("(?:(?:(?:a?){10}){10}){10}z")', 'refused'],
  ['a pattern of many states', 'inputs.ab.matches("(?:a?){60}a{60}z")', 'done'],
  ['a pattern of too many states', 'inputs.ab.matches("(?:a?){300}a{300}z")', 'refused'],
  ['many patterns', 'inputs.n1000.all(x, "a".matches("(?:(?:a{10}){10}){9}" + string(x)) || true)', 'refused'],
  ['one pattern, many texts', 'inputs.n1000.all(x, inputs.ab.matches("[a-z]*x[a-z]*y") || true)', 'refused'],
  ['a search that compares much', 'inputs.n1000.all(x, !inputs.text.contains("aaaaaaaaaaaaaaaaaaaaaaaaaaaab"))', 'refused'],
  ['a split into all letters', 'inputs.text.split("")', 'refused'],
  ['a split and a join', 'inputs.csv.split(",").join("--------------------------------")', 'refused'],
  ['sorting long texts', 'inputs.n1000.map(x, inputs.texts.sort())', 'refused'],
  ['comparing long texts', 'inputs.n1000.all(z, inputs.texts.all(x, inputs.texts.all(y, x == y || true)))', 'refused'],
  ['ordering long texts', 'inputs.n1000.all(z, inputs.texts.all(x, inputs.texts.all(y, x < y || true)))', 'refused'],
  ['long texts as keys', 'inputs.n1000.all(x, !((inputs.text + string(x)) in inputs.map100k))', 'refused'],
  ['the size of a large map', 'size(inputs.map100k)', 'done'],
  ['the size of a large map, often', 'inputs.n1000.all(x, size(inputs.map100k) > 0)', 'refused'],
  ['a large map in a list, asked for its type', 'inputs.n1000.all(x, size(inputs.listOfMap) == 1)', 'done'],
  ['a member of a large map, often', 'inputs.n1000.all(x, inputs.map100k.key5 == 5)', 'done'],
  ['equality of large maps', 'inputs.n1000.all(x, inputs.map100k == inputs.map100k.map(k, k))', 'refused'],
  ['equality of many maps', 'inputs.maps.all(m, inputs.maps.all(o, o == m))', 'refused'],
  ['copies of many maps', 'inputs.maps.map(m, m.map(k, m[k]))', 'done'],
  ['many maps as text', 'inputs.n1000.map(x, toJson(inputs.maps))', 'refused'],
  ['a deep list, often', 'inputs.n1000.map(x, inputs.deep)', 'refused'],
  ['errors that are swallowed', 'inputs.n100k.exists(x, x.y)', 'refused'],
  ['errors that do not matter', 'inputs.n100k.all(x, x.y || true)', 'refused'],
  ['what is missing, often', 'inputs.n100k.map(x, [1][?5].orValue(x))', 'refused'],
  ['time zones', 'inputs.n100k.map(x, timestamp(inputs.when).getHours("Europe/Berlin"))', 'refused'],
  ['times', 'inputs.n100k.map(x, timestamp(inputs.when))', 'refused'],
  ['durations', 'inputs.n100k.map(x, duration("1h1m1s1ms1us1ns"))', 'refused'],
  ['a long JSON text', 'bytes(inputs.json).json()', 'done'],
  ['a long text in another form', 'inputs.n1000.map(x, bytes(inputs.text).base64())', 'refused'],
  ['long texts, often', 'inputs.n1000.map(x, inputs.text.lower())', 'refused'],
  ['membership in a long list', 'inputs.n100k.all(x, x in inputs.n100k)', 'refused'],
  ['sums of a long list', 'inputs.n1000.map(x, inputs.n100k.sum())', 'refused'],
]

if (!isMainThread && (workerData as { job?: string } | null)?.job === 'expression-bounds') {
  const expressions = createExpressions()
  const scope = { inputs: inputs() }
  const baseMb = process.memoryUsage().heapUsed / 1e6
  const outcomes = EXPENSIVE.map(([name, src]): Outcome => {
    const before = process.threadCpuUsage()
    let error: string | undefined
    try {
      expressions.compile(src).evaluate(scope)
    } catch (thrown) {
      error = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
    }
    const { user, system } = process.threadCpuUsage(before)
    return { name, cpuMs: (user + system) / 1000, error }
  })
  parentPort?.postMessage({ baseMb, outcomes } satisfies Measured)
}
