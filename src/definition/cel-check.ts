/** What is known before evaluation: mistakes to the library that this language allows, and some that it forbids. */
import { ExpressionError } from '../model/expression.ts'
import { FORBIDDEN_KEYS } from '../model/json.ts'
import { isCel, type Cel, type Checker, type CelType } from './cel-ast.ts'
import { patternOf } from './pattern.ts'

type Tolerate = (node: Cel, checker: Checker) => CelType | undefined

/** Mistakes to the library that this language allows, with the type that results. */
const TOLERATE: Record<string, Tolerate> = {
  '==': (_node, checker) => checker.boolType, '!=': (_node, checker) => checker.boolType,
  in: (node, checker) => (['list', 'map'].includes(node.right.checkedType?.kind ?? '') ? checker.boolType : undefined),
  '+': (node, checker) => (node.left.checkedType?.kind === 'list' && node.right.checkedType?.kind === 'list' ? checker.listType : undefined),
  '?:': (_node, checker) => checker.dynType,
}

/** Types of the library's own objects: they have functions and no members. */
const FIELDLESS: ReadonlySet<string> = new Set(['message', 'primitive'])

export function prepareCheck(node: Cel): void {
  const tolerate = TOLERATE[node.op]
  if (tolerate) softenCheck(node, tolerate)
  if (['.', '.?', '[]', '[?]'].includes(node.op)) forbidFields(node)
  if (node.op === 'map') refuseKeys(node)
  if (['rcall', 'call', 'list', 'map'].includes(node.op)) settleType(node)
}

/** What `value()` of an optional gives, or what `[]` holds, is not known before: the library gives it a type of no name. */
function settleType(node: Cel): void {
  const { check } = node.meta
  node.setMeta('check', (checker: Checker, self: Cel, context: unknown): CelType => {
    const type = check(checker, self, context)
    if (type.kind === 'param') return checker.dynType
    if (type.valueType?.kind !== 'param') return type
    return type.kind === 'list' ? checker.listType : type.kind === 'map' ? checker.mapType : type
  })
}

function softenCheck(node: Cel, tolerate: Tolerate): void {
  const { check } = node.meta
  node.setMeta('check', (checker: Checker, self: Cel, context: unknown): CelType => {
    try {
      return check(checker, self, context)
    } catch (error) {
      const code = codeOf(error)
      // Only this node's own mistake: one in an operand stays one.
      const isOwn = nodeOf(error) === self && (code === 'no_such_overload' || code === 'incompatible_ternary_branches')
      const type = isOwn ? tolerate(self, checker) : undefined
      if (type === undefined) throw error
      return type
    }
  })
}

function forbidFields(node: Cel): void {
  const { check } = node.meta
  node.setMeta('check', (checker: Checker, self: Cel, context: unknown): CelType => {
    let type: CelType
    try {
      type = check(checker, self, context)
    } catch (error) {
      if (nodeOf(error) !== self || self.left.checkedType?.valueType?.kind !== 'param') throw error
      type = checker.dynType
    }
    const left = self.left.checkedType
    if (left && FIELDLESS.has(left.kind)) throw new ExpressionError(`${typeName(left.name)} has no members`, { range: { start: self.start, end: self.end } })
    return type.kind === 'param' ? checker.dynType : type
  })
}

/** In this language's words. */
export function typeName(type: string): string {
  const [word = ''] = type.split(/[<.]/)
  switch (word) {
    case 'string': return 'text'
    case 'int': case 'double': case 'uint': return 'a number'
    case 'bool': return 'true or false'
    case 'list': return 'a list'
    case 'map': return 'a map'
    case 'null': return 'null'
    case 'optional': return 'something that may be missing'
    case 'google': return type.endsWith('Duration') ? 'a duration' : 'a time'
    case 'CelNamespace': return '`cel`'
    case 'OptionalNamespace': return '`optional`'
    default: return `a value of type ${type}`
  }
}

export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
}

function nodeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'node' in error ? error.node : undefined
}

function refuseKeys(node: Cel): void {
  for (const [key] of node.args as Array<[Cel, Cel]>) {
    if (isCel(key) && key.op === 'value' && FORBIDDEN_KEYS.has(String(key.args))) {
      throw new ExpressionError(`the key "${String(key.args)}" is not allowed`, { range: { start: key.start, end: key.end } })
    }
  }
}

/** A pattern that is written out is looked at before anything runs. */
export function checkPattern(pattern: Cel | undefined): void {
  if (pattern?.op !== 'value' || typeof pattern.args !== 'string') return
  try {
    patternOf(pattern.args)
  } catch (error) {
    throw error instanceof ExpressionError ? new ExpressionError(error.message, { range: { start: pattern.start, end: pattern.end } }) : error
  }
}
