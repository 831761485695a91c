/**
 * Refuses hostile text before the YAML parser sees it: `yaml` recurses, and on deep nesting it can abort the process, which
 * no `catch` stops. The scan uses the parser's own lexer (flat and linear), and hands its tokens on, so both see the same. It
 * stops at the first limit. It is lenient where the checks after parsing are exact.
 */
import { CST, Lexer } from 'yaml'
import { LIMITS } from '../model/limits.ts'
import type { Code } from './codes.ts'
import type { Report, Span } from './report.ts'
import { quoted, quoteThis } from './quoting.ts'
import { quote } from './tree.ts'

/** Lexical depth that the parser survives with room to spare; the language's own limit is checked on the tree. */
const MAX_LEXICAL_DEPTH = 200
const MAX_ANCHORS = 500
/** Tokens of all kinds, spaces, comments and line breaks included: what the parser's time and memory grow with. */
const MAX_LEXEMES = 6 * LIMITS.yamlNodes
const MAX_LINES = 4 * LIMITS.yamlNodes
/** `a: b: c` is an error of its own; thousands of them on a line would be nested. */
const MAX_COLONS_IN_LINE = 20

interface Scan {
  offset: number
  /** Offsets of the open `{` and `[`. */
  flow: number[]
  /** Columns of the open block collections, strictly increasing. */
  columns: number[]
  /** The column of the next token, while only indentation and indicators were seen on this line. */
  column: number
  lineOpen: boolean
  colons: number
  lexemes: number
  nodes: number
  anchors: number
  aliases: number
  documents: number
  /** Where a plain text that ends with `$` began and ended, for the trap of `${{` inside `{ }`. */
  dollar: Span
}

/** The lexer's tokens where the text may be parsed. Otherwise the report says why. */
export function guardText(report: Report): string[] | undefined {
  const { text } = report
  if (text.length > LIMITS.fileBytes || Buffer.byteLength(text) > LIMITS.fileBytes) {
    report.error('MAG1010', { start: 0, end: 1 }, `The file is larger than 4 MiB`, 'Split the workflow, or keep data outside of it.')
    return undefined
  }
  if (!checkCharacters(report) || !checkLines(report)) return undefined
  const scan: Scan = {
    offset: 0, flow: [], columns: [], column: 0, lineOpen: true, colons: 0, lexemes: 0, nodes: 0, anchors: 0, aliases: 0, documents: 0, dollar: { start: -1, end: -1 },
  }
  const lexemes: string[] = []
  let isScalar = false
  for (const token of new Lexer().lex(text)) {
    lexemes.push(token)
    const isContent = isScalar
    // Markers of the lexer, not text: after one of them comes what looks like anything.
    isScalar = token === CST.SCALAR
    if (token === CST.DOCUMENT || isScalar) continue
    const found = isContent ? content(scan, token) : token === CST.FLOW_END ? unclosed(report, scan) : step(report, scan, token)
    if (refused(report, found ?? tooMany(++scan.lexemes, MAX_LEXEMES, spanAt(scan, token), 'signs, comments and lines'))) return undefined
    scan.offset += token.length
  }
  return refused(report, unclosed(report, scan)) ? undefined : lexemes
}

function refused(report: Report, found: Refusal | undefined): boolean {
  if (found) report.error(found.code, found.span, found.message, found.help)
  return found !== undefined || report.isFull()
}

/** What is not text, or not text that YAML knows. */
function checkCharacters(report: Report): boolean {
  const found = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\ufffe\uffff]|\r(?!\n)|\p{Surrogate}/u.exec(report.text)
  if (!found) return true
  const span = { start: found.index, end: found.index + 1 }
  const code = (found[0].charCodeAt(0)).toString(16).toUpperCase().padStart(4, '0')
  if (found[0] === '\r') report.error('MAG1012', span, 'A carriage return without a line feed', 'Save the file with line endings LF or CRLF.')
  else if (code === '0000') report.error('MAG1012', span, 'Control character U+0000 in the file', 'Save the file as UTF-8; this looks like UTF-16 or no text at all.')
  else report.error('MAG1012', span, `Control character U+${code} in the file`, 'Remove it, or write it as an escape in "…", for example "\\x1b".')
  return false
}

