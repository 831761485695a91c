/** Children of a run, for commands that drive it: checked before it starts, and found again for one that is resumed. */
import type { Backend, RunRecord } from '../backend/backend.ts'
import type { Definition } from '../model/definition.ts'
import { MagError } from '../model/error.ts'
import { missingWorkflow, readChildren } from '../runtime/project-children.ts'
import type { WorkflowFile } from '../runtime/project.ts'
import type { PinnedDefinition } from '../runtime/session.ts'
import { EXIT } from './errors.ts'
import type { Services } from './services.ts'

export interface CheckedChildren {
  files: WorkflowFile[]
  pinned: Map<string, PinnedDefinition>
}

/** Every workflow that the run may start, valid and pinned. Throws where one is missing or has errors. */
export async function requireChildren(services: Services, root: WorkflowFile): Promise<CheckedChildren> {
  const { found, missing } = await readChildren(services.project, root)
  const [first] = missing
  if (first) throw missingWorkflow(first)
  const pinned = new Map<string, PinnedDefinition>()
  for (const [name, file] of found) {
    const { problems, definition, hash, pinned: text } = file
    if (problems.length > 0 && !services.quiet) await (await import('./problems.ts')).printProblems(services, problems, new Map([[file.file, file.text]]), 2)
    if (!definition || hash === undefined || text === undefined) {
      throw new MagError('MAG1000', `${file.file}, which the run may start as a child, has errors; nothing was started`, { hint: `mag validate ${file.file}`, exitCode: EXIT.usage })
    }
    pinned.set(name, { definition, hash, text })
  }
  return { files: [...found.values()], pinned }
}

/** Definitions that a run has pinned for its children, at its start. */
export async function pinnedChildren(backend: Backend, record: RunRecord): Promise<Definition[]> {
  const [started] = await backend.history(record.id, 0, 1)
  if (started?.type !== 'run.started') return []
  const definitions: Definition[] = []
  for (const hash of new Set(Object.values(started.children ?? {}))) {
    const text = await backend.definition(hash)
    if (text !== undefined) definitions.push(JSON.parse(text) as Definition)
  }
  return definitions
}
