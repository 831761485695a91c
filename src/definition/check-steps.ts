/** Lists of steps: reads each step by its kind, and what is wrong with it regardless of the others. */
import { FOREACH_DEFAULTS, type Case, type Kind, type Loop, type Step } from '../model/definition.ts'
import type { Section } from '../model/event.ts'
import { own, type JsonObject } from '../model/json.ts'
import { LIMITS } from '../model/limits.ts'
import { refuse, wrongType, type Check, type ListRecord, type StepRecord, type Where } from './check-context.ts'
import {
  checkShellWith, defined, ID, identifier, isWord, LATER_STEP_KEYS, LEAVES, MODIFIERS, CONTAINER_DOCS, STEP_ALIASES, STEP_HINTS, TAKES, VARIABLE, type Modifier,
} from './language-step.ts'
import { key, nameHelp, readShape, shapeSchema, type Key, type Keys, type ReadOf, type Reader } from './reader.ts'
import { condition } from './reader-values.ts'
import type { Span } from './report.ts'
import { entryOf, quote, stringOf, type Entry, type MapNode, type Node } from './tree.ts'

/** Steps are read where their place is known. */
const entryReader: Reader<Entry> = { read: (_check, entry) => entry, schema: () => ({ $ref: '#/$defs/steps' }) }

interface Place {
  section: Section
  parent?: StepRecord
  prefix: string
}

/** Reads a list of steps; what cannot be built is left out after its problems were reported. */
export function readSteps(check: Check, { key: name, value: node }: Entry, place: Place): { list: ListRecord; steps: Step[] } {
  const list: ListRecord = { section: place.section, parent: place.parent, prefix: place.prefix, steps: [], byId: new Map() }
  check.lists.push(list)
  if (node.kind !== 'list') {
    wrongType(check, node, `\`${name}\``, 'a list of steps', node.kind === 'map' ? 'Put "- " before each step.' : undefined)
    return { list, steps: [] }
  }
  for (const item of node.items) {
    if (++check.stepCount === LIMITS.steps + 1) check.report.error('MAG1037', item.span, `The workflow has more than ${LIMITS.steps} steps`)
    if (check.stepCount > LIMITS.steps) break
    readStep(check, item, list)
  }
  return { list, steps: list.steps.flatMap(({ step }) => step ?? []) }
}

function readStep(check: Check, node: Node, list: ListRecord): void {
  if (node.kind !== 'map') {
    wrongType(check, node, 'A step', 'a map with `id` and a kind such as `worker`')
    return
  }
  const record = recordOf(check, node, list)
  const where: Where = { in: 'step', record }
  const values = readShape(check, node, STEP, where)
  record.needs = values.needs
  const kind = kindOf(check, node, values)
  if (!kind) return
  checkTakes(check, node, kind.type)
  noteWorkers(check, node, record, kind, values)
  noteWorkflow(check, node, record, kind)
  checkLoop(check, node, kind)
  record.step = stepOf(record.id, whole(kind, values), values)
}

/** The step's record, entered under its id where that is usable and new. */
function recordOf(check: Check, node: MapNode, list: ListRecord): StepRecord {
  const entry = entryOf(node, 'id')
  const id = (entry && stringOf(entry.value)) ?? ''
  const idSpan: Span = entry?.value.span ?? node.entries[0]?.keySpan ?? node.span
  const record: StepRecord = { id, path: list.prefix + id, idSpan, step: undefined, list, node, index: list.steps.length, needs: undefined, after: [], branches: [], ...repeating(node) }
  list.steps.push(record)
  if (!ID.test(id)) return record
  const there = check.ids.get(id)
  if (there) {
    const { line } = check.report.place(there.idSpan.start)
    check.report.error('MAG1031', idSpan, `The step id "${id}" is used already in line ${line}`, 'Ids are unique in the file, those inside of branches included.')
    return record
  }
  check.ids.set(id, record)
  list.byId.set(id, record)
  return record
}

