/** Text with `${{ }}` in it. `}}` ends a template only outside strings and brackets of the expression. */
import type { Value } from '../model/definition.ts'

export interface TemplateError {
  message: string
  /** 0-based, into the text. */
  start: number
  end: number
}

export interface TemplatePart {
  src: string
  /** Of the expression's first character in the text, after `${{` and spaces. */
  start: number
}

export type Template = { ok: true; parts: Array<string | TemplatePart> } | { ok: false; error: TemplateError }

export function hasTemplate(text: string): boolean {
  return text.includes('${{')
}

export function splitTemplate(text: string): Template {
  const parts: Array<string | TemplatePart> = []
  let at = 0
  for (let open = text.indexOf('${{'); open !== -1; open = text.indexOf('${{', at)) {
    if (open > at) parts.push(text.slice(at, open))
    const close = endOf(text, open + 3)
    if (close === -1) return { ok: false, error: { message: 'A "${{" without its "}}"', start: open, end: open + 3 } }
    const raw = text.slice(open + 3, close)
    const src = raw.trim()
    if (src === '') return { ok: false, error: { message: 'An empty "${{ }}"', start: open, end: close + 2 } }
    parts.push({ src, start: open + 3 + raw.length - raw.trimStart().length })
    at = close + 2
  }
  if (at < text.length) parts.push(text.slice(at))
  return { ok: true, parts }
}

/** A text's value; one lone expression keeps its type. */
export function parseTemplate(text: string): { ok: true; value: Value } | { ok: false; error: TemplateError } {
  const split = splitTemplate(text)
  return split.ok ? { ok: true, value: valueOfParts(split.parts) } : split
}

export function valueOfParts(parts: Array<string | TemplatePart>): Value {
  const [first] = parts
  if (first === undefined) return { t: 'lit', v: '' }
  if (parts.length === 1) return typeof first === 'string' ? { t: 'lit', v: first } : { t: 'expr', src: first.src }
  return { t: 'text', parts: parts.map((part) => (typeof part === 'string' ? part : { t: 'expr', src: part.src })) }
}

/** The index of the `}}` that ends the expression beginning at `from`, or -1. */
function endOf(text: string, from: number): number {
  let depth = 0
  for (let i = from; i < text.length; i++) {
    const c = text[i]
    if (c === '"' || c === "'") {
      i = endOfString(text, i)
      if (i === -1) return -1
    } else if (c === '{' || c === '[' || c === '(') depth++
    else if (c === '}' && depth === 0 && text[i + 1] === '}') return i
    else if (c === '}' || c === ']' || c === ')') depth = Math.max(0, depth - 1)
  }
  return -1
}

/** The index of the closing quote, as the expression's lexer finds it: a backslash hides the next sign in raw strings too. */
function endOfString(text: string, at: number): number {
  const quote = text[at] ?? ''
  const triple = text.startsWith(quote.repeat(3), at)
  const close = triple ? quote.repeat(3) : quote
  for (let i = at + close.length; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text.startsWith(close, i)) return i + close.length - 1
  }
  return -1
}
