/** `node bench/types.ts`: `mag validate` of 100 workflows and 300 workers, without caches and with them. Median of ROUNDS. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = new URL('..', import.meta.url).pathname
const rounds = Number(process.env.ROUNDS ?? 7)
const WORKFLOWS = 100
const WORKERS = 300
/** Of issue and docs/types.md. */
const LIMIT_MS = 2_000

function makeProject(): string {
  const dir = mkdtempSync(join(tmpdir(), 'mag-types-'))
  for (const folder of ['workers', 'workflows']) mkdirSync(join(dir, folder))
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }\n')
  for (let i = 0; i < WORKERS; i++) {
    writeFileSync(join(dir, `workers/w${i}.ts`), `import { worker } from 'multiagents'
interface Order { id: string; items: Array<{ sku: string; quantity: number }>; note?: string; total: number | null }
export default worker('w${i}', async ({ order, n }: { order: Order; n: number }) => ({
  ok: true, order, n: n + 1, result_${i}: order.items.map(({ sku }) => ({ sku, at: new Date() })), status: order.total === null ? ('free' as const) : ('paid' as const),
}))
`)
  }
  for (let i = 0; i < WORKFLOWS; i++) {
    const worker = (step: number) => (i * 3 + step) % WORKERS
    const steps = [0, 1, 2, 3, 4, 5].map((step) => `  - id: s${step}
    worker: w${worker(step)}
    if: inputs.n > ${step}${step > 0 ? ` && steps.s${step - 1}.?output.?status.orValue('free') != 'paid'` : ''}
    with: { order: "\${{ inputs.order }}", n: "\${{ inputs.n + ${step} }}" }
`)
    writeFileSync(join(dir, `workflows/f${i}.yaml`), `inputs:\n  order: { type: object }\n  n: { type: number }\noutputs:\n  last: "\${{ steps.s5.output.result_${worker(5)} }}"\nsteps:\n${steps.join('')}`)
  }
  return dir
}

function validate(dir: string): number {
  const start = performance.now()
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'bin/mag'), 'validate'], { cwd: dir, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
  const ms = performance.now() - start
  if (status !== 0 || stderr !== '') throw new Error(`mag validate ended with ${status}:\n${stdout}${stderr}`)
  return ms
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const dir = makeProject()
try {
  const [cold, warm]: [number[], number[]] = [[], []]
  for (let i = 0; i < rounds; i++) {
    rmSync(join(dir, '.mag'), { recursive: true, force: true })
    cold.push(validate(dir))
    warm.push(validate(dir))
  }
  const [withoutCache, withCache] = [median(cold), median(warm)]
  process.stdout.write(`${WORKFLOWS} workflows, ${WORKERS} workers: ${withoutCache.toFixed(0)} ms without caches, ${withCache.toFixed(0)} ms with them (limit ${LIMIT_MS} ms)\n`)
  process.exitCode = withoutCache < LIMIT_MS ? 0 : 1
} finally {
  rmSync(dir, { recursive: true, force: true })
}