/** Known before the step is read: paths and names inside it depend on it. */
function repeating(node: MapNode): Pick<StepRecord, 'repeats' | 'as'> {
  const foreach = entryOf(node, 'foreach')?.value
  if (foreach) {
    const as = foreach.kind === 'map' ? entryOf(foreach, 'as')?.value : undefined
    return { repeats: 'foreach', as: (as && stringOf(as)) ?? FOREACH_DEFAULTS.as }
  }
  return { repeats: entryOf(node, 'while') || entryOf(node, 'until') ? 'loop' : undefined, as: undefined }
}

/** Paths of what is inside: those of elements and iterations have a number, here left open. */
function insideOf(record: StepRecord): { section: Section; parent: StepRecord; prefix: string } {
  return { section: record.list.section, parent: record, prefix: `${record.path}${record.repeats ? '[]' : ''}/` }
}

const group: Reader<Kind> = {
  read(check, entry, { record }) {
    if (!record) return undefined
    const { list, steps } = readSteps(check, entry, insideOf(record))
    record.branches.push(list)
    if (entry.value.kind === 'list' && entry.value.items.length === 0) return refuse(check, 'MAG1014', entry.value, '`steps` is empty')
    return { type: 'steps', steps }
  },
  schema: () => ({ $ref: '#/$defs/steps' }),
}

const caseForm = {
  what: 'a case',
  keys: {
    case: key('An expression: true takes this case.', condition), steps: key('What is done then.', entryReader),
    default: key('What is done where no case is true; the last one.', entryReader),
  },
}

const cases: Reader<Kind> = {
  read(check, { value: node }, where) {
    const { record } = where
    if (!record || node.kind !== 'list') return wrongType(check, node, '`switch`', 'a list of cases, such as { case: expression, steps: [ … ] }')
    if (node.items.length === 0) return refuse(check, 'MAG1014', node, '`switch` needs a case')
    const found: Case[] = []
    for (const [i, item] of node.items.entries()) {
      if (item.kind !== 'map') wrongType(check, item, 'A case', 'a map such as { case: expression, steps: [ … ] }')
      else found.push(...readCase(check, item, where, record, i === node.items.length - 1))
    }
    return { type: 'switch', cases: found }
  },
  schema: () => ({ type: 'array', minItems: 1, items: shapeSchema(caseForm) }),
}

function readCase(check: Check, node: MapNode, where: Where, record: StepRecord, isLast: boolean): Case[] {
  const values = readShape(check, node, caseForm, where)
  const by = entryOf(node, 'default')
  const wrong = by && (entryOf(node, 'case') ?? entryOf(node, 'steps'))
  if (wrong) check.report.error('MAG1032', wrong.keySpan, 'A default has no other key', 'Write - default: [ … ] as the last case.')
  else if (by && !isLast) check.report.error('MAG1032', by.keySpan, 'The default must be the last case', 'Cases after it would never be looked at.')
  else if (!by && !(entryOf(node, 'case') && entryOf(node, 'steps'))) {
    check.report.error('MAG1014', node.entries[0]?.keySpan ?? node.span, 'A case needs `case` and `steps`', 'For example { case: inputs.total > 100, steps: [ … ] } or { default: [ … ] }.')
  }
  const inside = values.default ?? values.steps
  if (!inside) return []
  const { list, steps } = readSteps(check, inside, insideOf(record))
  record.branches.push(list)
  return [{ ...(values.case ? { when: values.case } : {}), steps }]
}

const branches: Reader<Kind> = {
  read(check, entry, { record }) {
    const { value: node } = entry
    if (node.kind !== 'map' || !record) return wrongType(check, node, '`parallel`', 'a map of branches, each a list of steps')
    if (node.entries.length === 0) return refuse(check, 'MAG1014', node, '`parallel` needs a branch')
    const found: Array<{ name: string; steps: Step[] }> = []
    for (const branch of node.entries) {
      if (!ID.test(branch.key)) check.report.error('MAG1030', branch.keySpan, `${quote(branch.key)} is not usable as the name of a branch`, nameHelp(ID))
      else isWord(check, branch.keySpan, branch.key, 'the name of a branch')
      const inside = insideOf(record)
      const { list, steps } = readSteps(check, branch, { ...inside, prefix: `${inside.prefix}${branch.key}/` })
      record.branches.push(list)
      found.push({ name: branch.key, steps })
    }
    return { type: 'parallel', branches: found }
  },
  schema: () => ({ type: 'object', minProperties: 1, propertyNames: { pattern: ID.source }, additionalProperties: { $ref: '#/$defs/steps' } }),
}

