/** `mag types`: declarations for programs that start workflows, and for workers. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import type { WorkflowTypes } from '../../definition/types/check-types.ts'
import { declarationsOf } from '../../definition/types/declarations.ts'
import { MagError } from '../../model/error.ts'
import { workflowFiles } from '../../runtime/project.ts'
import { readTyped } from '../../runtime/project-types.ts'
import type { Run } from '../args.ts'
import { yamlText } from '../drive.ts'
import { EXIT } from '../errors.ts'
import { loadAll, readTypes, sourcesOfTypes } from '../load-workers.ts'
import { formatOf, openServices, text } from '../services.ts'
import { isTty } from '../terminal.ts'
import { safeJson } from '../text.ts'

export const run: Run = async ({ options }) => {
  const services = await openServices(options)
  const files = workflowFiles(services.project)
  if (files.length === 0) throw new MagError('MAG2001', 'there are no workflows here', { exitCode: EXIT.notFound, hint: 'a project has a folder workflows/; name another with --dir' })
  const [types, loaded] = await Promise.all([readTypes(services), loadAll(services)])
  const sources = await sourcesOfTypes(types, loaded.workers)
  if ('unchecked' in types) services.err(`the types of workers are not known: ${types.unchecked}; ${types.hint}\n`)
  const declared: WorkflowTypes[] = []
  const left: string[] = []
  for (const read of await readTyped(services.project, files, sources)) {
    if (!read.types) left.push(read.file)
    else declared.push(read.types)
  }
  const declarations = declarationsOf(declared)
  const out = text(options.out)
  const path = out === undefined ? undefined : isAbsolute(out) ? out : resolve(services.project.dir, out)
  if (path !== undefined) write(path, declarations)
  for (const file of left) services.err(`left out: ${file} has errors (mag validate ${file})\n`)
  const document = { schema: 'mag.types/v1', ok: left.length === 0, file: out ?? null, workflows: declared.map(({ name }) => name).sort(), leftOut: left, declarations }
  const format = formatOf(options)
  if (format === 'yaml') services.out(await yamlText(document))
  else if (format !== 'text') services.out(`${safeJson(document, format === 'json' && isTty(1))}\n`)
  else if (path === undefined) services.out(declarations)
  else if (!services.quiet) services.out(`${out}: ${declared.length} ${declared.length === 1 ? 'workflow' : 'workflows'}\n`)
  return left.length === 0 ? EXIT.ok : EXIT.usage
}

/** Whole or not at all, and not where nothing changed: editors and watchers look at it. */
function write(path: string, declarations: string): void {
  try {
    if (readFileSync(path, 'utf8') === declarations) return
  } catch {
    // It is not there yet.
  }
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.${process.pid}`, declarations)
  renameSync(`${path}.${process.pid}`, path)
}
