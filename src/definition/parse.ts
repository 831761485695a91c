/** YAML 1.2 core (JSON included) to a tree with places. Everything doubtful is refused here, before anything reads it. */
import { Composer, isAlias, isMap, isScalar, isSeq, Parser, type Alias, type Document, type Scalar, type YAMLMap } from 'yaml'
import { FORBIDDEN_KEYS } from '../model/json.ts'
import { LIMITS } from '../model/limits.ts'
import { guardText } from './guard.ts'
import type { Report, Span } from './report.ts'
import { quoteThis } from './quoting.ts'
import { clip, type Entry, type MapNode, type Node, type ScalarNode } from './tree.ts'

interface Build {
  report: Report
  /** Keys and values, and the characters of texts, after aliases are expanded. */
  nodes: number
  characters: number
  /** The latest node of each anchor's name: what an alias further down means. */
  anchors: Map<string, unknown>
  /** Anchored nodes already built, with their sizes. */
  done: Map<unknown, { node: Node; nodes: number; characters: number }>
  /** Nodes being built: an alias to one of these contains itself. */
  open: Set<unknown>
  /** True: the tree is not what the text says. */
  stopped: boolean
}

const OPTIONS = {
  version: '1.2', schema: 'core', strict: true, uniqueKeys: false, intAsBigInt: true, prettyErrors: false, logLevel: 'silent', merge: false,
} as const

/** The tree, or undefined where the report has errors that make one meaningless. */
export function parseText(report: Report): Node | undefined {
  const lexemes = guardText(report)
  if (!lexemes || report.hasErrors()) return undefined
  const [document, second] = documentsOf(lexemes, report.text.length)
  if (!document) return undefined
  const lines = new Set<number>()
  for (const { pos, message, code } of [...document.errors, ...document.warnings]) {
    const { line } = report.place(pos[0])
    // One slip makes the parser stumble several times on its line.
    if (lines.has(line)) continue
    lines.add(line)
    report.error('MAG1001', { start: pos[0], end: pos[1] }, `YAML: ${message.split('\n')[0]}`, syntaxHelp(report.text, pos[0], code))
    if (report.isFull()) break
  }
  if (second) {
    report.error('MAG1001', { start: second.range[0], end: second.range[0] + 3 }, 'YAML: a second document begins here', 'One workflow per file: remove the "---" or "..." between documents.')
  }
  if (report.hasErrors()) return undefined
  const build: Build = { report, nodes: 0, characters: 0, anchors: new Map(), done: new Map(), open: new Set(), stopped: false }
  const node = buildNode(build, document.contents, { start: 0, end: 0 }, 1)
  return build.stopped ? undefined : node
}

