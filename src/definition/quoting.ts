/** What to write where YAML reads a value as something else: the value in quotes. */

/** As YAML takes it: in single quotes where it holds double ones. */
export function quoted(text: string): string {
  return /["\\]/.test(text) ? `'${text.replaceAll("'", "''")}'` : `"${text}"`
}

/** For the value of the line that holds `offset`, where the line is `key: value`. */
export function quoteThis(text: string, offset: number): string | undefined {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  if (offset - start > 1_000) return undefined
  const line = text.slice(start, start + 1_000).split('\n', 1)[0] ?? ''
  const value = /^\s*(?:- +)*[\w.-]+:\s+(\S.*)$/.exec(line)?.[1]?.trimEnd()
  return value === undefined || /^(["'])(?:(?!\1).)*\1$/.test(value) ? undefined : `Quote this: ${quoted(value)}`
}
