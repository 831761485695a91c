/**
 * Operators with this language's rules in place of the library's: JSON numbers and integers mix, values of different types
 * are unequal rather than an error, lists and branches of `?:` may mix types, members are own members of plain data, and all of
 * it is charged (cel-budget.ts).
 */
import { FORBIDDEN_KEYS } from '../model/json.ts'
import { ExpressionError } from '../model/expression.ts'
import { callOf, children, run, weigh, type Cel, type Checker, type Evaluate } from './cel-ast.ts'
import { charge, chargeOperand, chargeText, chargeValue, ERROR_COST, keyCount, spend } from './cel-budget.ts'
import { callEvaluator } from './cel-calls.ts'
import { checkPattern, prepareCheck } from './cel-check.ts'
import { nanosOf, timeArithmetic } from './cel-time.ts'
import { Duration, isNumber, isPlain, numeric, Optional } from './cel-values.ts'

/** Far more than anybody writes, far less than a stack holds. */
const MAX_DEPTH = 400

/** Prepares a parsed tree; returns it. Throws where it holds what is not allowed. */
export function instrument(ast: Cel, depth = 0): Cel {
  if (depth > MAX_DEPTH) throw new ExpressionError('the expression is nested too deep', { range: { start: ast.start, end: ast.end } })
  for (const child of children(ast)) instrument(child, depth + 1)
  const call = callOf(ast)
  const { alternate, macro } = ast.meta
  if (alternate) boundLoop(alternate)
  else if (macro && call?.name === 'has') macro.evaluate = evaluateHas(call.args[0])
  else if (call && macro === undefined) {
    // The library's `matches` backtracks. The name has no other use, so offsets and messages stay true.
    if (call.name === 're2find') throw new ExpressionError('there is no function of this name', { range: { start: ast.start, end: ast.end } })
    if (call.name === 'matches' && Array.isArray(ast.args)) {
      checkPattern(call.args[0])
      call.name = 're2find'
      ast.args[0] = call.name
    }
    ast.setMeta('evaluate', callEvaluator(call))
  }
  const evaluate = EVALUATE[ast.op]
  if (evaluate && !(ast.op === 'map' && children(ast).length === 0)) ast.setMeta('evaluate', evaluate)
  prepareCheck(ast)
  return ast
}

interface Loop {
  kind?: string
  iterable: Cel
  condition?: (accumulated: unknown) => unknown
  step: Cel
}

function boundLoop(node: Cel): void {
  const loop = node.args as Loop
  const weight = 1 + weigh(loop.step)
  const { condition, iterable, step } = loop
  loop.condition = condition ? (value) => spend(weight) && condition(value) : () => spend(weight)
  loop.iterable = withEvaluate(iterable, (evaluator, _self, context) => {
    const items = run(evaluator, iterable, context)
    if (!Array.isArray(items)) chargeValue(items)
    return items
  })
  if (loop.kind === 'quantifier') {
    loop.step = withEvaluate(step, (evaluator, _self, context) => {
      try {
        return run(evaluator, step, context)
      } catch (error) {
        spend(ERROR_COST)
        throw error
      }
    })
  }
}

/** The same node for checking, with another way to evaluate it. */
function withEvaluate(node: Cel, evaluate: Evaluate): Cel {
  const copy: Cel = Object.create(node) as Cel
  // What the class keeps private is not inherited.
  Object.defineProperty(copy, 'meta', { get: () => node.meta })
  Object.defineProperty(copy, 'input', { value: node.input })
  Object.defineProperty(copy, 'maybeAsync', { value: false })
  Object.defineProperty(copy, 'check', { value: (checker: Checker, _self: Cel, context: unknown) => checker.check(node, context) })
  Object.defineProperty(copy, 'evaluate', { value: evaluate })
  return copy
}

