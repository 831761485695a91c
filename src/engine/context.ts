/**
 * What a step sees (LANGUAGE.md section 4): the input, overlaid with the outputs of the steps it depends on, in file
 * order. Each key remembers the number of the step that wrote it, so that contexts that meet at a join merge by file
 * order in the size of the contexts, not of the graph.
 */
import { isJsonObject, type Json, type JsonObject } from '../model/json.ts'

interface Entry {
  readonly by: number
  readonly value: Json
}
export type Context = { readonly [key: string]: Entry }

type Draft = { [key: string]: Entry }

function empty(): Draft {
  return Object.create(null) as Draft
}

export function contextOfInput(input: JsonObject): Context {
  const context = empty()
  for (const key of Object.keys(input)) context[key] = { by: -1, value: input[key] as Json }
  return context
}

/** The context after a step: its output's keys on top. Arrays and scalars change nothing. */
export function extend(context: Context, by: number, output: Json | undefined): Context {
  if (!isJsonObject(output)) return context
  const keys = Object.keys(output)
  if (keys.length === 0) return context
  const next = copy(context)
  for (const key of keys) {
    const there = next[key]
    if (!there || there.by <= by) next[key] = { by, value: output[key] as Json }
  }
  return next
}

/** Later steps in the file win, whichever finished first. */
export function merge(contexts: readonly Context[]): Context {
  const [first, ...rest] = contexts
  if (!first) return empty()
  if (rest.every((other) => other === first)) return first
  const merged = copy(first)
  for (const other of rest) {
    for (const key in other) {
      const entry = other[key] as Entry
      const there = merged[key]
      if (!there || there.by < entry.by) merged[key] = entry
    }
  }
  return merged
}

export function toJson(context: Context): JsonObject {
  const json = Object.create(null) as { [key: string]: Json }
  for (const key in context) json[key] = (context[key] as Entry).value
  return json
}

function copy(context: Context): Draft {
  const next = empty()
  for (const key in context) next[key] = context[key] as Entry
  return next
}

/** With one more name, whoever wrote it before: an element's `as`. */
export function withName(context: Context, by: number, name: string, value: Json): Context {
  const next = copy(context)
  next[name] = { by, value }
  return next
}
