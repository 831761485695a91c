/** Calls: functions, methods, and loops with their variables. */
import { memberOf, type Call, type Cel } from '../cel-ast.ts'
import { FUNCTIONS, itemsOf, LOOPS, METHODS, type Signature } from './infer-calls.ts'
import { expectKinds, type Work } from './infer-expect.ts'
import { bind, typeAt, type Env } from './infer-scope.ts'
import { narrow } from './narrow.ts'
import { BOOLEAN, listOf, members, union, UNKNOWN, type Type } from './type.ts'

export function inferCall(call: Call, env: Env, work: Work): Type {
  const { name, receiver, args } = call
  const [first] = args
  if (!receiver) return name === 'has' && first ? inferHas(first, env, work) : byTable(call, FUNCTIONS, args, env, work)
  if (receiver.op === 'id' && receiver.args === 'cel' && name === 'bind') return inferBind(args, env, work)
  if (receiver.op === 'id' && receiver.args === 'optional' && !env.names.has('optional')) return name === 'of' && first ? { t: 'optional', of: work.infer(first, env, work) } : UNKNOWN
  if (LOOPS.has(name) && first?.op === 'id') return inferLoop(call, receiver, String(first.args), env, work)
  const type = work.infer(receiver, env, work)
  if (type.t === 'optional') return onOptional(name, type.of, args, env, work)
  return byTable({ ...call, name: `.${name}` }, METHODS, [receiver, ...args], env, work, type)
}

/** The last member may be missing, that is the question; those before it may not. */
function inferHas(path: Cel, env: Env, work: Work): Type {
  const member = memberOf(path)
  if (!member) return BOOLEAN
  work.infer(member.object, env, work)
  work.infer(path, env, { ...work, reading: { ...work.reading, missing: 'null', missed: () => undefined } })
  return BOOLEAN
}

function inferBind(args: readonly Cel[], env: Env, work: Work): Type {
  const [variable, value, body] = args
  if (!variable || !value || !body) return UNKNOWN
  return work.infer(body, bind(env, String(variable.args), work.infer(value, env, work)), work)
}

function onOptional(name: string, of: Type, args: readonly Cel[], env: Env, work: Work): Type {
  const given = args.map((arg) => work.infer(arg, env, work))
  switch (name) {
    case 'orValue': return union(of, given[0] ?? UNKNOWN)
    case 'or': return { t: 'optional', of: union(of, given[0]?.t === 'optional' ? given[0].of : UNKNOWN) }
    case 'value': return of
    case 'hasValue': return BOOLEAN
    default: return UNKNOWN
  }
}

function inferLoop(call: Call, receiver: Cel, variable: string, env: Env, work: Work): Type {
  const from = work.infer(receiver, env, work)
  const bodies = call.args.slice(1)
  if (!expectKinds(work, receiver, from, ['list', 'map'], `${call.name}()`)) return call.name === 'map' || call.name === 'filter' ? listOf(UNKNOWN) : BOOLEAN
  const item = union(...members(from).map((one) => itemsOf(one) ?? UNKNOWN))
  const inside = bind(env, variable, item)
  const [condition, result] = bodies
  if (!condition) return UNKNOWN
  if (call.name === 'map' && !result) return listOf(work.infer(condition, inside, work))
  expectKinds(work, condition, work.infer(condition, inside, work), ['boolean'], `${call.name}()`)
  if (call.name === 'map' && result) return listOf(work.infer(result, narrow(condition, true, inside), work))
  return call.name === 'filter' ? listOf(typeAt(narrow(condition, true, inside), [variable])) : BOOLEAN
}

function byTable(call: Call, table: Readonly<Record<string, Signature>>, operands: readonly Cel[], env: Env, work: Work, first?: Type): Type {
  const name = call.name.replace(/^\./, '')
  const types = operands.map((operand, i) => (i === 0 && first ? first : work.infer(operand, env, work)))
  const signature = Object.hasOwn(table, name) ? table[name] : undefined
  if (!signature) return UNKNOWN
  const shown = name === 're2find' ? 'matches()' : `${name}()`
  operands.forEach((operand, i) => {
    const kinds = i === 0 ? signature.of : signature.args?.[i - 1]
    if (kinds) expectKinds(work, operand, types[i] ?? UNKNOWN, kinds, shown)
  })
  return signature.gives === 'same' ? (types[0] ?? UNKNOWN) : signature.gives
}
