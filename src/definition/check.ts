/**
 * From text to a checked definition: everything that is wrong with it, at once and with places, or the plain data that runs
 * pin. Pure: reads no file, knows no worker.
 */
import type { Definition, Value } from '../model/definition.ts'
import { WORKFLOW_NAME } from '../model/id.ts'
import type { Problem } from '../model/problem.ts'
import { SUGGESTION_BUDGET, wrongType, type Check, type WorkerUse, type WorkflowUse } from './check-context.ts'
import { inputs } from './check-inputs.ts'
import { checkNames } from './check-names.ts'
import { checkOrder } from './check-order.ts'
import { readSteps } from './check-steps.ts'
import { checkWriters } from './check-writers.ts'
import { createExpressions, type CheckedExpressions } from './expression.ts'
import { hashDefinition } from './hash.ts'
import { concurrency } from './language-shared.ts'
import { secretNames } from './language-secrets.ts'
import { defined, ID, isWord, meaning, MODIFIERS, refuseEnv } from './language-step.ts'
import { parseText } from './parse.ts'
import { key, namedMap, readShape, standing, withSecrets, type Reader } from './reader.ts'
import { limit, name, text, textValue, value } from './reader-values.ts'
import { createReport, type Report } from './report.ts'
import { entryOf, quote, stringOf, type Entry, type MapNode, type Node } from './tree.ts'
import { checkTypes, type WorkflowTypes } from './types/check-types.ts'
import type { TypeSources } from './types/model.ts'

export interface Checked {
  /** Absent where there are errors. */
  definition?: Definition
  hash?: string
  /** Sorted by place; warnings too. */
  problems: Problem[]
  workers: WorkerUse[]
  workflows: WorkflowUse[]
  /** Where each step stands, by its path. */
  places: Record<string, { line: number; column: number }>
  /** Where they were asked for, and there are no errors before. */
  types?: WorkflowTypes
}

export interface Source {
  /** Project-relative, for messages and the default name. */
  file: string
  text: string
}

let shared: CheckedExpressions | undefined

/** One for all checks: it remembers what it has compiled. */
function expressionsOf(): CheckedExpressions {
  shared ??= createExpressions()
  return shared
}

/** `sources`: types are checked too, against these workers. */
export function checkWorkflow({ file, text: source }: Source, sources?: TypeSources): Checked {
  const report = createReport(file, source)
  return checkTree(report, parseText(report), sources)
}

/** The same for a tree from elsewhere; undefined where the report says why there is none. */
export function checkTree(report: Report, node: Node | undefined, sources?: TypeSources): Checked {
  const check: Check = {
    report, root: node?.kind === 'map' ? node : undefined, expressions: expressionsOf(), ids: new Map(), lists: [], uses: [], workers: [], workflows: [], inputs: undefined, env: new Set(), secrets: new Set(), stepCount: 0,
    schemaKeywords: 0, suggestions: { left: SUGGESTION_BUDGET },
  }
  const definition = node && read(check, node)
  let types: WorkflowTypes | undefined
  if (definition) {
    checkOrder(check)
    checkNames(check)
    if (!report.hasErrors()) checkWriters(check)
    if (sources && !report.hasErrors()) types = checkTypes(check, definition, sources)
  }
  const places: Checked['places'] = {}
  for (const record of check.ids.values()) places[record.path] = report.place(record.idSpan.start)
  const problems = [...report.problems].sort((a, b) => a.line - b.line || a.column - b.column)
  noteDropped(report, problems)
  const base = { problems, workers: check.workers, workflows: check.workflows, places, ...(types ? { types } : {}) }
  return definition && !report.hasErrors() ? { ...base, definition, hash: hashDefinition(definition) } : base
}

/** Never silently: a list that was cut says so at its end. */
function noteDropped({ dropped, hasErrors }: Report, problems: Problem[]): void {
  const last = problems.at(-1)
  if (!last || dropped() === 0) return
  problems.push({ ...last, code: 'MAG1000', severity: hasErrors() ? 'error' : 'warning', message: `There are more problems than these ${problems.length}`, help: 'Mend some of them, and check again.' })
}

/** Steps are read last, in their own places; see `read`. */
const steps: Reader<Entry> = { read: (_check, entry) => entry, schema: () => ({ $ref: '#/$defs/steps' }) }

const env: Reader<Record<string, Value>> = namedMap(ID, 'the name of a variable', withSecrets(standing('env', textValue)), (check, { key: variable, keySpan }) => {
  isWord(check, keySpan, variable, 'the name of a variable')
  refuseEnv(check, keySpan, variable)
})

