/** Words for the terminal. `clean` stands between everything that comes from outside and a person's screen. */
export { clean } from '../view/clean.ts'
import type { Json } from '../model/json.ts'
import { withoutHidden } from '../view/document.ts'

/** A result as `mag run` prints it: pretty for people, compact for programs; hidden keys left out. */
export function resultText(value: Json, pretty: boolean): string {
  return `${safeJson(withoutHidden(value), pretty)}\n`
}

/** JSON that no terminal takes for commands: C1 controls and line separators, legal in JSON, are escaped too. */
export function safeJson(value: unknown, pretty = false): string {
  return (JSON.stringify(value, null, pretty ? 2 : undefined) ?? 'null')
    .replace(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** A word as a shell takes it back. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
