/** What the attempt of a step is given, evaluated once, before the first one. */
import type { Value } from '../model/definition.ts'
import { ExpressionError } from '../model/expression.ts'
import { isJsonObject, type Json, type JsonObject } from '../model/json.ts'
import type { SecretUse } from '../model/command.ts'
import type { CompiledStep } from './layout.ts'
import { evaluate, type Place } from './scope.ts'
import type { Turn } from './turn.ts'

export interface Given {
  /** Undefined: the context. */
  input: Json | undefined
  secrets: SecretUse[]
}

export function placeOf(turn: Turn, step: CompiledStep): Place {
  return { compiled: turn.compiled, run: turn.draft, step }
}

export function inputOf(turn: Turn, step: CompiledStep): Given {
  const secrets: SecretUse[] = []
  const place = { ...placeOf(turn, step), secrets }
  const { kind, with: given } = step.step
  switch (kind.type) {
    case 'run': {
      const env = shellEnv(turn, place, given, kind.env)
      return { input: { env, ...(kind.cwd ? { cwd: evaluate(place, kind.cwd) } : {}) }, secrets }
    }
    case 'http':
      return { input: evaluate(place, kind.request), secrets }
    default:
      return { input: given && evaluate(place, given), secrets }
  }
}

/** `with` first, then the workflow's variables, then the step's own: the later ones win, and so do their secrets. */
function shellEnv(turn: Turn, place: Place & { secrets: SecretUse[] }, given: Value | undefined, own: Record<string, Value>): JsonObject {
  const env: { [name: string]: Json } = Object.create(null)
  const uses = new Map<string, SecretUse>()
  const put = (name: string, value: Json, secret: SecretUse | undefined): void => {
    env[name] = asText(value)
    if (secret) uses.set(name, { at: ['env', name], parts: secret.parts })
    else uses.delete(name)
  }
  const values = given ? evaluate(place, given) : {}
  if (!isJsonObject(values)) throw new ExpressionError('`with` of a shell step must give a map of variables')
  for (const name of Object.keys(values)) put(name, values[name] ?? null, place.secrets.find(({ at }) => at.length === 1 && at[0] === name))
  const { env: declared } = turn.compiled.definition
  for (const [name, value] of Object.entries(turn.draft.env)) put(name, value, secretOf(declared[name]))
  for (const name of Object.keys(own)) put(name, evaluate(place, own[name] as Value), secretOf(own[name]))
  place.secrets.splice(0, place.secrets.length, ...uses.values())
  return env
}

function secretOf(value: Value | undefined): SecretUse | undefined {
  return value?.t === 'secret' ? { at: [], parts: value.parts } : undefined
}

export function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
