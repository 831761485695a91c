/**
 * The type of an expression's value, and what is certainly or possibly wrong with it before it runs: members that are not there, what may be
 * missing or null, operators on what they do not take. Bounded by the size of the expression; what is not known is never told.
 */
import { callOf, isCel, memberOf, type Cel } from '../cel-ast.ts'
import { inferCall } from './infer-call.ts'
import { expectKinds, tellAt, words, type Work } from './infer-expect.ts'
import { areDisjoint, keyOf, memberType, pathOf, type Env, type Reading } from './infer-scope.ts'
import { literalsOf } from './fit.ts'
import { constantOf, narrow } from './narrow.ts'
import { BOOLEAN, choice, describeType, isLiteral, isUnknown, listOf, literal, mayBe, members, NUMBER, STRING, union, UNKNOWN, widen, without, type Field, type Type } from './type.ts'

export function inferExpression(ast: Cel, env: Env, reading: Reading): Type {
  return infer(ast, env, { reading, infer, depth: 0 })
}

const MAX_DEPTH = 200

function infer(node: Cel, env: Env, work: Work): Type {
  if (work.depth > MAX_DEPTH) return UNKNOWN
  const inner: Work = { ...work, depth: work.depth + 1 }
  switch (node.op) {
    case 'value':
      return constantOf(node) ?? (typeof node.args === 'object' && node.args !== null && 'valueOf' in node.args && typeof node.args.valueOf() === 'bigint' ? NUMBER : UNKNOWN)
    case 'id':
      return env.facts.get(String(node.args)) ?? env.names.get(String(node.args)) ?? UNKNOWN
    case '.': case '.?': case '[]': case '[?]':
      return inferMember(node, env, inner)
    case '?:':
      return inferChoice(node, env, inner)
    case '&&': case '||':
      return inferLogic(node, env, inner)
    case '!_': {
      const type = infer(node.args as Cel, env, inner)
      expectKinds(inner, node.args as Cel, type, ['boolean'], '`!`')
      return type.t === 'boolean' && type.v !== undefined ? literal(!type.v) : BOOLEAN
    }
    case '-_':
      expectKinds(inner, node.args as Cel, infer(node.args as Cel, env, inner), ['number', 'duration'], '`-`')
      return NUMBER
    case 'list': {
      const items = (node.args as Cel[]).map((item) => infer(item, env, inner))
      return listOf(items.length === 0 ? UNKNOWN : union(...items))
    }
    case 'map':
      return inferMap(node, env, inner)
    case 'call': case 'rcall': {
      const call = callOf(node)
      return call ? inferCall(call, env, inner) : UNKNOWN
    }
    default:
      return inferOperator(node, env, inner)
  }
}

function inferChoice(node: Cel, env: Env, work: Work): Type {
  const [condition, yes, no] = node.args as [Cel, Cel, Cel]
  const type = infer(condition, env, work)
  expectKinds(work, condition, type, ['boolean'], '`?:`')
  const branches = [infer(yes, narrow(condition, true, env), work), infer(no, narrow(condition, false, env), work)]
  return type.t === 'boolean' && type.v !== undefined ? (branches[type.v ? 0 : 1] ?? UNKNOWN) : union(...branches)
}

/**
 * An operand that fails does not matter where another one decides, so each may rely on what `has()` in the others shows; beside that, each relies on
 * those before it.
 */
function inferLogic(node: Cel, env: Env, work: Work): Type {
  const isAnd = node.op === '&&'
  const operands = operandsOf(node, node.op)
  let known = operands.reduce((before, operand) => narrow(operand, isAnd, before, 'presence'), env)
  const values = operands.map((operand) => {
    const type = infer(operand, known, work)
    expectKinds(work, operand, type, ['boolean'], `\`${node.op}\``)
    known = narrow(operand, isAnd, known)
    return type.t === 'boolean' ? type.v : undefined
  })
  if (values.includes(!isAnd)) return literal(!isAnd)
  return values.every((value) => value === isAnd) ? literal(isAnd) : BOOLEAN
}

/** `a && b && c` is one row, however it is bracketed. */
function operandsOf(node: Cel, op: string): Cel[] {
  return node.op === op ? [...operandsOf(node.left, op), ...operandsOf(node.right, op)] : [node]
}

function inferMap(node: Cel, env: Env, work: Work): Type {
  const fields: [string, Field][] = []
  let isOpen = false
  for (const [key, value] of node.args as Array<[Cel, Cel]>) {
    const name = constantOf(key)
    infer(key, env, work)
    const type = infer(value, env, work)
    if (name && isLiteral(name)) fields.push([String(name.v), { type }])
    else isOpen = true
  }
  return { t: 'map', fields: Object.fromEntries(fields), ...(isOpen ? { rest: UNKNOWN } : {}), fresh: true }
}

