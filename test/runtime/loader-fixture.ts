/** Projects in temporary folders. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Json } from '../../src/model/json.ts'
import { loadWorkers, type LoadOptions, type LoadResult } from '../../src/runtime/loader/loader.ts'
import type { TaskHandle } from '../../src/runtime/worker.ts'

export interface ProjectFixture {
  dir: string
  write(files: Record<string, string>): void
  load(options?: Partial<LoadOptions>): Promise<LoadResult>
}

export function project(t: TestContext, files: Record<string, string>): ProjectFixture {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'mag-loader-')))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const write = (more: Record<string, string>): void => {
    for (const [file, text] of Object.entries(more)) {
      mkdirSync(dirname(join(dir, file)), { recursive: true })
      writeFileSync(join(dir, file), text)
    }
  }
  write(files)
  return { dir, write, load: (options = {}) => loadWorkers({ projectDir: dir, dirs: ['workers'], cacheDir: join(dir, '.mag/cache'), libraryUrl: LIGHT, ...options }) }
}

export const LIGHT = new URL('./loader-library.ts', import.meta.url).href

export async function call(loaded: LoadResult, name: string, context: Json = {}): Promise<unknown> {
  const found = loaded.workers.find((worker) => worker.name === name)
  if (!found) throw new Error(`no worker ${name}; problems: ${JSON.stringify(loaded.problems)}`)
  return found.definition.run(context, undefined as unknown as TaskHandle)
}