/** `has(a.b.c)`: whether the last member is there; those before it must be, unless they are read with `.?`. */
function evaluateHas(path: Cel | undefined): (evaluator: unknown, macro: unknown, context: unknown) => boolean {
  return (evaluator, _macro, context) => {
    const members: Cel[] = []
    let at = path
    for (; at && (at.op === '.' || at.op === '.?'); at = (at.args as [Cel, string])[0]) members.unshift(at)
    let value: unknown = at && run(evaluator, at, context)
    let isOptional = false
    for (const [i, member] of members.entries()) {
      isOptional ||= member.op === '.?'
      const found = ownMember(value, (member.args as [Cel, string])[1])
      if (found === undefined && (isOptional || i === members.length - 1)) return false
      if (found === undefined) throw missing(member)
      value = found
    }
    return true
  }
}

function ownMember(value: unknown, key: string): unknown {
  return isPlain(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

function missing(node: Cel, why = 'there is no such value'): ExpressionError {
  return new ExpressionError(`${node.input.slice(node.start, node.end)} is missing: ${why}`, { range: { start: node.start, end: node.end }, missing: true })
}

/** Members of plain data, and items of lists. The library would read any property of its own objects, and of their prototypes. */
const access: Evaluate = (evaluator, node, context) => {
  const from = run(evaluator, node.left, context)
  const key = typeof node.right === 'string' ? node.right : numeric(run(evaluator, node.right, context))
  const isOptional = from instanceof Optional
  if (isOptional && !from.hasValue()) return from
  const object: unknown = isOptional ? from.value() : from
  const what = () => node.input.slice(node.left.start, node.left.end)
  if (typeof key === 'object') throw new ExpressionError(`${what()} is read by a name or a number, not by ${key === null ? 'null' : 'a list or a map'}`)
  if (isForeign(object)) throw new ExpressionError(`${what()} has no members`)
  if (node.right !== key) chargeOperand(key)
  const found = Array.isArray(object) ? itemOf(object, key) : ownMember(object, String(key))
  if (isOptional || node.op === '.?' || node.op === '[?]') return found === undefined ? Optional.none() : Optional.of(found)
  if (found !== undefined) return found
  throw missing(node, Array.isArray(object) && isNumber(key) ? `there is no item ${key} in a list of ${object.length}` : undefined)
}

function itemOf(items: readonly unknown[], key: unknown): unknown {
  return isNumber(key) ? items[Number(key)] : undefined
}

/** An object of the library or of the host: times, durations, bytes, types, namespaces. */
function isForeign(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isPlain(value) && !(value instanceof Optional)
}

const arithmetic: Evaluate = (evaluator, node, context) => {
  const a = numeric(run(evaluator, node.left, context))
  const b = numeric(run(evaluator, node.right, context))
  if (isNumber(a) && isNumber(b)) {
    return typeof a === 'number' || typeof b === 'number' ? calculate(node.op, Number(a), Number(b)) : node.handle(a, b, node, evaluator)
  }
  if (node.op === '+') {
    if (typeof a === 'string' && typeof b === 'string') {
      chargeText(a.length + b.length)
      return a + b
    }
    if (Array.isArray(a) && Array.isArray(b)) {
      charge(1 + a.length + b.length)
      return [...(a as unknown[]), ...(b as unknown[])]
    }
  }
  const time = timeArithmetic(node.op, a, b)
  if (time) return time
  chargeOperand(a)
  chargeOperand(b)
  return node.handle(a, b, node, evaluator)
}

function calculate(op: string, a: number, b: number): number {
  switch (op) {
    case '+': return a + b
    case '-': return a - b
    case '*': return a * b
    case '/': return a / b
    default: return a % b
  }
}

const ordering: Evaluate = (evaluator, node, context) => {
  const a = numeric(run(evaluator, node.left, context))
  const b = numeric(run(evaluator, node.right, context))
  if ((isNumber(a) && isNumber(b)) || (typeof a === 'string' && typeof b === 'string')) {
    if (typeof a === 'string') charge(1 + (Math.min(a.length, String(b).length) >> 7))
    switch (node.op) {
      case '<': return a < b
      case '<=': return a <= b
      case '>': return a > b
      default: return a >= b
    }
  }
  chargeOperand(a)
  chargeOperand(b)
  return node.handle(a, b, node, evaluator)
}

const equals: Evaluate = (evaluator, node, context) => equal(run(evaluator, node.left, context), run(evaluator, node.right, context))
const differs: Evaluate = (evaluator, node, context) => !equal(run(evaluator, node.left, context), run(evaluator, node.right, context))

function equal(left: unknown, right: unknown): boolean {
  const [a, b] = [numeric(left), numeric(right)]
  charge(1)
  if (typeof a === 'string' && typeof b === 'string') {
    if (a.length === b.length) charge(a.length >> 7)
    return a === b
  }
  if (a === b) return true
  // biome-ignore lint/suspicious/noDoubleEquals: 1 == 1n is what is asked
  if (isNumber(a) && isNumber(b)) return a == b
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => equal(item, b[i]))
  if (isPlain(a) && isPlain(b)) {
    chargeValue(a)
    chargeValue(b)
    const keys = Object.keys(a)
    return keys.length === keyCount(b) && keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]))
  }
  return equalObjects(a, b)
}