const KINDS: { readonly [K in Kind['type']]: Key<Kind> } = {
  ...LEAVES, parallel: key(CONTAINER_DOCS.parallel, branches), switch: key(CONTAINER_DOCS.switch, cases), steps: key(CONTAINER_DOCS.steps, group),
}

const STEP = {
  what: 'a step',
  keys: { id: key('Unique in the file; expressions name the step by it.', identifier('the id of a step'), true), ...KINDS, ...MODIFIERS },
  aliases: STEP_ALIASES,
  later: LATER_STEP_KEYS,
  hints: STEP_HINTS,
}

type StepValues = ReadOf<typeof STEP.keys>

function kindOf(check: Check, node: MapNode, values: StepValues): Kind | undefined {
  const named = node.entries.filter((entry) => isKind(usual(entry.key)))
  const [first, second] = named
  if (!first) {
    // Something was meant, and is reported.
    if (node.entries.some((entry) => LATER_STEP_KEYS.has(entry.key) || entry.key === '<<' || isKind(own(STEP_HINTS, entry.key) ?? ''))) return undefined
    return refuseAt(check, node.entries[0]?.keySpan ?? node.span, 'This step does nothing', `Give it one of: ${Object.keys(KINDS).join(', ')}.`)
  }
  if (second) return refuseAt(check, second.keySpan, `A step has one kind, and this one has \`${first.key}\` already`, 'Make two steps of it.')
  return values[usual(first.key) as Kind['type']]
}

function refuseAt(check: Check, span: Span, message: string, help: string): undefined {
  check.report.error('MAG1032', span, message, help)
  return undefined
}

function usual(name: string): string {
  return Object.hasOwn(STEP_ALIASES, name) ? STEP_ALIASES[name as keyof typeof STEP_ALIASES].key : name
}

function isKind(name: string): name is Kind['type'] {
  return Object.hasOwn(KINDS, name)
}

function checkTakes(check: Check, node: MapNode, kind: Kind['type']): void {
  for (const entry of node.entries) {
    const name = usual(entry.key)
    if (!Object.hasOwn(MODIFIERS, name) || TAKES[kind].has(name as Modifier)) continue
    const inside = kind === 'parallel' || kind === 'switch' || kind === 'steps' ? `Put it on the steps inside. \`${kind}\`` : `\`${kind}\``
    check.report.error('MAG1033', entry.keySpan, `\`${name}\` has no meaning on \`${kind}\``, `${inside} takes: ${[...TAKES[kind]].join(', ')}.`)
  }
  const given = entryOf(node, 'with')
  if (kind === 'run' && given) checkShellWith(check, given)
  for (const name of ['fail_message', 'fail_retry']) {
    const entry = entryOf(node, name)
    if (entry && !entryOf(node, 'fail_if')) check.report.error('MAG1014', entry.keySpan, `\`${name}\` needs \`fail_if\``)
  }
}

/** Where the step's workers are named, for the check of their names. */
function noteWorkers(check: Check, node: MapNode, { id }: StepRecord, kind: Kind, { compensate }: StepValues): void {
  const note = (worker: string, at: Node | undefined) => {
    if (!at) return
    const { line, column } = check.report.place(at.span.start)
    check.workers.push({ worker, step: id, line, column, endColumn: column + Math.max(1, at.span.end - at.span.start) })
  }
  if (kind.type === 'worker') note(kind.worker, (entryOf(node, 'worker') ?? entryOf(node, 'uses'))?.value)
  const undo = entryOf(node, 'compensate')?.value
  if (compensate) note(compensate.worker, undo?.kind === 'map' ? entryOf(undo, 'worker')?.value : undo)
}

