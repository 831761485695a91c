/** TypeScript 7's own checker behind `shape.ts`: finds `worker(…)`, `defineWorker(…)` and `@worker(…)` in files, and what they take and give. */
import { createRequire } from 'node:module'
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { API, Checker, Program, Symbol as TsSymbol, Type as TsType, UnionType } from 'typescript/unstable/sync'
import type { CallExpression, Expression, MethodDeclaration, Node, SourceFile } from 'typescript/unstable/ast'
import { UNKNOWN, type Type } from '../../definition/types/type.ts'
import type { Answer, FoundWorker, Request } from './request.ts'
import { createConverter, type Shape, type Shapes, type Side } from './shape.ts'

type Sync = typeof import('typescript/unstable/sync')
type Is = typeof import('typescript/unstable/ast/is')

/** Of all types that are looked at: hostile files have millions. */
const MAX_LOOKS = 200_000

interface Looks {
  sync: Sync
  is: Is
  checker: Checker
}

interface Reader extends Looks {
  convert(type: TsType, side: Side): Type
}

export async function readTypes(request: Request): Promise<Answer> {
  const require = createRequire(request.typescript)
  const load = async (name: string): Promise<unknown> => import(pathToFileURL(require.resolve(name)).href)
  const sync = (await load('typescript/unstable/sync')) as Sync
  const is = (await load('typescript/unstable/ast/is')) as Is
  const { projectDir, files } = request
  const config = join(projectDir, 'tsconfig.mag-types.json')
  let text = ''
  const api = new sync.API({
    cwd: projectDir,
    fs: { readFile: (path) => (path === config ? text : undefined), fileExists: (path) => (path === config ? true : undefined) },
  })
  try {
    text = configText(api, request)
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config)
    if (!project) return { error: 'TypeScript does not open the project' }
    const { checker, program } = project
    const reader: Reader = { sync, is, checker, convert: createConverter(shapesOf({ sync, is, checker })) }
    return { workers: workersIn(reader, program, files), files: ownFiles(program) }
  } finally {
    api.close()
  }
}

/** The user's options where there are some, made strict: without that, nothing would be known of null. */
function configText(api: API, { projectDir, files, library }: Request): string {
  const users = join(projectDir, 'tsconfig.json')
  const has = existsSync(users)
  const given = has ? api.parseConfigFile(users).options : {}
  const base = typeof given['pathsBasePath'] === 'string' ? given['pathsBasePath'] : projectDir
  const paths = Object.entries((given['paths'] ?? {}) as Record<string, string[]>).map(([pattern, targets]) => [pattern, targets.map((target) => resolve(base, target))])
  const usual = { target: 'es2024', lib: ['es2024', 'esnext.decorators', 'esnext.disposable'], types: hasNodeTypes(projectDir) ? ['node'] : [] }
  return JSON.stringify({
    ...(has ? { extends: users } : {}), files, include: [], references: [],
    compilerOptions: {
      // As the loader resolves: endings may be left out.
      ...(has ? {} : usual), module: 'esnext', moduleResolution: 'bundler', strict: true, strictNullChecks: true, noEmit: true, composite: false, incremental: false, declaration: false, emitDeclarationOnly: false, skipLibCheck: true,
      allowJs: true, checkJs: false, allowImportingTsExtensions: true, paths: { ...Object.fromEntries(paths), multiagents: [library] },
    },
  })
}

function hasNodeTypes(from: string): boolean {
  for (let dir = from; ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'node_modules/@types/node/package.json'))) return true
    if (dirname(dir) === dir) return false
  }
}

function ownFiles(program: Program): string[] {
  return program.getSourceFileNames().filter((name) => !name.includes('/node_modules/') && !/^bundled:|\/lib\.[\w.]+\.d\.ts$/.test(name))
}

/** What the file calls the library's functions: local names, and names of its namespaces. */
interface Names {
  functions: Map<string, 'worker' | 'defineWorker'>
  namespaces: Set<string>
}

interface Candidate {
  file: string
  names: Names
  node: CallExpression | MethodDeclaration
}

