/** Values with templates in them (LANGUAGE.md section 4). Never evaluates a result a second time. */
import type { SecretUse } from '../model/command.ts'
import type { Expression, Value } from '../model/definition.ts'
import { ExpressionError, type Expressions, type Scope } from '../model/expression.ts'
import type { Json } from '../model/json.ts'

export { parseTemplate } from './template.ts'

/** What is recorded and shown of a secret. */
export const HIDDEN = '***'

export interface EvaluateOptions {
  /** Instead of throwing, a map entry or list item becomes null whose expression, or one of its text, is missing. */
  missingAsNull?: (reference: string) => void
  /** Where secrets stand is added here; `***` stands in their place. */
  secrets?: SecretUse[]
}

/** Throws ExpressionError. */
export function evaluateValue(value: Value, scope: Scope, expressions: Expressions, options: EvaluateOptions = {}, at: ReadonlyArray<string | number> = []): Json {
  switch (value.t) {
    case 'secret':
      options.secrets?.push({ at: [...at], parts: value.parts })
      return HIDDEN
    case 'lit':
      return value.v
    case 'expr':
      return orNull(value.src, () => expressions.compile(value.src).evaluate(scope), options)
    case 'text':
      return orNull(sourceOf(value.parts), () => value.parts.map((part) => (typeof part === 'string' ? part : asText(expressions.compile(part.src).evaluate(scope)))).join(''), options)
    case 'list':
      return value.items.map((item, i) => evaluateValue(item, scope, expressions, options, [...at, i]))
    case 'map':
      return Object.fromEntries(value.entries.map(([key, item]) => [key, evaluateValue(item, scope, expressions, options, [...at, key])]))
  }
}

function orNull(source: string, evaluate: () => Json, { missingAsNull }: EvaluateOptions): Json {
  if (!missingAsNull) return evaluate()
  try {
    return evaluate()
  } catch (error) {
    if (!(error instanceof ExpressionError) || !error.missing) throw error
    missingAsNull(source)
    return null
  }
}

/** As it is written. */
function sourceOf(parts: ReadonlyArray<string | Expression>): string {
  return parts.map((part) => (typeof part === 'string' ? part : `\${{ ${part.src} }}`)).join('')
}

function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What a value reads: root names, and ids read as `steps.<id>`. */
export function valueRefs(value: Value, expressions: Expressions): { names: ReadonlySet<string>; stepIds: readonly string[] } {
  const [only, ...others] = expressionsOf(value)
  if (only && others.length === 0) return expressions.compile(only.src)
  const names = new Set<string>()
  const stepIds = new Set<string>()
  for (const { src } of only ? [only, ...others] : []) {
    const compiled = expressions.compile(src)
    for (const name of compiled.names) names.add(name)
    for (const id of compiled.stepIds) stepIds.add(id)
  }
  return { names, stepIds: [...stepIds] }
}

export function expressionsOf(value: Value): Expression[] {
  switch (value.t) {
    case 'lit':
    case 'secret':
      return []
    case 'expr':
      return [value]
    case 'text':
      return value.parts.filter((part) => typeof part !== 'string')
    case 'list':
      return value.items.flatMap(expressionsOf)
    case 'map':
      return value.entries.flatMap(([, item]) => expressionsOf(item))
  }
}
