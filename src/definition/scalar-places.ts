/**
 * Where the characters of a scalar's value stand in the file: quotes, escapes, folding and indentation lie between. Folding and
 * indentation touch spaces and line breaks only, so all other characters stand in the file in the same order.
 */
import type { ScalarNode } from './tree.ts'

const known = new WeakMap<ScalarNode, Uint32Array>()

/** The offset in the file of the character at `index` of a scalar's value. Falls back to the scalar's start. */
export function offsetInScalar(text: string, node: ScalarNode, index: number): number {
  let offsets = known.get(node)
  if (!offsets) {
    offsets = offsetsOf(text, node)
    known.set(node, offsets)
  }
  return offsets[Math.min(index, offsets.length - 1)] ?? node.span.start
}

/** One for each character of the value and one for its end. */
function offsetsOf(text: string, { value, style, span }: ScalarNode): Uint32Array {
  const characters = typeof value === 'string' ? value : String(value)
  const offsets = new Uint32Array(characters.length + 1)
  const written = writtenAt(text, span, style)
  let next = 0
  /** Where the character before ended. */
  let end = written.count > 0 ? (written.starts[0] ?? span.start) : span.start
  for (let i = 0; i < characters.length; i++) {
    if (isSpace(characters[i])) {
      offsets[i] = end
      end = Math.min(end + 1, next < written.count ? (written.starts[next] ?? span.end) : span.end)
    } else {
      offsets[i] = written.starts[next] ?? span.start
      end = written.ends[next++] ?? span.end
    }
  }
  offsets[characters.length] = end
  return next === written.count ? offsets : offsets.fill(span.start)
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\n' || character === '\t' || character === '\r'
}

interface Written {
  starts: Uint32Array
  ends: Uint32Array
  count: number
}

/** Offsets of what is no space, one for each UTF-16 unit of the value. */
function writtenAt(text: string, { start, end }: ScalarNode['span'], style: ScalarNode['style']): Written {
  const quote = style === 'quoted' ? text[start] : undefined
  // A block scalar begins with its header: `|2-`, and perhaps a comment.
  const from = style === 'block' ? text.indexOf('\n', start) + 1 : quote === undefined ? start : start + 1
  const to = quote === undefined ? end : end - 1
  const written: Written = { starts: new Uint32Array(Math.max(0, to - from)), ends: new Uint32Array(Math.max(0, to - from)), count: 0 }
  for (let at = from; at < to; at++) {
    const character = text[at]
    if (isSpace(character)) continue
    if (quote === '"' && character === '\\') {
      const { length, units } = escapeAt(text, at)
      for (let i = 0; i < units; i++) add(written, at, at + length)
      at += length - 1
    } else {
      const length = quote === "'" && character === "'" ? 2 : 1
      add(written, at, at + length)
      at += length - 1
    }
  }
  return written
}

function add(written: Written, start: number, end: number): void {
  written.starts[written.count] = start
  written.ends[written.count++] = end
}

/** Of an escape in double quotes: how long it is, and how many UTF-16 units that are no space it stands for. */
function escapeAt(text: string, at: number): { length: number; units: number } {
  const letter = text[at + 1] ?? ''
  const digits = letter === 'x' ? 2 : letter === 'u' ? 4 : letter === 'U' ? 8 : 0
  if (digits === 0) return { length: 2, units: /[nrt \t\r\n]/.test(letter) ? 0 : 1 }
  const code = Number.parseInt(text.slice(at + 2, at + 2 + digits), 16)
  return { length: 2 + digits, units: [9, 10, 13, 32].includes(code) ? 0 : code > 0xffff ? 2 : 1 }
}