/** Calls of the library's functions, and methods with decorators. */
function candidatesIn(reader: Reader, program: Program, file: string): Candidate[] {
  const { is } = reader
  const source = program.getSourceFile(file)
  if (!source || !/\b(?:worker|defineWorker)\b/.test(source.text)) return []
  const names = importedNames(reader, source)
  if (names.functions.size === 0 && names.namespaces.size === 0) return []
  const found: Candidate[] = []
  const visit = (node: Node): void => {
    if ((is.isCallExpression(node) && calledFunction(reader, names, node)) || (is.isMethodDeclaration(node) && node.modifiers?.some((modifier) => is.isDecorator(modifier)))) found.push({ file, names, node })
    node.forEachChild((child) => {
      visit(child)
      return undefined
    })
  }
  try {
    visit(source)
  } catch (error) {
    // Nested deeper than anybody writes.
    if (!(error instanceof RangeError)) throw error
  }
  return found
}

/** The checker is a process: it is asked for all of them at once. */
function workersIn(reader: Reader, program: Program, files: readonly string[]): FoundWorker[] {
  const { checker, is } = reader
  const candidates = files.flatMap((file) => candidatesIn(reader, program, file))
  const types = candidates.length === 0 ? [] : checker.getTypeAtLocation(candidates.map(({ node }) => node))
  return candidates.flatMap(({ file, names, node }, i) => {
    const type = types[i]
    if (!type) return []
    const called = is.isCallExpression(node) ? calledFunction(reader, names, node) : undefined
    const worker = is.isCallExpression(node) ? called && workerOfCall(reader, called, node, type) : workerOfMethod(reader, names, node, type)
    return worker ? [{ ...worker, file }] : []
  })
}

function importedNames({ is }: Reader, source: SourceFile): Names {
  const names: Names = { functions: new Map(), namespaces: new Set() }
  for (const statement of source.statements) {
    if (!is.isImportDeclaration(statement) || !is.isStringLiteral(statement.moduleSpecifier) || statement.moduleSpecifier.text !== 'multiagents') continue
    const bindings = statement.importClause?.namedBindings
    if (bindings && is.isNamespaceImport(bindings)) names.namespaces.add(bindings.name.text)
    else if (bindings && is.isNamedImports(bindings)) {
      for (const { name, propertyName } of bindings.elements) {
        const meant = (propertyName ?? name).text
        if (meant === 'worker' || meant === 'defineWorker') names.functions.set(name.text, meant)
      }
    }
  }
  return names
}

function calledFunction({ is }: Reader, names: Names, { expression }: CallExpression): 'worker' | 'defineWorker' | undefined {
  if (is.isIdentifier(expression)) return names.functions.get(expression.text)
  if (!is.isPropertyAccessExpression(expression) || !is.isIdentifier(expression.expression) || !names.namespaces.has(expression.expression.text)) return undefined
  const name = expression.name.text
  return name === 'worker' || name === 'defineWorker' ? name : undefined
}

type Typed = Omit<FoundWorker, 'file'>

/** `made`: a `WorkerDefinition<Input, Output>`; what makes a decorator has no types of its own. */
function workerOfCall(reader: Reader, called: 'worker' | 'defineWorker', call: CallExpression, made: TsType): Typed | undefined {
  const { checker, convert } = reader
  const [first] = call.arguments
  if (!first || !isReference(reader, made)) return undefined
  const options = called === 'defineWorker' ? first : call.arguments.length > 2 ? call.arguments[1] : undefined
  const optionsType = options && checker.getTypeAtLocation(options)
  const name = called === 'worker' ? textOf(reader, first) : nameIn(reader, first, optionsType)
  if (name === undefined) return undefined
  const [input, output] = checker.getTypeArguments(made as Parameters<Checker['getTypeArguments']>[0])
  return {
    name,
    input: schemaType(reader, optionsType, 'input') ?? (input ? convert(input, 'input') : UNKNOWN),
    output: schemaType(reader, optionsType, 'output') ?? (output ? convert(output, 'output') : UNKNOWN),
  }
}

function nameIn(reader: Reader, options: Expression, type: TsType | undefined): string | undefined {
  const { is } = reader
  const properties = is.isObjectLiteralExpression(options) ? options.properties : []
  const written = properties.find((property) => is.isPropertyAssignment(property) && is.isIdentifier(property.name) && property.name.text === 'name')
  return written && is.isPropertyAssignment(written) ? textOf(reader, written.initializer) : textOfType(type && memberType(reader, type, 'name'))
}

