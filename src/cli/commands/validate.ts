/** `mag validate`: definitions and the workers they name, all problems at once. */
import type { Problem } from '../../model/problem.ts'
import { MagError } from '../../model/error.ts'
import { readWorkflow, workflowFiles, type WorkflowFile } from '../../runtime/project.ts'
import { validatedLine } from '../../view/pages.ts'
import type { Run } from '../args.ts'
import { yamlText } from '../drive.ts'
import { EXIT } from '../errors.ts'
import { loadAll, readTypes, sourcesOfTypes } from '../load-workers.ts'
import { printProblems, sortProblems, sourcesOf } from '../problems.ts'
import { formatOf, openServices, pageScreen, paintFor, type Services } from '../services.ts'
import { readTyped } from '../../runtime/project-types.ts'
import { isTty } from '../terminal.ts'
import { safeJson } from '../text.ts'

type Loaded = Awaited<ReturnType<typeof loadAll>>

export const run: Run = async ({ args, options }) => {
  const services = await openServices(options)
  const began = services.clock.monotonic()
  const files = args.length > 0 ? args : workflowFiles(services.project)
  if (files.length === 0) throw new MagError('MAG2001', 'there are no workflows here', { exitCode: EXIT.notFound, hint: 'a project has a folder workflows/; name another with --dir' })
  // The types are read by a process of its own, while this one loads the workers.
  const [types, loaded] = await Promise.all([readTypes(services), loadAll(services)])
  const read = await readTyped(services.project, files, await sourcesOfTypes(types, loaded.workers))
  const { problems: workerProblems, names } = await checkedWorkers(services, loaded, read)
  const problems = sortProblems([...read.flatMap((workflow) => workflow.problems), ...workerProblems])
  const errors = problems.filter(({ severity }) => severity === 'error').length
  const format = formatOf(options)
  if (format !== 'text') {
    const document = { schema: 'mag.validate/v1', ok: errors === 0, types: { checked: !('unchecked' in types), reason: 'unchecked' in types ? types.unchecked : null }, problems }
    services.out(format === 'yaml' ? await yamlText(document) : `${safeJson(document, format === 'json' && isTty(1))}\n`)
    return errors === 0 ? EXIT.ok : EXIT.usage
  }
  const texts = new Map([...sourcesOf(services, problems), ...read.map(({ file, text }) => [file, text] as const)])
  await printProblems(services, problems, texts, errors === 0 ? 2 : 1)
  if ('unchecked' in types && !services.quiet) services.err(`the types of workers were not checked: ${types.unchecked}; ${types.hint}\n`)
  if (!services.quiet) {
    const paint = await paintFor(services, 1)
    // Worker files are only counted where something is wrong with them.
    const faulty = new Set(problems.map(({ file }) => file))
    const workflows = errors === 0 ? read.length : new Set([...faulty, ...read.map(({ file }) => file)]).size
    services.out(`${paint(validatedLine({
      workflows, workers: names, errors, warnings: problems.length - errors, files: faulty.size,
      elapsedMs: services.clock.monotonic() - began,
    }, await pageScreen(services)))}\n`)
  }
  return errors === 0 ? EXIT.ok : EXIT.usage
}

/** Only read where a child is named at all. */
async function workflowNames({ project }: Services, read: readonly WorkflowFile[]): Promise<string[]> {
  const names = new Set(read.map(({ name }) => name))
  if (read.some(({ workflows }) => workflows.some(({ workflow }) => !names.has(workflow)))) {
    for (const file of workflowFiles(project)) names.add((await readWorkflow(project, file)).name)
  }
  return [...names]
}

/** Workers that cannot be loaded, and names that no worker has. */
async function checkedWorkers(services: Services, { workers, problems }: Loaded, read: readonly WorkflowFile[]): Promise<{ problems: Problem[]; names: number }> {
  const { checkChildren, checkSameNames, checkWorkers } = await import('../../definition/check-workers.ts')
  const known = workers.map(({ name }) => name)
  const workflows = await workflowNames(services, read)
  return { problems: [...problems, ...read.flatMap((workflow) => checkWorkers(workflow, known)), ...read.flatMap((workflow) => checkChildren(workflow, workflows)), ...checkSameNames(read)], names: workers.length }
}
