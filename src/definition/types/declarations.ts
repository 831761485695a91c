/** Types as TypeScript declarations: what programs know of workflows, and workers of what they receive. */
import type { WorkflowTypes } from './check-types.ts'
import { members, union, type Field, type Type } from './type.ts'

const LIBRARY = "'multiagents'"
const HEAD = `// Written by \`mag types\`. Run it again after a change of a workflow or a worker; do not edit.
import ${LIBRARY}

declare module ${LIBRARY} {
`

export function declarationsOf(workflows: readonly WorkflowTypes[]): string {
  const sorted = [...new Map(workflows.map((workflow) => [workflow.name, workflow])).values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  const listed = sorted.map(({ name, description, inputs, result }) => `${comment(description)}    ${key(name)}: {\n      input: ${text(inputs, 3)}\n      output: ${text(result, 3)}\n    }\n`)
  const workers = [...contextsByWorker(sorted)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, type]) => `    ${key(name)}: ${text(type, 2)}\n`)
  return `${HEAD}${block('Workflows', listed)}\n${block('WorkerContexts', workers)}}\n`
}

function block(name: string, members: readonly string[]): string {
  return members.length === 0 ? `  interface ${name} {}\n` : `  interface ${name} {\n${members.join('')}  }\n`
}

function contextsByWorker(workflows: readonly WorkflowTypes[]): Map<string, Type> {
  const contexts = new Map<string, Type>()
  for (const workflow of workflows) {
    for (const { worker, context } of workflow.contexts) {
      const there = contexts.get(worker)
      contexts.set(worker, there ? union(there, withoutPlace(context)) : withoutPlace(context))
    }
  }
  return contexts
}

/** That a map is written out says nothing about its type. */
function withoutPlace(type: Type): Type {
  if (type.t === 'list') return { t: 'list', of: withoutPlace(type.of) }
  if (type.t === 'union') return union(...type.of.map(withoutPlace))
  if (type.t !== 'map') return type
  const fields = Object.fromEntries(Object.entries(type.fields).map(([name, field]): [string, Field] => [name, { ...field, type: withoutPlace(field.type) }]))
  return { t: 'map', fields, ...(type.rest ? { rest: withoutPlace(type.rest) } : {}) }
}

function comment(description: string | undefined): string {
  return description === undefined ? '' : `    /** ${description.replaceAll('*/', '*\\/').replaceAll(/\s+/g, ' ').trim()} */\n`
}

function key(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)
}

function text(type: Type, depth: number): string {
  switch (type.t) {
    case 'unknown': return 'unknown'
    case 'never': return 'never'
    case 'null': return 'null'
    case 'boolean': return type.v === undefined ? 'boolean' : String(type.v)
    case 'number': return type.v === undefined ? 'number' : String(type.v)
    case 'string': return type.v === undefined ? 'string' : JSON.stringify(type.v)
    case 'time': case 'duration': return 'string'
    case 'optional': return text(type.of, depth)
    case 'list': return `Array<${text(type.of, depth)}>`
    case 'union': return [...new Set(members(type).map((member) => text(member, depth)))].join(' | ')
    case 'map': return mapText(type, depth)
  }
}

function mapText({ fields, rest }: Extract<Type, { t: 'map' }>, depth: number): string {
  const indent = '  '.repeat(depth + 1)
  const named = Object.entries(fields).map(([name, { type, optional }]) => `${indent}${key(name)}${optional ? '?' : ''}: ${text(type, depth + 1)}\n`)
  // Members that are named must fit, too, so of the others no more can be said.
  const more = rest ? [`${indent}[name: string]: ${named.length === 0 ? text(rest, depth + 1) : 'unknown'}\n`] : []
  return named.length + more.length === 0 ? 'Record<string, never>' : `{\n${[...named, ...more].join('')}${'  '.repeat(depth)}}`
}
