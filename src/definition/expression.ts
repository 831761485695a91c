/**
 * CEL for workflows (LANGUAGE.md section 4): the only door to the expression library. Evaluation reads own properties of
 * plain data, is bounded by a counted budget and ends in plain JSON. Never an `eval`, never a host object.
 */
import { ExpressionError, type CompiledExpression, type Expressions, type Scope } from '../model/expression.ts'
import { LIMITS } from '../model/limits.ts'
import type { Json } from '../model/json.ts'
import { isSpent, refill } from './cel-budget.ts'
import { memberOf, referencesOf, type Cel, type Reference } from './cel-ast.ts'
import { createEnvironment } from './cel-environment.ts'
import { asError } from './cel-messages.ts'
import { instrument } from './cel-operators.ts'
import { plain, plainTop } from './cel-result.ts'

export interface CheckedExpression extends CompiledExpression {
  readonly references: readonly Reference[]
  /** For what looks at its parts without evaluating it. */
  readonly ast: Cel
  /** `bool`, `string`, `int`, `double`, `list`, `map`, … or `dyn` where only data will tell. */
  readonly type: string
}

export interface CheckedExpressions extends Expressions {
  compile(src: string): CheckedExpression
  /** Names of all functions and methods, for near misses. */
  functionNames(): readonly string[]
}

/** Letters of the expressions that are remembered: their trees take a hundred times that. */
const MAX_REMEMBERED = 1024 * 1024
/** Names with a meaning to the library that are no variables here. */
const HIDDEN: ReadonlySet<string> = new Set(['google'])

export function createExpressions(): CheckedExpressions {
  const environment = createEnvironment()
  const memo = new Map<string, CheckedExpression>()
  let remembered = 0
  const isConstant = (name: string): boolean => environment.hasVariable(name) && !HIDDEN.has(name)

  function compile(src: string): CheckedExpression {
    const there = memo.get(src)
    if (there) return there
    if (Buffer.byteLength(src) > LIMITS.expressionBytes) throw new ExpressionError(`the expression is longer than ${LIMITS.expressionBytes} bytes`)
    const compiled = prepare(src)
    remembered += src.length
    if (remembered > MAX_REMEMBERED) {
      memo.clear()
      remembered = src.length
    }
    memo.set(src, compiled)
    return compiled
  }

  function prepare(src: string): CheckedExpression {
    const parsed = guarded(src, () => environment.parse(src))
    const ast = parsed.ast as unknown as Cel
    const references = referencesOf(ast, isConstant)
    const checked = guarded(src, () => {
      instrument(ast)
      return parsed.check()
    })
    if (!checked.valid) throw asError(checked.error, src)
    const names = [...new Set(references.map((reference) => reference.root))]
    const stepIds = references.filter(({ root, path }) => root === 'steps' && path.length > 0).map(({ path }) => path[0] ?? '')
    const isPath = isPlainPath(ast)
    return {
      src, references, ast, names: new Set(names), stepIds: [...new Set(stepIds)], type: checked.type ?? 'dyn',
      evaluate(scope: Scope): Json {
        refill()
        const { stackTraceLimit } = Error
        let result: Json
        try {
          // Errors that operators swallow are made by the thousand.
          Error.stackTraceLimit = 0
          for (const name of names) {
            if (!Object.hasOwn(scope, name) || scope[name] === undefined) throw new ExpressionError(`${name} is missing`, { missing: true })
          }
          const value: unknown = parsed(scope)
          result = isPath ? plainTop(value) : plain(value)
        } catch (error) {
          if (isSpent()) throw new ExpressionError('the expression does too much work (its budget is spent); compute this in a worker')
          throw asError(error, src)
        } finally {
          Error.stackTraceLimit = stackTraceLimit
        }
        if (isSpent()) throw new ExpressionError('the expression does too much work (its budget is spent); compute this in a worker')
        return result
      },
    }
  }

  return { compile, functionNames: () => [...new Set(environment.getDefinitions().functions.map(({ name }) => name.replace('re2find', 'matches')))] }
}

function guarded<T>(src: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw asError(error, src)
  }
}

function isPlainPath(node: Cel): boolean {
  return node.op === 'id' || ((node.op === '.' || node.op === '[]') && memberOf(node) !== undefined && isPlainPath((node.args as [Cel])[0]))
}
