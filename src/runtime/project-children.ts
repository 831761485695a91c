/** The workflows that a definition may start as children, and those that they may: found and read before anything starts. */
import { childrenOf, type Definition } from '../model/definition.ts'
import { MagError } from '../model/error.ts'
import { nearest } from '../model/nearest.ts'
import { readWorkflow, workflowFiles, workflowStem, type Project, type WorkflowFile } from './project.ts'

export interface ChildFiles {
  /** By the workflow's name. */
  found: Map<string, WorkflowFile>
  /** Named by a step of `by`, and in no file. */
  missing: Array<{ name: string; by: WorkflowFile; near: string | undefined }>
}

export async function readChildren(project: Project, root: WorkflowFile): Promise<ChildFiles> {
  const result: ChildFiles = { found: new Map(), missing: [] }
  const queue: WorkflowFile[] = [root]
  for (let by = queue.pop(); by; by = queue.pop()) {
    for (const name of by.definition ? childrenOf(by.definition) : []) {
      if (result.found.has(name) || result.missing.some((one) => one.name === name)) continue
      // A workflow may start itself, wherever its file stands.
      const child = name === root.name ? root : await readByName(project, name)
      if (child) {
        result.found.set(name, child)
        queue.push(child)
      } else result.missing.push({ name, by, near: nearest(name, workflowFiles(project).map(workflowStem)) })
    }
  }
  return result
}

/** By its file's name, else by the `name:` in it. */
async function readByName(project: Project, name: string): Promise<WorkflowFile | undefined> {
  const files = workflowFiles(project)
  const direct = files.find((file) => workflowStem(file) === name)
  for (const file of direct ? [direct, ...files] : files) {
    const workflow = await readWorkflow(project, file)
    if (workflow.name === name) return workflow
  }
  return undefined
}

/** Thrown where a step names a workflow that there is not. */
export function missingWorkflow({ name, by, near }: ChildFiles['missing'][number]): MagError {
  const use = by.workflows.find((one) => one.workflow === name)
  return new MagError('MAG1051', `step "${use?.step ?? ''}" starts workflow "${name}", which no file in workflows/ defines${near ? `; did you mean "${near}"?` : ''}`, {
    hint: 'mag workflows list', ...(use ? { location: { file: by.file, line: use.line, column: use.column } } : {}),
  })
}

/** Names of all workers that any of the definitions needs. */
export function definitionsOf(files: Iterable<WorkflowFile>): Definition[] {
  return [...files].flatMap((file) => file.definition ?? [])
}