function inferMember(node: Cel, env: Env, work: Work): Type {
  const member = memberOf(node)
  const asksSoftly = node.op === '.?' || node.op === '[?]'
  const path = pathOf(node)
  const fact = path && env.facts.get(keyOf(path))
  if (fact) return asksSoftly ? { t: 'optional', of: fact } : fact
  const object = member?.object ?? node.left
  const from = infer(object, env, work)
  const isChain = from.t === 'optional'
  const whole = from.t === 'optional' ? from.of : from
  const isSoft = asksSoftly || isChain
  const type = member ? named(node, member.key, { object, whole, isSoft }, work) : computed(node, whole, env, work)
  return isSoft ? { t: 'optional', of: type } : type
}

interface Access {
  object: Cel
  whole: Type
  /** With `.?`: what is missing is no failure. */
  isSoft: boolean
}

function named(node: Cel, name: string, { object, whole, isSoft }: Access, work: Work): Type {
  const { type, unknown, maybeMissing, unsaid } = memberType(whole, name)
  const { reading } = work
  const at = { start: isCel(node.right) ? node.right.start : node.pos, end: node.end }
  if (unknown) {
    const kinds = members(without(whole, 'null'))
    const names = kinds.flatMap((one) => (one.t === 'map' ? Object.keys(one.fields) : []))
    const isMap = kinds.some(({ t }) => t === 'map')
    tellAt(work, at, 'MAG1072', isMap ? `${words(object)} has no "${name}"` : `${words(object)} is ${describeType(whole)} and has no members`, memberHelp(reading, name, names))
    return UNKNOWN
  }
  const [only] = members(without(whole, 'null'))
  if (only?.t === 'map' && only.rest && !Object.hasOwn(only.fields, name)) warnOfNear(at, { object, name, names: Object.keys(only.fields) }, work)
  if (isSoft) return type
  // Where a member is not in all of several types, only its being null in `outputs` is certain to matter.
  if (reading.missing === 'null' && (maybeMissing || unsaid || mayBe(whole, 'null') || isInSome(whole, name))) reading.missed?.()
  else if (maybeMissing || mayBe(whole, 'null')) tellMissing({ node, object, name, whole }, work)
  else if (unsaid && reading.missing !== 'null') warnOfUnsaid(node, name, work)
  return type
}

function warnOfUnsaid(node: Cel, name: string, work: Work): void {
  work.reading.tell({ code: 'MAG1073', severity: 'warning', start: node.start, end: node.end, message: `${words(node)} may be missing: its schema does not say that it is required`, help: `Write required: [${name}] in the schema, or ${softly(node, name)}.` })
}

function isInSome(type: Type, name: string): boolean {
  return members(type).some((one) => one.t === 'map' && !one.rest && !Object.hasOwn(one.fields, name))
}

function memberHelp(reading: Reading, name: string, names: readonly string[]): string | undefined {
  const near = reading.near(name, names)
  if (near) return `Did you mean "${near}"?`
  const unique = [...new Set(names)]
  return unique.length === 0 ? undefined : `There are: ${unique.slice(0, 20).join(', ')}${unique.length > 20 ? ', …' : '.'}`
}

/** Members that a schema does not name are allowed; one that is nearly the name of another was probably meant otherwise. */
function warnOfNear(at: { start: number; end: number }, { object, name, names }: { object: Cel; name: string; names: readonly string[] }, work: Work): void {
  // Of short names many are near.
  const near = names.length === 0 || name.length < 4 ? undefined : work.reading.near(name, names)
  if (near) work.reading.tell({ code: 'MAG1072', severity: 'warning', ...at, message: `${words(object)} does not declare "${name}"`, help: `Did you mean "${near}"?` })
}

function tellMissing({ node, object, name, whole }: { node: Cel; object: Cel; name: string; whole: Type }, work: Work): void {
  const isNull = mayBe(whole, 'null')
  const path = pathOf(isNull ? object : node)
  const why = path && work.reading.why(path)
  const what = isNull ? `${words(object)} may be null` : `${words(node)} may be missing`
  const soft = softly(node, name)
  const advice = why?.help ? (why.only ? why.help : `${why.help}, or write ${soft}.`) : `Write ${soft}, or ask with has() first.`
  const message = why ? `${what}: ${why.reason}` : what
  work.reading.tell({ code: 'MAG1073', severity: work.reading.missing === 'warn' ? 'warning' : 'error', start: object.start, end: node.end, message, help: advice })
}

/** The same member, asked softly. */
function softly(node: Cel, name: string): string {
  const source = node.input.slice(node.start, node.end)
  return source.length > 80 ? `.?${name}.orValue(…)` : `${source.slice(0, source.lastIndexOf(name) - 1)}.?${name}.orValue(…)`
}

/** An item of a list, or a member with a computed name: whether it is there only data will tell. */
function computed(node: Cel, whole: Type, env: Env, work: Work): Type {
  if (isCel(node.right)) infer(node.right, env, work)
  return union(...members(whole).map((one): Type => (one.t === 'list' ? one.of : UNKNOWN)))
}

