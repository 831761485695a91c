/** Warns where a secret comes out again: what is stored then is `***`, and later steps would read that. */
import type { StepRecord } from '../check-context.ts'
import { mentionsSecret } from '../secret-values.ts'
import { hasTemplate, splitTemplate } from '../template.ts'
import { entryOf, stringOf, type Entry, type Node } from '../tree.ts'
import type { Model } from './model.ts'
import { members, type Type } from './type.ts'

export function checkSecrets(model: Model, record: StepRecord): void {
  const kind = record.step?.kind
  if (kind?.type === 'worker') checkReturned(model, record)
  else if (kind?.type === 'run') checkPrinted(model, record, kind.script)
}

/** A worker whose result has a text of the name under which it received a secret. */
function checkReturned(model: Model, record: StepRecord): void {
  const given = entryOf(record.node, 'with')?.value
  const returned = model.returned.get(record)
  if (given?.kind !== 'map' || !returned) return
  for (const entry of given.entries) {
    if (!holdsSecret(entry.value) || !hasText(returned, entry.key)) continue
    model.check.report.warn('MAG1077', entry.keySpan, `"${entry.key}" is a secret, and the worker returns it: steps.${record.id}.output.${entry.key} is stored as ***`,
      'Leave it out of what the worker returns; a later step gives its worker ${{ secrets.… }} again.')
  }
}

function hasText(type: Type, name: string): boolean {
  return members(type).some((one) => {
    const field = one.t === 'map' && Object.hasOwn(one.fields, name) ? one.fields[name] : undefined
    return field !== undefined && members(field.type).some(({ t }) => t === 'string')
  })
}

/** A script that prints a variable that is a secret. */
function checkPrinted(model: Model, record: StepRecord, script: string): void {
  const variables = ['with', 'env'].flatMap((key): Entry[] => {
    const node = entryOf(record.node, key)?.value
    return node?.kind === 'map' ? node.entries : []
  })
  for (const { key, keySpan, value } of variables) {
    if (!holdsSecret(value) || !prints(script, key)) continue
    model.check.report.warn('MAG1077', keySpan, `"${key}" is a secret, and the script prints it: it is stored as ***`, 'Hand it to the program that needs it, in its environment or through a pipe.')
  }
}

/** `echo "$NAME"` whose output goes nowhere else. */
function prints(script: string, name: string): boolean {
  return script.split('\n').some((line) => new RegExp(`^\\s*(?:echo|printf)\\b[^|>;&]*\\$\\{?${name}\\b[^|>;&]*$`).test(line))
}

function holdsSecret(node: Node): boolean {
  const text = stringOf(node)
  const split = text !== undefined && hasTemplate(text) ? splitTemplate(text) : undefined
  return split?.ok === true && mentionsSecret(split.parts)
}