function equalObjects(a: object, b: object): boolean {
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime()
  if (a instanceof Duration && b instanceof Duration) return nanosOf(a) === nanosOf(b)
  if (!(a instanceof Uint8Array && b instanceof Uint8Array)) return false
  chargeOperand(a)
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

const membership: Evaluate = (evaluator, node, context) => {
  const item = run(evaluator, node.left, context)
  const container = run(evaluator, node.right, context)
  if (Array.isArray(container)) return container.some((one) => equal(item, one))
  if (isPlain(container)) {
    chargeOperand(item)
    return typeof item === 'string' && Object.hasOwn(container, item)
  }
  return node.handle(item, container, node, evaluator)
}

/** CEL's rule: an operand that fails does not matter where the other one decides. */
function logical(decides: boolean): Evaluate {
  return (evaluator, node, context) => {
    let first: unknown
    let failure: unknown
    try {
      first = run(evaluator, node.left, context)
      if (first === decides) return decides
    } catch (error) {
      charge(ERROR_COST)
      failure = error
    }
    const second = run(evaluator, node.right, context)
    if (second === decides) return decides
    if (failure !== undefined) throw failure
    for (const value of [first, second]) {
      if (typeof value !== 'boolean') throw new ExpressionError(`"${node.op}" needs true or false on both sides`)
    }
    return !decides
  }
}

const listLiteral: Evaluate = (evaluator, node, context) => {
  charge(4)
  return (node.args as Cel[]).map((item) => run(evaluator, item, context))
}

const mapLiteral: Evaluate = (evaluator, node, context) => {
  const result = Object.create(null) as Record<string, unknown>
  for (const [keyNode, valueNode] of node.args as Array<[Cel, Cel]>) {
    charge(20)
    const key = numeric(run(evaluator, keyNode, context))
    const name = typeof key === 'string' ? key : isNumber(key) || typeof key === 'boolean' ? String(key) : undefined
    if (name === undefined || FORBIDDEN_KEYS.has(name)) throw new ExpressionError(`not allowed as a key of a map: ${String(name ?? typeof key)}`)
    result[name] = run(evaluator, valueNode, context)
  }
  return result
}

const EVALUATE: Record<string, Evaluate> = {
  '+': arithmetic, '-': arithmetic, '*': arithmetic, '/': arithmetic, '%': arithmetic,
  '<': ordering, '<=': ordering, '>': ordering, '>=': ordering,
  '==': equals, '!=': differs, in: membership, '||': logical(true), '&&': logical(false),
  '.': access, '[]': access, '.?': access, '[?]': access, list: listLiteral, map: mapLiteral,
}
