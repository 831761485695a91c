/** What functions and methods of expressions take and give (docs/expressions.md). */
import { BOOLEAN, listOf, NUMBER, STRING, UNKNOWN, type Type } from './type.ts'

export type Kind = Type['t']

export interface Signature {
  /** Of the receiver of a method, or of a function's first argument; absent: anything. */
  of?: readonly Kind[]
  /** Of the arguments that follow. */
  args?: ReadonlyArray<readonly Kind[]>
  gives: Type | 'same'
}

const TEXT: readonly Kind[] = ['string']
const NUMBERS: readonly Kind[] = ['number']
const LIST: readonly Kind[] = ['list']
const SIZED: readonly Kind[] = ['string', 'list', 'map']
const MOMENTS: readonly Kind[] = ['time', 'duration']

const onText = (gives: Type, ...args: ReadonlyArray<readonly Kind[]>): Signature => ({ of: TEXT, args, gives })

export const METHODS: Readonly<Record<string, Signature>> = {
  startsWith: onText(BOOLEAN, TEXT), endsWith: onText(BOOLEAN, TEXT), contains: onText(BOOLEAN, TEXT), re2find: onText(BOOLEAN, TEXT), matches: onText(BOOLEAN, TEXT),
  lowerAscii: onText(STRING), upperAscii: onText(STRING), trim: onText(STRING), lower: onText(STRING), upper: onText(STRING),
  indexOf: onText(NUMBER, TEXT, NUMBERS), lastIndexOf: onText(NUMBER, TEXT, NUMBERS), substring: onText(STRING, NUMBERS, NUMBERS),
  split: onText(listOf(STRING), TEXT, NUMBERS), join: { of: LIST, args: [TEXT], gives: STRING }, size: { of: SIZED, gives: NUMBER },
  sum: { of: LIST, gives: NUMBER }, sort: { of: LIST, gives: 'same' },
  hasValue: { gives: BOOLEAN }, base64: { gives: STRING }, hex: { gives: STRING },
  ...Object.fromEntries(['getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear', 'getHours', 'getMinutes', 'getSeconds', 'getMilliseconds']
    .map((name): [string, Signature] => [name, { of: MOMENTS, args: [TEXT], gives: NUMBER }])),
}

export const FUNCTIONS: Readonly<Record<string, Signature>> = {
  size: { of: SIZED, gives: NUMBER }, string: { of: ['string', 'number', 'boolean', 'time', 'duration'], gives: STRING },
  int: { of: ['number', 'string'], gives: NUMBER }, uint: { of: ['number', 'string'], gives: NUMBER }, double: { of: ['number', 'string'], gives: NUMBER },
  bool: { of: ['boolean', 'string'], gives: BOOLEAN }, timestamp: { of: ['string', 'number', 'time'], gives: { t: 'time' } },
  duration: { of: ['string', 'duration'], gives: { t: 'duration' } }, toJson: { gives: STRING }, lower: { of: TEXT, gives: STRING }, upper: { of: TEXT, gives: STRING },
  sum: { of: LIST, gives: NUMBER }, sort: { of: LIST, gives: 'same' }, dyn: { gives: UNKNOWN }, type: { gives: UNKNOWN }, bytes: { gives: UNKNOWN },
}

/** What a loop over a value goes through; undefined: nothing that a loop takes. */
export function itemsOf(type: Type): Type | undefined {
  switch (type.t) {
    case 'list': return type.of
    case 'map': return STRING
    case 'unknown': case 'never': return UNKNOWN
    default: return undefined
  }
}

export const LOOPS: ReadonlySet<string> = new Set(['map', 'filter', 'all', 'exists', 'exists_one'])
