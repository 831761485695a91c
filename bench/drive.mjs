// One workload for one engine in one process: node bench/drive.mjs <engine module> <w2|w3|w4|w5>; prints one JSON line.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const [, , module, work] = process.argv
const IN_FLIGHT = Number(process.env.IN_FLIGHT ?? 100)
const RUNS = Number(process.env.RUNS ?? 2000)
const SLEEPERS = Number(process.env.SLEEPERS ?? 10_000)

let onStep
let onDone
const hooks = { step: (id, step) => onStep?.(id, step), done: (id) => onDone?.(id) }
const { make } = await import(resolve(module))
const engine = await make(hooks, { C: IN_FLIGHT, work })
await engine.start?.()
const waiting = new Map()
onDone = (id) => {
  waiting.get(id)?.()
  waiting.delete(id)
}
let next = 0
const context = () => ({ order: 'o-4711', amount: 1250, currency: 'EUR', items: ['a', 'b', 'c'], n: 0 })

async function one(kind) {
  const id = `r${next++}`
  const done = new Promise((ok) => waiting.set(id, ok))
  await engine.submit(kind, id, context())
  await done
}

async function many(kind, count) {
  let left = count
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, count) }, async () => {
    while (left-- > 0) await one(kind)
  }))
}

const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * q)]
const rssKiB = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
const cpuMs = () => process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000
const settle = (ms) => new Promise((ok) => setTimeout(ok, ms))

const workloads = {
  async w2() {
    await many('chain5', 300)
    const start = performance.now()
    await many('chain5', RUNS)
    return { stepsPerSecond: Math.round((RUNS * 5) / ((performance.now() - start) / 1000)) }
  },
  async w3() {
    await one('chain50')
    const gaps = []
    let last = 0
    onStep = (_, step) => {
      const now = performance.now()
      if (step !== 0) gaps.push(now - last)
      last = now
    }
    for (let i = 0; i < 20; i++) await one('chain50')
    return { p50Ms: quantile(gaps, 0.5), p99Ms: quantile(gaps, 0.99) }
  },
  async w4() {
    await one('chain5')
    const times = []
    for (let i = 0; i < 3; i++) {
      const start = performance.now()
      await one('fan')
      times.push(performance.now() - start)
    }
    return { ms: quantile(times, 0.5) }
  },
  async w5() {
    await many('chain5', 200)
    globalThis.gc?.()
    const before = rssKiB()
    let asleep = 0
    const all = new Promise((ok) => {
      onStep = () => {
        if (++asleep === SLEEPERS) ok()
      }
    })
    let left = SLEEPERS
    await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
      while (left-- > 0) await engine.submit('sleep', `s${next++}`, context())
    }))
    await all
    await settle(2000)
    globalThis.gc?.()
    const kibPerSleeper = (rssKiB() - before) / SLEEPERS
    const [cpu, start] = [cpuMs(), performance.now()]
    await settle(4000)
    return { kibPerSleeper, idleCpuPercent: ((cpuMs() - cpu) / (performance.now() - start)) * 100 }
  },
}

const result = await workloads[work]()
console.log(JSON.stringify({ work, ...result }))
await Promise.race([engine.stop(), settle(3000)])
process.exit(0)
