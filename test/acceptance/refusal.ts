/** What every refusal has in common: the right code, one message that names what, where and what to type, and nothing started. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { mag, project, runsIn, type RunOptions } from './mag.ts'

export const TOUCH = `import { worker } from 'multiagents'
import { appendFileSync } from 'node:fs'
export default worker('touch', () => { appendFileSync('touched', 'x'); return {} })
`
/** A workflow with inputs, one without, and a worker that leaves a trace. */
export const base: Record<string, string> = {
  'workflows/one.yaml': `inputs:
  n: { type: number }
  b: { type: boolean, optional: true }
  o: { type: object, optional: true }
  l: { type: array, items: { type: integer }, optional: true }
steps:
  - { id: a, worker: touch }
`,
  'workflows/free.yaml': 'steps:\n  - { id: a, worker: touch }\n',
  'workers/touch.ts': TOUCH,
}

export interface Case {
  name: string
  args: string[]
  code: number
  says: RegExp[]
  files?: Record<string, string>
  prepare?: (dir: string) => void
  env?: Record<string, string>
  stdin?: string
}

const STACK = /\n\s+at .*(?:node:|file:|\/|\\).*:\d+:\d+/
const SECONDS = 8

export function refused(cases: readonly Case[]): void {
  for (const one of cases) {
    test(`refused: ${one.name}`, { timeout: 60_000 }, async (t) => {
      const dir = project(t, { ...base, ...one.files })
      one.prepare?.(dir)
      await assertRefused(dir, one)
    })
  }
}

export async function assertRefused(dir: string, { args, code, says, env = {}, stdin = '' }: Omit<Case, 'name'>): Promise<void> {
  const options: RunOptions = { cwd: dir, env, stdin }
  const began = performance.now()
  const result = await mag(args, options)
  const text = result.stderr + result.stdout
  assert.equal(result.code, code, text)
  assert.ok(performance.now() - began < SECONDS * 1_000, 'within seconds')
  for (const pattern of says) assert.match(text, pattern)
  assert.match(text, /^ {2}hint {2}\S|^ +=? ?help: \S|^ +\| +\^/m, 'what to type, or the place in the file')
  assert.doesNotMatch(text, STACK, 'no stack trace')
  assert.doesNotMatch(text, /\u001b|\u0000/, 'nothing that drives a terminal')
  if (args[0] !== 'validate') {
    assert.equal(result.stdout, '', 'stdout is for results')
    assert.equal(text.match(/^error /gm)?.length, 1, `one message:\n${text}`)
  }
  assert.ok(!existsSync(join(dir, 'touched')), 'nothing ran')
  if (!args.includes('--store')) assert.deepEqual(await runsIn(dir), [], 'nothing was started')
}