function checkLines({ text, error }: Report): boolean {
  let lines = 1
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
    if (++lines <= MAX_LINES) continue
    error('MAG1011', { start: at, end: at + 1 }, `The file has more than ${MAX_LINES} lines`)
    return false
  }
  return true
}

interface Refusal {
  code: Code
  span: Span
  message: string
  help?: string
}

function spanAt({ offset }: Scan, token: string): Span {
  return { start: offset, end: offset + Math.min(token.length, 40) }
}

function step(report: Report, scan: Scan, token: string): Refusal | undefined {
  const span = spanAt(scan, token)
  const type = CST.tokenType(token)
  switch (type) {
    case 'newline':
      scan.column = 0
      scan.lineOpen = true
      scan.colons = 0
      return undefined
    case 'space':
      scan.column += token.length
      return undefined
    case 'byte-order-mark': case 'comment': case 'comma': case 'block-scalar-header':
      return undefined
    case 'directive-line':
      if (!/^%YAML\s+1\.2\s*$/.test(token)) report.error('MAG1001', span, `YAML: the directive ${quote(token.trim())} is not supported`, 'Remove the line: YAML 1.2 is what is read, and it needs no directive.')
      return tooMany(++scan.documents, 10, span, 'directives and markers of documents')
    case 'doc-start': case 'doc-end':
      return tooMany(++scan.documents, 10, span, 'directives and markers of documents')
    case 'seq-item-ind': case 'explicit-key-ind': case 'map-value-ind':
      return indicator(scan, type, token, span)
    case 'flow-map-start': case 'flow-seq-start':
      if (isBareTemplate(report.text, scan.offset)) return bareTemplate(report.text, scan.offset)
      if (scan.dollar.end === scan.offset && report.text.startsWith('{{', scan.offset)) trapFlowTemplate(report, scan.dollar)
      return node(scan, span) ?? deeper(scan, span)
    case 'flow-map-end': case 'flow-seq-end':
      return flowEnd(report, scan, token, span)
    case 'double-quoted-scalar': case 'single-quoted-scalar':
      return isClosed(token) ? node(scan, span) : {
        code: 'MAG1001', span: { start: span.start, end: span.start + 1 }, message: `YAML: this ${token.charAt(0)} has no closing ${token.charAt(0)}`,
        help: 'Close the text on this line, or indent the lines that belong to it.',
      }
    case 'tag':
      trapTag(report, scan, token)
      return undefined
    case 'anchor':
      return tooMany(++scan.anchors, MAX_ANCHORS, span, 'anchors')
    case 'alias':
      return tooMany(++scan.aliases, LIMITS.yamlAliases, span, 'aliases') ?? node(scan, span)
    default:
      return node(scan, span)
  }
}

/** `{{ x }}`, as other systems write it: to YAML a map whose key is a map. */
function isBareTemplate(text: string, at: number): boolean {
  return text.startsWith('{{', at) && text[at - 1] !== '$' && text[at - 1] !== '{'
}

function bareTemplate(text: string, at: number): Refusal {
  const close = text.slice(at, at + 300).split('\n', 1)[0]?.indexOf('}}') ?? -1
  const end = close === -1 ? at + 2 : at + close + 2
  return { code: 'MAG1006', span: { start: at, end }, message: 'YAML reads {{ }} as a map whose key is a map', help: close === -1 ? 'A template is written "${{ … }}".' : `Write ${quoted(`$${text.slice(at, end)}`)}.` }
}

/** A plain text, or a block of lines with its indentation. */
function content(scan: Scan, token: string): Refusal | undefined {
  if (token.endsWith('$')) scan.dollar = { start: scan.offset, end: scan.offset + token.length }
  const refusal = node(scan, spanAt(scan, token))
  if (token.endsWith('\n')) Object.assign(scan, { column: 0, lineOpen: true, colons: 0 })
  return refusal
}

function indicator(scan: Scan, type: string, token: string, span: Span): Refusal | undefined {
  if (scan.flow.length > 0) return undefined
  if (!scan.lineOpen) {
    if (type !== 'map-value-ind' || ++scan.colons <= MAX_COLONS_IN_LINE) return undefined
    return { code: 'MAG1001', span, message: 'YAML: one line has many ": "', help: 'Put each key on a line of its own, or quote the text.' }
  }
  const refusal = open(scan, span)
  scan.column += token.length
  return refusal
}

