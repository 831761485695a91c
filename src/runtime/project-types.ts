/** Definitions of a project with their types, children before those that start them: what a child takes and gives is part of what is checked. */
import type { TypeSources } from '../definition/types/model.ts'
import type { WorkflowTypes } from '../definition/types/check-types.ts'
import { readWorkflow, workflowFiles, type Project, type WorkflowFile } from './project.ts'

/** In the order of `files`. Of workflows that start each other in a circle nothing is known where the circle closes. */
export async function readTyped(project: Project, files: readonly string[], sources: TypeSources): Promise<WorkflowFile[]> {
  const read: WorkflowFile[] = []
  for (const file of files) read.push(await readWorkflow(project, file, sources))
  if (read.every(({ workflows }) => workflows.length === 0)) return read
  const all = [...read]
  for (const file of workflowFiles(project)) if (!read.some((one) => one.file === file)) all.push(await readWorkflow(project, file, sources))
  const byName = new Map(all.map((one) => [one.name, one]))
  const types = new Map<string, WorkflowTypes>()
  const withChildren: TypeSources = { ...sources, workflow: (name) => types.get(name) }
  const done = new Map<string, WorkflowFile>()

  async function complete(workflow: WorkflowFile, path: readonly string[]): Promise<void> {
    if (done.has(workflow.file) || path.includes(workflow.file)) return
    for (const { workflow: name } of workflow.workflows) {
      const child = byName.get(name)
      if (child) await complete(child, [...path, workflow.file])
    }
    const again = workflow.workflows.length === 0 ? workflow : await readWorkflow(project, workflow.file, withChildren)
    done.set(workflow.file, again)
    if (again.types) types.set(again.name, again.types)
  }

  for (const workflow of all) await complete(workflow, [])
  return read.map((workflow) => done.get(workflow.file) ?? workflow)
}
