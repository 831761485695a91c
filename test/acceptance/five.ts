/** A workflow of five steps that a test can hold at any of them, and that writes down what each attempt did. */
import { existsSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Each attempt appends its step to the file `effects`. The step that HOLD names says so (`holding <step>`, and a file of
 * that name) and goes on once the file `go` is there; `undo <step>` holds its undo. DEAF: not even an abort moves it.
 * FAIL: that step fails.
 */
const WORKER = `
import { worker } from 'multiagents'
import { appendFileSync, existsSync, watch, writeFileSync } from 'node:fs'
async function held(name, signal) {
  if (process.env.HOLD !== name || existsSync('go')) return
  await new Promise((resolve, reject) => {
    const watcher = watch('.', () => { if (existsSync('go')) { watcher.close(); resolve(undefined) } })
    if (!process.env.DEAF) signal.addEventListener('abort', () => { watcher.close(); reject(new Error('aborted')) })
    writeFileSync('holding', '')
    process.stderr.write('holding ' + name + '\\n')
  })
}
export default worker('effect', async (context, task) => {
  appendFileSync('effects', task.run.step + ' ' + task.idempotencyKey + '\\n')
  await held(task.run.step, task.signal)
  if (process.env.FAIL === task.run.step) throw new Error('as told')
  return { [task.run.step]: true }
})
export const undo = worker('undo', async (input, task) => {
  appendFileSync('effects', 'undo ' + task.run.step + '\\n')
  await held('undo ' + task.run.step, task.signal)
})
`
const STEPS = ['a', 'b', 'c', 'd', 'e']

export const five: Record<string, string> = {
  'workflows/five.yaml': `steps:\n${STEPS.map((id) => `  - { id: ${id}, worker: effect, compensate: undo }\n`).join('')}`,
  'workers/effect.ts': WORKER,
}

/** `['a', 'b', 'undo b']` */
export function effects(dir: string): string[] {
  if (!existsSync(join(dir, 'effects'))) return []
  return readFileSync(join(dir, 'effects'), 'utf8').trim().split('\n').map((line) => line.split(' ').slice(0, line.startsWith('undo') ? 2 : 1).join(' '))
}

export function keys(dir: string): string[] {
  return readFileSync(join(dir, 'effects'), 'utf8').trim().split('\n').map((line) => line.split(' ')[1] ?? '')
}

export const letGo = (dir: string): void => writeFileSync(join(dir, 'go'), '')

/** Resolves once the project has a file of that name: for processes whose output nobody sees. */
export function appears(dir: string, file: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(dir, look)
    function look(): void {
      if (!existsSync(join(dir, file))) return
      watcher.close()
      resolve()
    }
    look()
  })
}
