/** `npm run fault:redis [kills] [seed]`: the long form of the chaos test; prints its verdict as JSON and ends with 1 where a promise broke. */
import { chaos } from './redis-chaos.ts'

const kills = Number(process.argv[2] ?? 500)
const seed = Number(process.argv[3] ?? 1)
const verdict = await chaos({ runs: Math.max(20, kills * 2), kills, seed, log: (line) => console.error(line) })
console.log(JSON.stringify(verdict, null, 2))
const broken = verdict.lost.length + verdict.stuck.length + verdict.doubleCommitted.length + verdict.effectsMissing.length
process.exitCode = broken > 0 ? 1 : 0
