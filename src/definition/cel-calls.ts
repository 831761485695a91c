/** Functions and methods: charged before they begin, with this folder's own in place of some of the library's. */
import { ExpressionError } from '../model/expression.ts'
import { run, type Call, type Evaluate } from './cel-ast.ts'
import { charge, chargeOperand, chargeText, chargeValue, keyCount } from './cel-budget.ts'
import { durationOf, fieldOf, timestampOf } from './cel-time.ts'
import { isPlain } from './cel-values.ts'
import { patternCost } from './pattern.ts'

export function callEvaluator({ name, receiver, args }: Call): Evaluate {
  const operands = receiver ? [receiver, ...args] : args
  return (evaluator, node, context) => {
    const values = operands.map((operand) => run(evaluator, operand, context))
    chargeCall(name, values)
    const own = ownResult(name, values, receiver !== undefined)
    if (own !== undefined) return own
    const result = receiver ? node.handle(values, evaluator, node) : node.handle(values, node, evaluator)
    chargeValue(result)
    return result
  }
}

const CALL_COST = 8
/** Beside that, for functions that do more than look. */
const COSTS: Readonly<Record<string, number>> = { timestamp: 45, duration: 110, string: 15, double: 12, int: 5, type: 5, bytes: 10 }

function chargeCall(name: string, args: unknown[]): void {
  charge(CALL_COST + (Object.hasOwn(COSTS, name) ? (COSTS[name] ?? 0) : 0))
  for (const arg of args) chargeOperand(arg)
  const [subject, other] = args
  if (Array.isArray(subject)) {
    if (name === 'join') chargeJoin(subject, typeof other === 'string' ? other.length : 0)
  } else if (name === 'size' && isPlain(subject)) charge(6 * keyCount(subject))
  else if (subject instanceof Date) charge(other === undefined ? 5 : 200)
  else if (typeof subject === 'string') chargeOnText(name, subject, typeof other === 'string' ? other : '')
}

function chargeOnText(name: string, subject: string, other: string): void {
  switch (name) {
    case 'contains': case 'indexOf': case 'lastIndexOf':
      charge(searchCost(subject, other))
      return
    case 'split':
      charge(searchCost(subject, other) + Math.floor((2 * subject.length) / Math.max(1, other.length)))
      return
    case 're2find':
      charge(patternCost(other, subject.length))
      return
    case 'size':
      // Counts code points one by one.
      charge(subject.length >> 2)
      return
    default:
  }
}

function searchCost(subject: string, other: string): number {
  return (subject.length * (1 + Math.min(64, other.length >> 2))) >> 4
}

function chargeJoin(items: unknown[], separator: number): void {
  let length = 0
  charge(items.length)
  for (const item of items) length += separator + (typeof item === 'string' ? item.length : 0)
  chargeText(length)
}

const NUMBERS: Readonly<Record<string, RegExp>> = {
  int: /^[+-]?\d+$/, uint: /^\+?\d+$/, double: /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf(?:inity)?|nan)$/i,
}

/** Where the library's own function depends on the host or takes what is no number. */
function ownResult(name: string, args: unknown[], isMethod: boolean): unknown {
  const [subject, other] = args
  if (isMethod) return name.startsWith('get') && args.length <= 2 ? fieldOf(name, subject, other) : undefined
  if (typeof subject !== 'string' || args.length !== 1) return undefined
  if (name === 'timestamp') return timestampOf(subject)
  if (name === 'duration') return durationOf(subject)
  const form = Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : undefined
  if (form && !form.test(subject)) throw new ExpressionError(`${name}() cannot convert ${JSON.stringify(subject.slice(0, 60))}`)
  return undefined
}
