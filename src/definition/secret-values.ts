/** Values with secrets in them: alone or among plain text, never computed with. */
import type { SecretPart, Value } from '../model/definition.ts'
import { didYouMean, type Check, type Where } from './check-context.ts'
import { offsetInScalar } from './scalar-places.ts'
import type { TemplatePart } from './template.ts'
import { clip, type ScalarNode } from './tree.ts'

const WHOLE = /^secrets\s*\.\s*([A-Za-z_]\w*)$/
const MENTION = /(^|[^.\w])secrets\b/

export function mentionsSecret(parts: ReadonlyArray<string | TemplatePart>): boolean {
  return parts.some((part) => typeof part !== 'string' && MENTION.test(part.src))
}

/** A text with secrets in it, or undefined after saying what is wrong with it. */
export function readSecrets(check: Check, node: ScalarNode, parts: ReadonlyArray<string | TemplatePart>, where: Where): Value | undefined {
  const found: SecretPart[] = []
  for (const part of parts) {
    if (typeof part === 'string') {
      found.push(part)
      continue
    }
    const name = WHOLE.exec(part.src)?.[1]
    const start = offsetInScalar(check.report.text, node, part.start)
    const span = { start, end: Math.max(start + 1, offsetInScalar(check.report.text, node, part.start + part.src.length)) }
    if (!where.secrets) {
      check.report.error('MAG1065', span, 'A secret cannot stand here: it would be recorded', 'Secrets stand in `with`, `env` and `http` only, where the worker resolves them.')
      return undefined
    }
    if (name === undefined) {
      check.report.error('MAG1065', span, 'A secret is not computed with: mag never sees its value', 'Write ${{ secrets.NAME }} alone or among plain text; combine it in the worker.')
      return undefined
    }
    if (!check.secrets.has(name)) {
      const near = didYouMean(check, name, check.secrets)
      check.report.error('MAG1024', span, `No secret "${clip(name)}" is declared`, near ?? `Declare it at the top of the file: secrets: [${[...check.secrets, clip(name)].join(', ')}]`)
      return undefined
    }
    found.push({ secret: name })
  }
  return { t: 'secret', parts: found }
}
