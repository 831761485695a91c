/** `--secrets-file`: lines of `NAME=value` as other tools read them, or a JSON object of texts. */
import { MagError } from '../model/error.ts'
import { isObject } from '../model/json.ts'

const MAX_BYTES = 1024 * 1024
const LINE = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/

export { MAX_BYTES as SECRETS_FILE_BYTES }

/** Throws MAG2043, naming the line and never its value. */
export function parseSecrets(text: string, file: string): Map<string, string> {
  const trimmed = text.trimStart()
  if (trimmed.startsWith('{')) return fromJson(text, file)
  const found = new Map<string, string>()
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue
    const [, name, value] = LINE.exec(line) ?? []
    if (name === undefined || value === undefined) throw refusal(file, i + 1, 'is not of the form NAME=value')
    found.set(name, unquoted(value))
  }
  return found
}

function unquoted(value: string): string {
  if (value.length >= 2 && value.startsWith("'") && value.endsWith("'")) return value.slice(1, -1)
  if (value.length >= 2 && value.startsWith('"') && value.endsWith('"')) return value.slice(1, -1).replace(/\\(["\\$n])/g, (_, sign: string) => (sign === 'n' ? '\n' : sign))
  return value.replace(/\s+#.*$/, '')
}

function fromJson(text: string, file: string): Map<string, string> {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // The parser's message would quote what it read.
    throw refusal(file, 1, 'begins like JSON and is none')
  }
  const found = new Map<string, string>()
  for (const [name, value] of Object.entries(isObject(parsed) ? parsed : {})) {
    if (typeof value !== 'string') throw refusal(file, 1, `gives ${JSON.stringify(name)} a value that is no text`)
    found.set(name, value)
  }
  return found
}

function refusal(file: string, line: number, what: string): MagError {
  return new MagError('MAG2043', `line ${line} of the secrets file ${what}`, { hint: 'NAME=value on each line, or a JSON object of texts', location: { file, line, column: 1 } })
}
