/** The expression library's parse tree as this folder sees it, and the names that a tree reads. */

export interface Cel {
  readonly op: string
  args: unknown
  readonly start: number
  readonly end: number
  /** Of the name in a member access. */
  readonly pos: number
  /** The whole expression's source. */
  readonly input: string
  readonly meta: Meta
  setMeta(key: string, value: unknown): Cel
  evaluate(evaluator: unknown, node: Cel, context: unknown): unknown
  left: Cel
  right: Cel
  receiverWithArgs: Cel[]
  checkedType: CelType | undefined
  handle(a: unknown, b: unknown, c: unknown, d?: unknown): unknown
}

/** How a node is evaluated. */
export type Evaluate = (evaluator: unknown, node: Cel, context: unknown) => unknown

export function run(evaluator: unknown, node: Cel, context: unknown): unknown {
  return node.evaluate(evaluator, node, context)
}

export interface CelType {
  readonly kind: string
  readonly name: string
  /** Of what is in it; its kind is `param` where that is not known. */
  readonly valueType?: CelType
}

export interface Meta {
  check: (checker: Checker, node: Cel, context: unknown) => CelType
  evaluate: Evaluate
  alternate?: Cel
  macro?: { evaluate: (evaluator: unknown, macro: unknown, context: unknown) => unknown }
}

export interface Checker {
  check(node: Cel, context: unknown): CelType
  readonly boolType: CelType
  readonly dynType: CelType
  readonly listType: CelType
  readonly mapType: CelType
}

const LOOPS: ReadonlySet<string> = new Set(['map', 'filter', 'all', 'exists', 'exists_one'])

export function isCel(value: unknown): value is Cel {
  return typeof value === 'object' && value !== null && 'op' in value && 'meta' in value
}

export function children(node: Cel): Cel[] {
  const found: Cel[] = []
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) collect(item)
    else if (isCel(value)) found.push(value)
  }
  collect(node.args)
  return found
}

export interface Call {
  name: string
  receiver: Cel | undefined
  args: Cel[]
}

export function callOf(node: Cel): Call | undefined {
  if (!Array.isArray(node.args)) return undefined
  const parts: readonly unknown[] = node.args
  const name = String(parts[0])
  if (node.op === 'call') return { name, receiver: undefined, args: celList(parts[1]) }
  if (node.op === 'rcall' && isCel(parts[1])) return { name, receiver: parts[1], args: celList(parts[2]) }
  return undefined
}

function celList(value: unknown): Cel[] {
  return Array.isArray(value) ? value.filter(isCel) : []
}

/** A member access with a name known without evaluation: `a.b`, `a.?b`, `a["b"]`. */
export function memberOf(node: Cel): { object: Cel; key: string } | undefined {
  if (!['.', '.?', '[]', '[?]'].includes(node.op) || !Array.isArray(node.args)) return undefined
  const [object, key] = node.args as [unknown, unknown]
  if (!isCel(object)) return undefined
  if (typeof key === 'string') return { object, key }
  if (isCel(key) && key.op === 'value' && typeof key.args === 'string') return { object, key: key.args }
  return undefined
}

/** A root name that an expression reads. `path`: the members read of it, as far as they are literal. */
export interface Reference {
  root: string
  path: string[]
  /** Of the root and of each member's name. */
  spans: Array<{ start: number; end: number }>
  /** Read with `has()` or `.?`: may be absent. */
  optional: boolean
}

/** All free names with the literal members read of them; loop variables are not free. */
export function referencesOf(ast: Cel, isConstant: (name: string) => boolean): Reference[] {
  const found: Reference[] = []

  function visit(node: Cel, bound: ReadonlySet<string>): void {
    const chain = chainOf(node)
    if (chain) {
      if (!bound.has(chain.root) && !isConstant(chain.root)) found.push(chain)
      return
    }
    const call = callOf(node)
    const [variable] = call?.args ?? []
    if (call?.receiver && variable?.op === 'id' && (LOOPS.has(call.name) || isBind(call))) {
      visit(call.receiver, bound)
      const inner = new Set(bound).add(String(variable.args))
      call.args.slice(1).forEach((arg, i) => visit(arg, isBind(call) && i === 0 ? bound : inner))
      return
    }
    for (const child of children(node)) visit(child, bound)
  }

  visit(ast, new Set())
  return found
}

function isBind(call: Call): boolean {
  return call.name === 'bind' && call.receiver?.op === 'id' && call.receiver.args === 'cel'
}

function chainOf(node: Cel): Reference | undefined {
  if (node.op === 'id') return { root: String(node.args), path: [], spans: [{ start: node.start, end: node.end }], optional: false }
  const member = memberOf(node)
  const inner = member && chainOf(member.object)
  if (!member || !inner) return undefined
  inner.path.push(member.key)
  const [, key] = node.args as [unknown, unknown]
  inner.spans.push(isCel(key) ? { start: key.start, end: key.end } : { start: node.pos, end: node.end })
  if (node.op === '.?' || node.op === '[?]') inner.optional = true
  return inner
}

/** Nodes of a tree, without the bodies of loops inside it (those are counted as they run). */
export function weigh(node: Cel): number {
  let nodes = 1
  for (const child of children(node)) nodes += weigh(child)
  return nodes
}
