/** Sizes and limits in the words of messages. */

/** `256 KiB`, `2 MiB`, `2.4 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_024) return `${bytes} bytes`
  const [value, unit] = bytes < 1_048_576 ? [bytes / 1_024, 'KiB'] : [bytes / 1_048_576, 'MiB']
  return `${Number(value.toFixed(1))} ${unit}`
}

/** A limit as an author would have written it: `1s`, `1500ms`, `5m`. */
export function formatLimit(ms: number): string {
  for (const [unit, size] of [['h', 3_600_000], ['m', 60_000], ['s', 1_000]] as const) {
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`
  }
  return `${ms}ms`
}

/** The text, or its beginning and end with the number of characters left out between. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text
  const tail = Math.floor(max / 4)
  return `${text.slice(0, max - tail)}… (${text.length - max} characters left out) …${text.slice(text.length - tail)}`
}
