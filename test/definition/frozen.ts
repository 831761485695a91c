/** What no text, input or expression may change: the objects that all others inherit from. */
import assert from 'node:assert/strict'

const SHARED: ReadonlyArray<[string, object]> = [
  ['Object.prototype', Object.prototype], ['Array.prototype', Array.prototype], ['String.prototype', String.prototype], ['Number.prototype', Number.prototype],
  ['Function.prototype', Function.prototype], ['Date.prototype', Date.prototype], ['Map.prototype', Map.prototype], ['Error', Error],
]

function snapshot(): Map<string, unknown> {
  const found = new Map<string, unknown>()
  for (const [name, object] of SHARED) {
    for (const key of Reflect.ownKeys(object)) {
      const { value, get, set, writable, enumerable } = Object.getOwnPropertyDescriptor(object, key) ?? {}
      for (const [part, is] of Object.entries({ value, get, set, writable, enumerable })) found.set(`${name}.${String(key)} ${part}`, is)
    }
  }
  return found
}

/** Call the result after each thing that might have changed them. */
export function watchPrototypes(): (what: string) => void {
  const before = snapshot()
  return (what) => {
    const now = snapshot()
    for (const name of new Set([...before.keys(), ...now.keys()])) {
      assert.ok(Object.is(now.get(name), before.get(name)) && now.has(name) === before.has(name), `${what.slice(0, 200)} changed ${name}`)
    }
  }
}

/** Plain JSON all the way down: nothing of the host is in it. */
export function assertPlain(value: unknown, what: string): void {
  if (typeof value !== 'object' || value === null) {
    assert.ok(['string', 'number', 'boolean', 'object'].includes(typeof value), `${what} gave a ${typeof value}`)
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  assert.ok(prototype === null || prototype === Object.prototype || prototype === Array.prototype, `${what} gave an object of the host`)
  assert.ok(value !== Object.prototype && value !== Array.prototype, `${what} gave a prototype`)
  for (const key of Reflect.ownKeys(value)) {
    const { get, set, value: member } = Object.getOwnPropertyDescriptor(value, key) ?? {}
    assert.ok(get === undefined && set === undefined, `${what} gave an accessor`)
    if (!(Array.isArray(value) && key === 'length')) assertPlain(member, what)
  }
}
