/** The library's environment with what JSON data needs: mixed arithmetic, linear-time `matches`, a few more functions. */
import { Environment } from '@marcbachmann/cel-js'
import { ExpressionError } from '../model/expression.ts'
import { LIMITS } from '../model/limits.ts'
import type { Cel } from './cel-ast.ts'
import { charge, chargeText } from './cel-budget.ts'
import { plain } from './cel-result.ts'
import { durationText, timeText } from './cel-time.ts'
import { patternOf } from './pattern.ts'

export function createEnvironment(): Environment {
  const environment = new Environment({
    unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false, enableOptionalTypes: true,
    limits: { maxAstNodes: LIMITS.expressionBytes, maxDepth: 100 },
  })
  for (const op of ['+', '-', '*', '/', '%']) {
    const handler = (): never => {
      throw new ExpressionError('broken invariant: arithmetic is evaluated by cel-operators')
    }
    environment.registerOperator(`int ${op} double`, handler)
    environment.registerOperator(`double ${op} int`, handler)
  }
  environment.registerOperator('double % double', (a: number, b: number) => a % b)
  const sync = { async: false } as const
  environment.registerFunction('string.re2find(string): bool', (text: string, pattern: string) => matches(text, pattern), sync)
  environment.registerFunction('sum(list): dyn', sum, sync)
  environment.registerFunction('list.sum(): dyn', sum, sync)
  environment.registerFunction('sort(list): list', sort, sync)
  environment.registerFunction('list.sort(): list', sort, sync)
  environment.registerFunction('toJson(dyn): string', toJson, sync)
  environment.registerFunction('string(google.protobuf.Timestamp): string', timeText, sync)
  environment.registerFunction('string(google.protobuf.Duration): string', durationText, sync)
  for (const [name, change] of [['lower', (text: string) => text.toLowerCase()], ['upper', (text: string) => text.toUpperCase()]] as const) {
    environment.registerFunction(`${name}(string): string`, change, sync)
    environment.registerFunction(`string.${name}(): string`, change, sync)
  }
  lookShallowly(environment)
  return environment
}

interface Evaluator {
  debugType(value: unknown): unknown
}

/**
 * To choose among the overloads of a function, the library looks into lists and maps for the types in them, and for that lists all
 * keys of each map on the way: a thousand calls on a map of a million would take minutes. Its overloads need no more than `list`.
 */
function lookShallowly(environment: Environment): void {
  const probe = environment.parse('true')
  const ast = probe.ast as unknown as Cel
  ast.setMeta('evaluate', (evaluator: unknown) => {
    Object.defineProperty(evaluator, 'debugTypeDeep', { value(this: Evaluator, value: unknown) { return this.debugType(value) } })
    return true
  })
  probe({})
}

function matches(text: string, pattern: string): boolean {
  return patternOf(pattern).matcher(text).find()
}

function sum(items: unknown): number | bigint {
  if (!Array.isArray(items)) throw new ExpressionError('sum() needs a list of numbers')
  charge(items.length)
  let whole = 0n
  let total = 0
  let mixed = false
  for (const item of items as unknown[]) {
    if (typeof item === 'bigint') whole += item
    else if (typeof item === 'number') {
      mixed = true
      total += item
    } else throw new ExpressionError('sum() needs a list of numbers')
  }
  return mixed ? total + Number(whole) : whole
}

function sort(items: unknown): unknown[] {
  if (!Array.isArray(items)) throw new ExpressionError('sort() needs a list')
  charge(items.length * 8)
  for (const item of items) if (typeof item === 'string') charge((item.length * Math.ceil(Math.log2(items.length + 1))) >> 7)
  const numbers = items.every((item) => typeof item === 'number' || typeof item === 'bigint')
  if (!numbers && !items.every((item) => typeof item === 'string')) throw new ExpressionError('sort() needs a list of numbers or of texts')
  return (items as Array<string | number | bigint>).toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

function toJson(value: unknown): string {
  const text = JSON.stringify(plain(value))
  chargeText(text.length)
  return text
}