const ARITHMETIC: Readonly<Record<string, ReadonlyArray<Type['t']>>> = {
  '+': ['number', 'string', 'list', 'time', 'duration'], '-': ['number', 'time', 'duration'], '*': ['number'], '/': ['number'], '%': ['number'],
}
const ORDERED: ReadonlyArray<Type['t']> = ['number', 'string', 'boolean', 'time', 'duration']

function inferOperator(node: Cel, env: Env, work: Work): Type {
  const [left, right] = [infer(node.left, env, work), infer(node.right, env, work)]
  const arithmetic = ARITHMETIC[node.op]
  switch (node.op) {
    case '==': case '!=':
      return equality(node, left, right, work)
    case 'in':
      return membership(node, left, right, work)
    case '<': case '<=': case '>': case '>=':
      if (both(node, [left, right], ORDERED, work)) sameKind(node, left, right, work)
      return BOOLEAN
    default:
      if (!arithmetic || !both(node, [left, right], arithmetic, work)) return UNKNOWN
      return arithmeticType(node, without(left, 'null'), without(right, 'null'), work)
  }
}

function both(node: Cel, [left, right]: readonly [Type, Type], kinds: ReadonlyArray<Type['t']>, work: Work): boolean {
  const first = expectKinds(work, node.left, left, kinds, `\`${node.op}\``)
  return expectKinds(work, node.right, right, kinds, `\`${node.op}\``) && first
}

function sameKind(node: Cel, left: Type, right: Type, work: Work): boolean {
  const kinds = new Set(members(right).map(({ t }) => t))
  if (isUnknown(left) || isUnknown(right) || members(left).some(({ t }) => kinds.has(t))) return true
  const help = [left, right].some(({ t }) => t === 'time') ? 'Times are texts in data: compare timestamp(…) with timestamp(…).' : 'Convert one of them: string(x), double(x).'
  tellAt(work, node, 'MAG1074', `\`${node.op}\` cannot combine ${describeType(widen(left))} and ${describeType(widen(right))}`, help)
  return false
}

function arithmeticType(node: Cel, left: Type, right: Type, work: Work): Type {
  const kinds = [left.t, right.t]
  if (kinds.includes('unknown') || kinds.includes('union')) return UNKNOWN
  if (kinds.includes('time') || kinds.includes('duration')) {
    if (left.t === right.t) return { t: 'duration' }
    if (kinds.includes('time') && kinds.includes('duration')) return { t: 'time' }
    sameKind(node, left, right, work)
    return UNKNOWN
  }
  if (!sameKind(node, left, right, work)) return UNKNOWN
  if (left.t === 'list' && right.t === 'list') return listOf(union(left.of, right.of))
  return left.t === 'string' ? STRING : NUMBER
}

function equality(node: Cel, left: Type, right: Type, work: Work): Type {
  if (mayBe(left, 'optional') || mayBe(right, 'optional')) {
    tellAt(work, node, 'MAG1074', 'What `.?` gives is no value yet, so it equals nothing', 'Say what it is where it is missing: .orValue(…).')
    return BOOLEAN
  }
  if (!areDisjoint(left, right)) return BOOLEAN
  const never = literal(node.op === '!=')
  // Whether something is null is asked of data that does not keep to its type.
  if (left.t === 'null' || right.t === 'null') return BOOLEAN
  const [asked, value] = isLiteral(right) ? [node.left, right] : [node.right, left]
  const among = literalsOf(isLiteral(right) ? left : right)
  const near = among && isLiteral(value) ? work.reading.near(String(value.v), among.map(String)) : undefined
  const path = pathOf(asked)
  const why = path && work.reading.why([...path, '==', isLiteral(value) ? String(value.v) : ''])
  const is = among ? choice(among.map((one) => JSON.stringify(one))) : undefined
  const message = is ? `This is always ${String(never.t === 'boolean' && never.v)}: ${words(asked)} is ${is}` : `This is always ${String(never.t === 'boolean' && never.v)}: ${describeType(left)} is never equal to ${describeType(right)}`
  work.reading.tell({ code: 'MAG1075', severity: 'warning', start: node.start, end: node.end, message, ...help(near ? `Did you mean "${near}"?` : why?.help) })
  return never
}

function help(text: string | undefined): { help?: string } {
  return text === undefined ? {} : { help: text }
}

function membership(node: Cel, left: Type, right: Type, work: Work): Type {
  if (!expectKinds(work, node.right, right, ['list', 'map'], '`in`')) return BOOLEAN
  const lists = members(right)
  if (!lists.every((one) => one.t === 'list' && areDisjoint(left, one.of)) || left.t === 'null') return BOOLEAN
  const items = lists.map((one) => (one.t === 'list' ? describeType(one.of) : '')).join(' or ')
  work.reading.tell({ code: 'MAG1075', severity: 'warning', start: node.start, end: node.end, message: `This is always false: ${describeType(left)} is never in a list of ${items}` })
  return literal(false)
}