/** An end that does not fit ends the scan: nothing after it can be told apart. */
function flowEnd({ text, place }: Report, scan: Scan, token: string, span: Span): Refusal | undefined {
  const begun = scan.flow.pop()
  const opening = token === '}' ? '{' : '['
  if (begun === undefined) return { code: 'MAG1001', span, message: `YAML: a "${token}" without its "${opening}"`, help: quoteThis(text, span.start) ?? 'Remove it, or put the text in quotes.' }
  if (text[begun] === opening) return undefined
  const { line, column } = place(begun)
  return { code: 'MAG1001', span, message: `YAML: a "${token}" where the "${text[begun]}" of ${line}:${column} is still open`, help: `Close it first with "${closing(text[begun])}".` }
}

function unclosed({ text }: Report, { flow }: Scan): Refusal | undefined {
  const begun = flow.at(-1)
  if (begun === undefined) return undefined
  return { code: 'MAG1001', span: { start: begun, end: begun + 1 }, message: `YAML: this "${text[begun]}" has no "${closing(text[begun])}"`, help: 'Close it, and indent the lines in it further than the key before it.' }
}

function closing(opening: string | undefined): string {
  return opening === '{' ? '}' : ']'
}

function isClosed(token: string): boolean {
  const end = token.charAt(0) === '"' ? /(?:^|[^\\])(?:\\\\)*"$/ : /(?:^|[^'])(?:'')*'$/
  return token.length > 1 && end.test(token.slice(1))
}

function node(scan: Scan, span: Span): Refusal | undefined {
  const refusal = tooMany(++scan.nodes, LIMITS.yamlNodes, span, 'keys and values')
  if (refusal) return refusal
  if (!scan.lineOpen || scan.flow.length > 0) return undefined
  scan.lineOpen = false
  return open(scan, span)
}

/** A token that begins a block collection, or may: what is open at its column or right of it has ended. */
function open(scan: Scan, span: Span): Refusal | undefined {
  while (scan.columns.length > 0 && (scan.columns.at(-1) ?? 0) >= scan.column) scan.columns.pop()
  scan.columns.push(scan.column)
  return tooDeep(scan, span)
}

function deeper(scan: Scan, span: Span): Refusal | undefined {
  scan.flow.push(span.start)
  return tooDeep(scan, span)
}

function tooDeep(scan: Scan, span: Span): Refusal | undefined {
  if (scan.flow.length + scan.columns.length <= MAX_LEXICAL_DEPTH) return undefined
  return { code: 'MAG1011', span, message: `The file is nested deeper than ${LIMITS.yamlDepth} levels` }
}

function tooMany(count: number, limit: number, span: Span, what: string): Refusal | undefined {
  return count <= limit ? undefined : { code: 'MAG1011', span, message: `The file has more than ${limit} ${what}` }
}

function trapTag(report: Report, { offset, flow }: Scan, token: string): void {
  const span = { start: offset, end: offset + token.length }
  if (token.startsWith('!!') || token.startsWith('!<')) {
    report.error('MAG1005', span, `YAML tags such as ${token.slice(0, 40)} are not supported`, 'Remove the tag, or put the text in quotes.')
    return
  }
  const line = report.text.slice(offset, offset + 200).split('\n', 1)[0] ?? ''
  const rest = line.replace(flow.length > 0 ? /[,}\]].*/ : / #.*/, '').trimEnd()
  report.error('MAG1005', span, 'A value that begins with "!" is a YAML tag, not a "not"', `Quote this: ${quoted(rest)}`)
}

function trapFlowTemplate({ text, error }: Report, { start, end }: Span): void {
  const close = text.slice(end, end + 300).indexOf('}}')
  const after = close === -1 ? end + 2 : end + close + 2
  const value = `${text.slice(start, after)}${/^[^,}\]\n]*/.exec(text.slice(after, after + 200))?.[0] ?? ''}`.trimEnd()
  error('MAG1006', { start: end - 1, end: after }, 'Inside { } and [ ], YAML reads the braces of ${{ }} as a map',
    `Quote this: ${quoted(close === -1 || value.includes('\n') ? '${{ … }}' : value)}`)
}