const outputs: Reader<Record<string, Value>> = namedMap(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, 'the name of an output', standing('outputs', value))

export const WORKFLOW = {
  what: 'a workflow',
  keys: {
    name: key('Default: the file\'s name.', name(WORKFLOW_NAME, 'the name of a workflow')),
    version: key('The author\'s label; runs pin the content, not this.', text),
    description: key('What it is for.', text),
    timeout: key('Of the whole run. Default none.', limit),
    inputs: key('Names with JSON Schemas (2020-12); required unless `optional: true` or `default`.', inputs),
    outputs: key('The run\'s result. Default: the outputs of all top-level steps.', outputs),
    env: key('Variables of `run:` steps, and `env.` in expressions.', env),
    secrets: key('Names that `secrets.` may read: from the environment or --secrets-file.', secretNames),
    concurrency: key('How many runs with one key may run at a time.', standing('start', concurrency)),
    steps: key('The steps, in order.', steps, true),
    on_failure: key('Steps after a failure, cancel or timeout, once everything is undone.', steps),
    finally: key('Steps that always come last.', steps),
  },
  later: new Set(['on']),
  hints: {
    ...meaning('steps', 'jobs', 'tasks', 'workflow', 'stages', 'activities'), ...meaning('inputs', 'input', 'parameters', 'params'),
    ...meaning('outputs', 'output', 'result', 'returns'), ...meaning('env', 'environment', 'variables', 'vars'), ...meaning('name', 'id', 'title'),
    ...meaning('on_failure', 'on_error', 'catch', 'rescue'), ...meaning('finally', 'always', 'ensure', 'after'),
    ...Object.fromEntries(Object.keys(MODIFIERS).filter((word) => !['timeout', 'env', 'concurrency'].includes(word)).map((word) => [word, `\`${word}\` is a key of a step, not of the workflow.`])),
  },
}

const AT_LEAST = 'A workflow needs at least:\nsteps:\n  - { id: hello, run: echo hello }'

function read(check: Check, node: Node): Definition | undefined {
  if (node.kind !== 'map') {
    const empty = node.kind === 'scalar' && node.value === null
    if (empty) check.report.error('MAG1014', { start: 0, end: 1 }, 'The file is empty', AT_LEAST)
    else wrongType(check, node, 'A workflow', 'a map with `steps`', AT_LEAST)
    return undefined
  }
  const inputNames = entryOf(node, 'inputs')?.value
  if (inputNames) check.inputs = new Set(inputNames.kind === 'map' ? inputNames.entries.map((entry) => entry.key) : [])
  const variables = entryOf(node, 'env')?.value
  if (variables?.kind === 'map') check.env = new Set(variables.entries.map((entry) => entry.key))
  const secretList = entryOf(node, 'secrets')?.value
  if (secretList?.kind === 'list') check.secrets = new Set(secretList.items.flatMap((item) => stringOf(item) ?? []))
  const values = readShape(check, node, WORKFLOW, { in: 'outputs' })
  const section = (entry: Entry | undefined, which: 'steps' | 'on_failure' | 'finally') => (entry ? readSteps(check, entry, { section: which, prefix: '' }).steps : [])
  const main = section(values.steps, 'steps')
  if (values.steps?.value.kind === 'list' && values.steps.value.items.length === 0) check.report.error('MAG1014', values.steps.keySpan, '`steps` is empty', AT_LEAST)
  const { version, description, timeout } = values
  return {
    format: 1, name: values.name ?? fileName(check, node), ...defined({ version, description }), ...(timeout === undefined ? {} : { timeoutMs: timeout }),
    ...defined({ inputs: values.inputs, outputs: values.outputs, concurrency: values.concurrency }),
    env: values.env ?? {}, secrets: values.secrets ?? [], steps: main, onFailure: section(values.on_failure, 'on_failure'), finally: section(values.finally, 'finally'),
  }
}

function fileName(check: Check, node: MapNode): string {
  const stem = (check.report.file.split('/').at(-1) ?? '').replace(/\.(yaml|yml|json)$/, '')
  if (WORKFLOW_NAME.test(stem) || entryOf(node, 'name')) return stem
  const at = node.entries[0]?.keySpan ?? node.span
  check.report.error('MAG1014', at, `The file's name ${quote(stem)} is not usable as the workflow's name`, 'Give it one: name: my_workflow')
  return stem
}