function documentsOf(lexemes: readonly string[], length: number): Document.Parsed[] {
  const { stackTraceLimit } = Error
  // The parser's errors are values: a hostile file has ten thousands of them, and each stack trace takes its time.
  Error.stackTraceLimit = 0
  try {
    return [...new Composer(OPTIONS).compose(tokensOf(lexemes), true, length)]
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

function* tokensOf(lexemes: readonly string[]) {
  const parser = new Parser()
  for (const lexeme of lexemes) yield* parser.next(lexeme)
  yield* parser.end()
}

const SYNTAX_HELP: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'Indent with spaces; YAML allows no tabs there.',
  BAD_INDENT: 'Check the indentation of this line.',
  BAD_SCALAR_START: 'Quote the value.',
  BAD_DQ_ESCAPE: "In \"…\", write \\\\ for a backslash; or use '…', where it means itself.",
  BLOCK_AS_IMPLICIT_KEY: 'Quote a value that holds ": ".',
  MULTILINE_IMPLICIT_KEY: 'A key needs a ":" on its own line.',
  MISSING_CHAR: 'Check the indentation of this line, and the ":" or "-" before it.',
  UNEXPECTED_TOKEN: 'Check the quotes: a quoted value ends with its closing quote.',
}

/** Errors that quotes around the value of their line would mend. */
const QUOTABLE = new Set(['BLOCK_AS_IMPLICIT_KEY', 'UNEXPECTED_TOKEN', 'BAD_SCALAR_START', 'MULTILINE_IMPLICIT_KEY'])

function syntaxHelp(text: string, offset: number, code: string): string | undefined {
  return (QUOTABLE.has(code) ? quoteThis(text, offset) : undefined) ?? SYNTAX_HELP[code]
}

function stop(build: Build, code: 'MAG1011', span: Span, message: string): Node {
  if (!build.stopped) build.report.error(code, span, message)
  build.stopped = true
  return { kind: 'scalar', span, value: null, style: 'plain' }
}

function buildNode(build: Build, source: unknown, fallback: Span, depth: number): Node {
  const span = spanOf(source) ?? fallback
  if (build.stopped && build.nodes > LIMITS.yamlNodes) return { kind: 'scalar', span, value: null, style: 'plain' }
  const over = grow(build, 1, 0)
  if (over) return stop(build, 'MAG1011', span, over)
  if (depth > LIMITS.yamlDepth) return stop(build, 'MAG1011', span, `The file is nested deeper than ${LIMITS.yamlDepth} levels`)
  if (isAlias(source)) return buildAlias(build, source, span, depth)
  if ((isMap(source) || isSeq(source) || isScalar(source)) && source.anchor) build.anchors.set(source.anchor, source)
  if (!isMap(source) && !isSeq(source)) return buildScalar(build, source, span)
  const { nodes, characters } = build
  build.open.add(source)
  const node: Node = isMap(source) ? buildMap(build, source, span, depth)
    : { kind: 'list', span, items: source.items.map((item) => buildNode(build, item, span, depth + 1)) }
  build.open.delete(source)
  if (source.anchor) build.done.set(source, { node, nodes: build.nodes - nodes, characters: build.characters - characters })
  return node
}

/** Counts; says which limit is passed. */
function grow(build: Build, nodes: number, characters: number): string | undefined {
  build.nodes += nodes
  build.characters += characters
  if (build.nodes > LIMITS.yamlNodes) return `The file has more than ${LIMITS.yamlNodes} keys and values, aliases expanded`
  return build.characters > LIMITS.fileBytes ? 'The file has more than 4 MiB of text, aliases expanded' : undefined
}

function buildAlias(build: Build, alias: Alias, span: Span, depth: number): Node {
  const target = build.anchors.get(alias.source)
  if (target === undefined) {
    build.report.error('MAG1001', span, `YAML: no anchor &${clip(alias.source)} above this alias`, 'Text that begins with "*" must be quoted.')
    build.stopped = true
    return { kind: 'scalar', span, value: null, style: 'plain' }
  }
  if (build.open.has(target)) return stop(build, 'MAG1011', span, `The alias *${alias.source} contains itself`)
  const done = build.done.get(target)
  if (!done) return buildNode(build, target, span, depth)
  const over = grow(build, done.nodes, done.characters)
  if (over) return stop(build, 'MAG1011', span, over)
  if (depth + depthOf(done.node) > LIMITS.yamlDepth) return stop(build, 'MAG1011', span, `The file is nested deeper than ${LIMITS.yamlDepth} levels`)
  return done.node
}

function depthOf(node: Node): number {
  if (node.kind === 'scalar') return 0
  const inner = node.kind === 'list' ? node.items : node.entries.map((entry) => entry.value)
  let deepest = 0
  for (const one of inner) deepest = Math.max(deepest, depthOf(one))
  return deepest + 1
}

function buildMap(build: Build, source: YAMLMap, span: Span, depth: number): MapNode {
  const entries: Entry[] = []
  const seen = new Set<string>()
  for (const pair of source.items) {
    const keySpan = spanOf(pair.key) ?? span
    const key = keyOf(pair.key)
    if (key === undefined) {
      build.report.error('MAG1009', keySpan, isMap(pair.key) ? 'A key must be text, not a map' : isSeq(pair.key) ? 'A key must be text, not a list' : 'A key is missing here', 'Quote text that holds ": ", or begins with "?", "[" or "{".')
      continue
    }
    if (FORBIDDEN_KEYS.has(key)) {
      build.report.error('MAG1008', keySpan, `The key "${key}" is not allowed`, 'JavaScript gives this name a meaning of its own; choose another.')
      continue
    }
    if (seen.has(key)) {
      build.report.error('MAG1002', keySpan, `Duplicate key "${clip(key)}"`, 'Remove or rename one of the two.')
      continue
    }
    seen.add(key)
    const over = grow(build, 1, key.length)
    if (over) stop(build, 'MAG1011', keySpan, over)
    if (build.stopped || build.report.isFull()) break
    if (key === '<<') build.report.error('MAG1009', keySpan, 'Merge keys ("<<") are not part of YAML 1.2', 'Write the keys out, or give a whole value an anchor.')
    entries.push({ key, keySpan, value: buildNode(build, pair.value, { start: keySpan.end, end: keySpan.end }, depth + 1) })
  }
  return { kind: 'map', span, entries }
}

function keyOf(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined
  if (typeof key.value === 'string') return key.value
  return key.source === '' ? undefined : key.source
}

function buildScalar(build: Build, source: unknown, span: Span): ScalarNode {
  const value = isScalar(source) ? source.value : null
  const style = isScalar(source) ? styleOf(source) : 'plain'
  const over = typeof value === 'string' ? grow(build, 0, value.length) : undefined
  if (over) stop(build, 'MAG1011', span, over)
  if (typeof value === 'bigint') {
    if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) {
      build.report.error('MAG1007', span, 'An integer beyond 2^53 would lose digits', 'Quote it to keep it as text.')
      return { kind: 'scalar', span, value: 0, style }
    }
    return { kind: 'scalar', span, value: Number(value), style }
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) build.report.error('MAG1007', span, 'The number is not finite, JSON has no such value', 'Quote it to keep it as text.')
    return { kind: 'scalar', span, value: Number.isFinite(value) ? value : 0, style }
  }
  if (typeof value === 'string' || typeof value === 'boolean') return { kind: 'scalar', span, value, style }
  return { kind: 'scalar', span, value: null, style }
}

function styleOf(scalar: Scalar): ScalarNode['style'] {
  if (scalar.type === 'BLOCK_FOLDED' || scalar.type === 'BLOCK_LITERAL') return 'block'
  return scalar.type === 'QUOTE_DOUBLE' || scalar.type === 'QUOTE_SINGLE' ? 'quoted' : 'plain'
}

function spanOf(node: unknown): Span | undefined {
  if (!isScalar(node) && !isMap(node) && !isSeq(node) && !isAlias(node)) return undefined
  const range = (node as { range?: [number, number, number] | null }).range
  return range ? { start: range[0], end: range[1] } : undefined
}