function isReference({ sync }: Reader, type: TsType): boolean {
  return type.isObjectType() && (type.objectFlags & sync.ObjectFlags.Reference) !== 0
}

/** `@worker('name', options?) method(context, task)` */
function workerOfMethod(reader: Reader, names: Names, method: MethodDeclaration, type: TsType): Typed | undefined {
  const { is, checker, convert, sync } = reader
  for (const modifier of method.modifiers ?? []) {
    if (!is.isDecorator(modifier) || !is.isCallExpression(modifier.expression) || calledFunction(reader, names, modifier.expression) !== 'worker') continue
    const [first, options] = modifier.expression.arguments
    const name = first && textOf(reader, first)
    const [signature] = checker.getSignaturesOfType(type, sync.SignatureKind.Call)
    if (name === undefined || !signature) continue
    const optionsType = options && checker.getTypeAtLocation(options)
    const parameter = signature.getParameters().length > 0 ? checker.getParameterType(signature, 0) : undefined
    const returned = checker.getReturnTypeOfSignature(signature)
    return {
      name,
      input: schemaType(reader, optionsType, 'input') ?? (parameter ? convert(parameter, 'input') : UNKNOWN),
      output: schemaType(reader, optionsType, 'output') ?? (returned ? convert(awaited(reader, returned), 'output') : UNKNOWN),
    }
  }
  return undefined
}

function awaited({ checker }: Reader, type: TsType): TsType {
  return type.getSymbol()?.name === 'Promise' ? (checker.getTypeArguments(type as Parameters<Checker['getTypeArguments']>[0])[0] ?? type) : type
}

function textOf(reader: Reader, node: Expression): string | undefined {
  const { is, checker } = reader
  return is.isStringLiteral(node) || is.isNoSubstitutionTemplateLiteral(node) ? node.text : textOfType(checker.getTypeAtLocation(node))
}

function textOfType(type: TsType | undefined): string | undefined {
  return type?.isStringLiteralType() ? type.value : undefined
}

function memberType({ checker }: Reader, type: TsType, name: string): TsType | undefined {
  const property = checker.getPropertyOfType(type, name)
  return property && checker.getTypeOfSymbol(property)
}

/** Of a Standard Schema: what is given to a worker is the schema's input, what comes out of one is the schema's output. */
function schemaType(reader: Reader, options: TsType | undefined, side: Side): Type | undefined {
  const { checker, convert } = reader
  const steps = [side, '~standard', 'types', side]
  let type = options
  for (const name of steps) type = type && memberType(reader, checker.getNonNullableType(type) ?? type, name)
  return type && convert(type, side)
}

function shapesOf(reader: Looks): Shapes<TsType> {
  const { sync, checker } = reader
  const known = new Map<number, Shape<TsType>>()
  let looks = 0
  return {
    idOf: ({ id }) => id,
    shape(type) {
      const there = known.get(type.id)
      if (there) return there
      const shape: Shape<TsType> = ++looks > MAX_LOOKS ? { is: 'any' } : shapeOf(reader, type)
      known.set(type.id, shape)
      return shape
    },
    returned(type) {
      const [signature] = checker.getSignaturesOfType(type, sync.SignatureKind.Call)
      return signature && checker.getReturnTypeOfSignature(signature)
    },
  }
}

function shapeOf(reader: Looks, type: TsType): Shape<TsType> {
  const { sync: { TypeFlags }, checker } = reader
  const { flags } = type
  const has = (mask: number): boolean => (flags & mask) !== 0
  if (has(TypeFlags.Boolean)) return { is: 'boolean' }
  if (has(TypeFlags.Any | TypeFlags.Unknown)) return { is: 'any' }
  if (has(TypeFlags.Undefined | TypeFlags.Void)) return { is: 'undefined' }
  if (has(TypeFlags.Null)) return { is: 'null' }
  if (has(TypeFlags.Never)) return { is: 'never' }
  if (type.isLiteralType() && has(TypeFlags.StringLiteral | TypeFlags.NumberLiteral | TypeFlags.BooleanLiteral)) return literalShape(type.value)
  if (has(TypeFlags.String | TypeFlags.TemplateLiteral | TypeFlags.StringMapping | TypeFlags.StringLiteral)) return { is: 'string' }
  if (has(TypeFlags.Number | TypeFlags.NumberLiteral)) return { is: 'number' }
  if (has(TypeFlags.BigInt | TypeFlags.BigIntLiteral)) return { is: 'bigint' }
  if (has(TypeFlags.ESSymbol | TypeFlags.UniqueESSymbol)) return { is: 'function' }
  if (has(TypeFlags.NonPrimitive)) return { is: 'object' }
  if (has(TypeFlags.Union)) return { is: 'union', of: (type as UnionType).getTypes() }
  if (has(TypeFlags.Intersection)) return intersectionShape(reader, type)
  if (has(TypeFlags.Object)) return objectShape(reader, type)
  const base = checker.getBaseConstraintOfType(type)
  return base && base.id !== type.id ? shapeOf(reader, base) : { is: 'any' }
}

