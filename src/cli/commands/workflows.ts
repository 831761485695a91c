/** `mag workflows list|show`: the definitions of the project. */
import { MagError } from '../../model/error.ts'
import type { JsonObject } from '../../model/json.ts'
import { formatDuration } from '../../model/duration.ts'
import { readWorkflow, workflowFiles, type WorkflowFile } from '../../runtime/project.ts'
import { clean } from '../../view/clean.ts'
import { count } from '../../view/pages.ts'
import { clipLine, span, type Line, type Screen } from '../../view/span.ts'
import { tableLines } from '../../view/table.ts'
import { stepLines } from '../../view/tree.ts'
import { viewOf } from '../../view/run-view.ts'
import type { Run } from '../args.ts'
import { yamlText } from '../drive.ts'
import { EXIT } from '../errors.ts'
import { exampleRun } from '../input.ts'
import { printProblems } from '../problems.ts'
import { formatOf, openServices, pageScreen, paintFor, workerNames, type Services } from '../services.ts'
import { isTty } from '../terminal.ts'
import { safeJson } from '../text.ts'

export const list: Run = async ({ options }) => {
  const services = await openServices(options)
  const read: WorkflowFile[] = []
  for (const file of workflowFiles(services.project)) read.push(await readWorkflow(services.project, file))
  const items = read.map(({ name, file, definition, problems }) => ({
    name, file, version: definition?.version ?? null, description: definition?.description ?? null, valid: definition !== undefined,
    steps: definition ? viewOf(definition).all.length : null, problems: problems.length,
  }))
  const format = formatOf(options)
  if (format === 'ids') services.out(items.map(({ name }) => `${name}\n`).join(''))
  else if (format === 'jsonl') services.out(items.map((item) => `${safeJson(item)}\n`).join(''))
  else if (format !== 'text') await document(services, { schema: 'mag.workflows/v1', items, nextCursor: null })
  else if (items.length === 0) services.err('no workflows here; a project has a folder workflows/ with YAML files\n')
  else {
    const rows = items.map((item) => [item.name, item.valid ? String(item.steps) : span('not valid', 'bad'), item.file, item.description ?? ''])
    await lines(services, tableLines([{ title: 'WORKFLOW' }, { title: 'STEPS' }, { title: 'FILE', giveUp: 1 }, { title: 'DESCRIPTION', giveUp: 2 }], rows, await pageScreen(services)))
  }
  return EXIT.ok
}

export const show: Run = async ({ args, options }) => {
  const services = await openServices(options)
  const workflow = await readWorkflow(services.project, args[0] ?? '')
  const { definition, problems, file, text } = workflow
  if (!definition) {
    await printProblems(services, problems, new Map([[file, text]]), 2)
    throw new MagError('MAG1000', `${file} is not valid`, { exitCode: EXIT.usage, hint: `mag validate ${file}` })
  }
  switch (formatOf(options)) {
    case 'yaml':
    case 'raw':
      services.out(text)
      break
    case 'ids':
      services.out(`${definition.name}\n`)
      break
    case 'text':
      await lines(services, pageOf(workflow, await pageScreen(services)))
      break
    default:
      await document(services, { schema: 'mag.workflow/v1', name: definition.name, file, hash: workflow.hash ?? null, definition: definition as unknown as JsonObject })
  }
  return EXIT.ok
}

function pageOf({ definition, file, hash }: WorkflowFile, screen: Screen): Line[] {
  if (!definition) return []
  const room = screen.columns - 1
  const fact = (label: string, text: string): Line => clipLine([span(`  ${label.padEnd(10)}`, 'dim'), span(clean(text))], room, screen)
  const inputs = Object.entries(definition.inputs ?? {})
  const facts = [
    ...(definition.description ? [fact('', definition.description)] : []), fact('file', file), fact('hash', hash ?? ''),
    ...(definition.timeoutMs === undefined ? [] : [fact('timeout', formatDuration(definition.timeoutMs))]),
    ...inputs.map(([name, input], no) => fact(no === 0 ? 'inputs' : '', `${name}: ${String(input.schema.type ?? 'any')}${input.optional || input.default !== undefined ? ' (optional)' : ''}`)),
    fact('workers', workerNames(definition).join(', ') || 'none'),
  ]
  return [
    [span(definition.name, 'bold'), span(`  ${count(viewOf(definition).all.length, 'step')}`, 'dim')], ...facts, [], ...stepLines(viewOf(definition), screen), [],
    [span('  '), span(exampleRun(definition), 'command')],
  ]
}

async function document(services: Services, value: JsonObject): Promise<void> {
  services.out(formatOf(services.options) === 'yaml' ? await yamlText(value) : `${safeJson(value, isTty(1))}\n`)
}

async function lines(services: Services, shown: Line[]): Promise<void> {
  const paint = await paintFor(services, 1)
  services.out(shown.map((line) => `${paint(line)}\n`).join(''))
}
