/**
 * `npm run bench`: mag beside the reference engine and bare Node, alternating, medians, as ratios within the run. A shared
 * machine makes single numbers worthless; ratios of neighbours are not. ROUNDS, ONLY=w1,w2 narrow it.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = new URL('..', import.meta.url).pathname
const rounds = Number(process.env.ROUNDS ?? 5)
const only = process.env.ONLY?.split(',')
const scratch = mkdtempSync(join(tmpdir(), 'mag-bench-'))
const rows: string[][] = []

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
const round = (value: number, digits = 2): string => value.toFixed(digits)

function wanted(name: string): boolean {
  return !only || only.includes(name)
}

/** Wall time of one process in ms. */
function cold(args: string[], cwd: string): number {
  const start = performance.now()
  const { status, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
  const ms = performance.now() - start
  if (status !== 0) throw new Error(`${args.join(' ')} exited ${status}: ${stderr}`)
  return ms
}

function peakMiB(args: string[], cwd: string): number {
  // A waited-for child's peak is not in Node's own usage: the shell reads it from /proc while the child lives.
  const { stdout } = spawnSync('sh', ['-c', `"$0" "$@" >/dev/null 2>&1 & pid=$!; peak=0; while kill -0 $pid 2>/dev/null; do p=$(awk '/VmHWM/{print $2}' /proc/$pid/status 2>/dev/null); [ -n "$p" ] && peak=$p; done; echo $peak`, process.execPath, ...args], { cwd, encoding: 'utf8' })
  return Number(stdout) / 1024
}

function project(): string {
  const dir = join(scratch, 'project')
  mkdirSync(join(dir, 'workflows'), { recursive: true })
  mkdirSync(join(dir, 'workers'), { recursive: true })
  writeFileSync(join(dir, 'workflows/noop.yaml'), `steps:\n${[1, 2, 3, 4, 5].map((i) => `  - { id: s${i}, worker: noop${i} }\n`).join('')}`)
  for (const i of [1, 2, 3, 4, 5]) {
    writeFileSync(join(dir, `workers/noop${i}.ts`), `import { worker } from 'multiagents'\nexport default worker('noop${i}', async (context: { n: number }) => ({ n: context.n + 1 }))\n`)
  }
  return dir
}

function w1(): void {
  const dir = project()
  const mag = join(root, 'bin/mag')
  const run = [mag, 'run', 'noop', '-i', 'n:=0']
  for (let i = 0; i < 3; i++) cold(run, dir)
  const [node, runs, version]: [number[], number[], number[]] = [[], [], []]
  for (let i = 0; i < rounds * 4; i++) {
    node.push(cold(['-e', '0'], dir))
    runs.push(cold(run, dir))
    version.push(cold([mag, '--version'], dir))
  }
  const base = median(node)
  rows.push(['W1 `mag run`, five no-op TypeScript workers', `${round(median(runs), 1)} ms`, `node -e 0: ${round(base, 1)} ms`, `${round(median(runs) / base)} ×`, '≤ 2 ×'])
  rows.push(['`mag --version`', `${round(median(version), 1)} ms`, '', `${round(median(version) / base)} ×`, '≤ 1.5 ×'])
  rows.push(['W1 peak memory', `${round(Math.max(...[1, 2, 3].map(() => peakMiB(run, dir))), 1)} MiB`, '', '', '≤ 90 MiB'])
}

function drive(engine: string, work: string, env: Record<string, string>): Record<string, number> {
  const data = mkdtempSync(join(scratch, 'data-'))
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '--max-semi-space-size=1', join(root, 'bench/drive.mjs'), join(root, 'bench', engine), work].filter((arg) => work === 'w5' || arg !== '--max-semi-space-size=1'), {
    encoding: 'utf8', env: { ...process.env, ...env, DATA_DIR: data },
  })
  rmSync(data, { recursive: true, force: true })
  if (status !== 0) throw new Error(`${engine} ${work}: ${stderr}`)
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Record<string, number>
}

interface Compared {
  title: string
  work: string
  field: string
  unit: string
  goal: string
  env?: Record<string, string>
}

function compare({ title, work, field, unit, goal, env = {} }: Compared): number {
  const [ours, floor]: [number[], number[]] = [[], []]
  for (let i = 0; i < rounds; i++) {
    floor.push(drive('reference.mjs', work, env)[field] ?? Number.NaN)
    ours.push(drive('adapter.mjs', work, env)[field] ?? Number.NaN)
  }
  const digits = unit === 'steps/s' ? 0 : 2
  rows.push([title, `${round(median(ours), digits)} ${unit}`, `${round(median(floor), digits)} ${unit}`, `${round(median(ours) / median(floor))} ×`, goal])
  return median(ours)
}

try {
  if (wanted('w1')) w1()
  if (wanted('w2')) {
    compare({ title: 'W2, 100 in flight', work: 'w2', field: 'stepsPerSecond', unit: 'steps/s', goal: '≥ 0.4 ×' })
    compare({ title: 'W2, 1,000 in flight', work: 'w2', field: 'stepsPerSecond', unit: 'steps/s', goal: '≥ 0.4 ×', env: { IN_FLIGHT: '1000', RUNS: '4000' } })
    compare({ title: 'W2, 100 in flight, 0–5 ms jitter', work: 'w2', field: 'stepsPerSecond', unit: 'steps/s', goal: '≥ 0.4 ×', env: { JITTER_MS: '5', RUNS: '1000' } })
    compare({ title: 'W2, 1,000 in flight, 0–5 ms jitter', work: 'w2', field: 'stepsPerSecond', unit: 'steps/s', goal: '≥ 0.4 ×', env: { IN_FLIGHT: '1000', RUNS: '4000', JITTER_MS: '5' } })
  }
  if (wanted('w3')) compare({ title: 'W3 step p50, one run', work: 'w3', field: 'p50Ms', unit: 'ms', goal: '≤ 1.5 ×' })
  if (wanted('w4')) {
    const thousand = compare({ title: 'W4, 1,000 branches and a join', work: 'w4', field: 'ms', unit: 'ms', goal: '≤ 5 ×' })
    const more = compare({ title: 'W4, 9,999 branches and a join', work: 'w4', field: 'ms', unit: 'ms', goal: '', env: { FAN: '9999' } })
    rows.push(['W4, 9,999 against 1,000', '', '', `${round(more / thousand)} ×`, '≤ 30 ×'])
  }
  if (wanted('w5')) {
    compare({ title: 'W5 memory a sleeper, 10,000', work: 'w5', field: 'kibPerSleeper', unit: 'KiB', goal: '≤ 3 KiB' })
    compare({ title: 'W5 idle CPU', work: 'w5', field: 'idleCpuPercent', unit: '%', goal: '≤ 0.5 %' })
  }
  const header = ['workload', 'mag', 'reference', 'ratio', 'goal']
  for (const row of [header, header.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