function literalShape(value: unknown): Shape<TsType> {
  return typeof value === 'string' ? { is: 'string', value } : typeof value === 'number' ? { is: 'number', value } : typeof value === 'boolean' ? { is: 'boolean', value } : { is: 'any' }
}

/** A text with a brand is a text. */
function intersectionShape(reader: Looks, type: TsType): Shape<TsType> {
  const { sync } = reader
  const parts = type.isIntersectionType() ? type.getTypes() : []
  const primitive = parts.find(({ flags }) => (flags & (sync.TypeFlags.String | sync.TypeFlags.Number | sync.TypeFlags.Boolean | sync.TypeFlags.StringLiteral | sync.TypeFlags.NumberLiteral)) !== 0)
  return primitive ? shapeOf(reader, primitive) : objectShape(reader, type)
}

function objectShape(reader: Looks, type: TsType): Shape<TsType> {
  const { sync, checker } = reader
  const isReference = type.isObjectType() && (type.objectFlags & sync.ObjectFlags.Reference) !== 0
  if (isReference && (checker.isArrayType(type) || checker.isTupleType(type))) {
    return { is: 'list', of: checker.getTypeArguments(type as Parameters<Checker['getTypeArguments']>[0]) }
  }
  const symbols = checker.getPropertiesOfType(type)
  if (symbols.length === 0 && checker.getSignaturesOfType(type, sync.SignatureKind.Call).length > 0) return { is: 'function' }
  const [index] = checker.getIndexInfosOfType(type)
  const more = index ? index.valueType : spreadsMore(reader, type) ? checker.getAnyType() : undefined
  return { is: 'map', properties: propertiesOf(sync, checker, symbols.filter(({ name }) => !name.startsWith('__@'))), ...(more ? { index: more } : {}) }
}

/** `{ ...context, ok: true }`: TypeScript forgets members that have no names. */
function spreadsMore(reader: Looks, type: TsType): boolean {
  const { sync, is, checker } = reader
  if (!type.isObjectType() || (type.objectFlags & sync.ObjectFlags.Anonymous) === 0) return false
  const symbol = type.getSymbol()
  const literal = symbol?.name === LITERAL ? symbol.declarations[0]?.resolve() : undefined
  if (!literal || !is.isObjectLiteralExpression(literal)) return false
  const spread = literal.properties.flatMap((property) => (is.isSpreadAssignment(property) ? [property.expression] : []))
  return spread.some((expression) => {
    const from = checker.getTypeAtLocation(expression)
    return !from || isOpen(reader, from, 0)
  })
}

function isOpen(reader: Looks, type: TsType, depth: number): boolean {
  const shape = depth > MAX_SPREADS ? undefined : shapeOf(reader, type)
  if (!shape || shape.is === 'any' || shape.is === 'object') return true
  if (shape.is === 'union') return shape.of.some((part) => isOpen(reader, part, depth + 1))
  return shape.is === 'map' && shape.index !== undefined
}

/** What the checker calls the type of `{ … }`. */
const LITERAL = '__object'
const MAX_SPREADS = 5

function propertiesOf(sync: Sync, checker: Checker, symbols: readonly TsSymbol[]): Array<{ name: string; type: TsType; optional: boolean; method: boolean }> {
  const types = symbols.length === 0 ? [] : checker.getTypeOfSymbol(symbols)
  return symbols.flatMap((symbol, i) => {
    const type = types[i]
    return type ? [{ name: symbol.name, type, optional: (symbol.flags & sync.SymbolFlags.Optional) !== 0, method: (symbol.flags & sync.SymbolFlags.Method) !== 0 }] : []
  })
}
