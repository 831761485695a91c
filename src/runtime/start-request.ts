import type { Compiled } from '../engine/transition.ts'
import type { JsonObject } from '../model/json.ts'
import type { Parent } from '../model/message.ts'

export interface StartRequest {
  id: string
  workflow: string
  compiled: Compiled
  input: JsonObject
  key?: string
  inputHash: string
  parent?: Parent
  /** Hashes of the workflows that it may start as children, and that they may, by name. */
  children?: { readonly [workflow: string]: string }
}