function noteWorkflow(check: Check, node: MapNode, { id }: StepRecord, kind: Kind): void {
  const at = entryOf(node, 'workflow')?.value
  if (kind.type !== 'workflow' || !at) return
  const { line, column } = check.report.place(at.span.start)
  check.workflows.push({ workflow: kind.workflow, step: id, line, column, endColumn: column + Math.max(1, at.span.end - at.span.start) })
}

function checkLoop(check: Check, node: MapNode, kind: Kind): void {
  if (kind.type !== 'steps') return
  const loop = entryOf(node, 'while') ?? entryOf(node, 'until')
  const most = entryOf(node, 'max_iterations')
  if (loop && !most) check.report.error('MAG1014', loop.keySpan, `\`${loop.key}\` needs \`max_iterations\``, 'A loop that never ends would fill the store: max_iterations: 100')
  if (most && !loop) check.report.error('MAG1014', most.keySpan, '`max_iterations` needs `while` or `until`')
  const each = entryOf(node, 'foreach')
  if (loop && each) check.report.error('MAG1033', each.keySpan, '`foreach` and a loop cannot be one step', 'Put the loop as a step inside of the `steps` of the foreach.')
}

/** The kind with what other keys say of it. */
function whole(kind: Kind, { cwd, env, while: before, until, max_iterations, if_rejected }: StepValues): Kind {
  switch (kind.type) {
    case 'run':
      return { ...kind, env: env ?? {}, ...(cwd ? { cwd } : {}) }
    case 'steps': {
      const loop: Loop = { ...defined({ while: before, until }), max: max_iterations ?? 1 }
      return before || until ? { ...kind, loop } : kind
    }
    case 'approve':
      return if_rejected === undefined ? kind : { ...kind, ifRejected: if_rejected }
    default:
      return kind
  }
}

function stepOf(id: string, kind: Kind, values: StepValues): Step {
  const { with: given, retry, timeout, deadline, fail_if, fail_message, fail_retry, continue_on_error, compensate, on_crash, heartbeat, circuit_breaker } = values
  const { foreach, concurrency, queue, priority, cache, isolation } = values
  return {
    id, kind, needs: [],
    ...defined({ if: values.if, with: given, retry, compensate }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout }), ...(deadline === undefined ? {} : { deadlineMs: deadline }),
    ...(fail_if ? { failIf: fail_if } : {}), ...(fail_message ? { failMessage: fail_message } : {}), ...(fail_retry ? { failRetry: true } : {}),
    ...(continue_on_error ? { continueOnError: true } : {}), ...(on_crash === undefined ? {} : { onCrash: on_crash }),
    ...defined({ foreach, concurrency, queue, priority, cache, isolation }), ...(heartbeat === undefined ? {} : { heartbeatMs: heartbeat }),
    ...(circuit_breaker ? { circuitBreaker: circuit_breaker } : {}),
  }
}

/** For editors only: the checker knows the kind after it has read the key. */
const shellWith: Reader<undefined> = {
  read: () => undefined,
  schema: () => ({ type: 'object', propertyNames: { pattern: VARIABLE.source } }),
}

/** One step, by kind, so that editors offer what its kind takes. */
export function stepSchema(): JsonObject {
  const one = (kind: Kind['type']): JsonObject => {
    const keys: { [name: string]: Key<unknown> } = { id: STEP.keys.id, [kind]: { ...KINDS[kind], required: true } }
    for (const name of TAKES[kind]) keys[name] = MODIFIERS[name]
    if (kind === 'run') keys['with'] = { doc: 'Variables of the script.', reader: shellWith }
    const aliases = Object.fromEntries(Object.entries(STEP_ALIASES).filter(([, { key: name }]) => Object.hasOwn(keys, name)))
    const needsFailIf = TAKES[kind].has('fail_if') ? { dependentRequired: { fail_message: ['fail_if'], fail_retry: ['fail_if'] } } : {}
    return { title: kind, ...shapeSchema({ what: 'a step', keys: keys as Keys, aliases }), ...needsFailIf }
  }
  return { anyOf: (Object.keys(KINDS) as Array<Kind['type']>).map(one) }
}

