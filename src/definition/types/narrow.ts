/** What is known where a condition has given true, or false. */
import { callOf, memberOf, type Cel } from '../cel-ast.ts'
import { common, learn, memberType, minus, pathOf, typeAt, type Env } from './infer-scope.ts'
import { isUnknown, literal, members, NULL, type Type } from './type.ts'

/** `presence`: only by `has()` and `in`, which never fail themselves; so it holds for what stands before them too. */
export type Narrowing = 'all' | 'presence'

const MAX_DEPTH = 100

export function narrow(node: Cel, truth: boolean, env: Env, by: Narrowing = 'all', depth = 0): Env {
  if (depth > MAX_DEPTH) return env
  const deeper = (inner: Cel, is: boolean, from: Env) => narrow(inner, is, from, by, depth + 1)
  switch (node.op) {
    case '!_':
      return deeper(node.args as Cel, !truth, env)
    case '&&': case '||':
      return (node.op === '&&') === truth ? deeper(node.right, truth, deeper(node.left, truth, env)) : env
    case '==': case '!=':
      return by === 'all' ? byEquality(node, (node.op === '==') === truth, env) : env
    case 'in':
      return truth ? byMembership(node, env) : env
    case 'call': case 'rcall':
      return truth ? byCall(node, env) : env
    case 'id': case '.': case '[]':
      return by === 'all' ? byFlag(node, truth, env) : env
    default:
      return env
  }
}

function byFlag(node: Cel, truth: boolean, env: Env): Env {
  const path = pathOf(node)
  if (!path) return env
  const type = common(typeAt(env, path), literal(truth))
  return type.t === 'never' ? env : learn(env, path, type)
}

function byEquality(node: Cel, isEqual: boolean, env: Env): Env {
  const [path, value] = [pathOf(node.left) ?? pathOf(node.right), constantOf(node.right) ?? constantOf(node.left)]
  if (!path || !value) return env
  const there = typeAt(env, path)
  const type = isEqual ? common(there, value) : minus(there, value)
  return type.t === 'never' || (isUnknown(type) && !isEqual) ? env : learn(env, path, type)
}

/** Of a value that is written out. */
export function constantOf(node: Cel): Type | undefined {
  if (node.op !== 'value') return undefined
  const value: unknown = node.args
  if (value === null) return NULL
  if (typeof value === 'bigint') return literal(Number(value))
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? literal(value) : undefined
}

/** `"name" in inputs.who` */
function byMembership(node: Cel, env: Env): Env {
  const key = constantOf(node.left)
  const path = pathOf(node.right)
  return path && key?.t === 'string' && key.v !== undefined && !members(typeAt(env, path)).some(({ t }) => t === 'list') ? present(env, [...path, key.v]) : env
}

function byCall(node: Cel, env: Env): Env {
  const call = callOf(node)
  const [argument] = call?.args ?? []
  if (call?.name === 'has' && !call.receiver && argument && memberOf(argument)) {
    const path = pathOf(argument)
    return path ? present(env, path) : env
  }
  if (call?.name === 'hasValue' && call.receiver && memberOf(call.receiver)) {
    const path = pathOf(call.receiver)
    return path ? present(env, path) : env
  }
  return env
}

function present(env: Env, path: readonly string[]): Env {
  const { type, unknown } = memberType(typeAt(env, path.slice(0, -1)), path.at(-1) ?? '')
  return unknown ? env : learn(env, path, type)
}

