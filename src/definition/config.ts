/** `mag.config.yaml`: a flat map of settings; an unknown key is an error that names key and line. */
import { MagError } from '../model/error.ts'
import type { Config } from '../model/config.ts'
import { nearName } from './near.ts'
import { parseText } from './parse.ts'
import { createReport } from './report.ts'
import { clip, type Node } from './tree.ts'

const MAX_BYTES = 64 * 1024

type Scalar = string | number | boolean | null | undefined

const CHECKS: { [K in keyof Required<Config>]: (value: Scalar) => boolean } = {
  store: (value) => typeof value === 'string' && /^\S(.*\S)?$/.test(value),
  concurrency: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 10_000,
  color: (value) => ['always', 'never', 'auto'].includes(String(value)),
  progress: (value) => ['live', 'plain', 'json', 'none'].includes(String(value)),
}

const EXPECTED: { [K in keyof Required<Config>]: string } = {
  store: 'an address such as sqlite:.mag/mag.db', concurrency: 'a whole number from 1 to 10000', color: 'always, never or auto',
  progress: 'live, plain, json or none',
}

/** Throws MagError MAG2030 at the line that is wrong. */
export function parseConfig(text: string, file: string): Config {
  const report = createReport(file, text)
  const refuse = (message: string, offset: number, hint?: string): never => {
    throw new MagError('MAG2030', message, { location: { file, ...report.place(offset) }, hint })
  }
  const names = Object.keys(CHECKS)
  if (text.length > MAX_BYTES) return refuse(`${file} is larger than 64 KiB`, 0, `it may hold: ${names.join(', ')}`)
  const node = parseText(report)
  const [problem] = report.problems
  if (problem) throw new MagError('MAG2030', problem.message, { location: { file, line: problem.line, column: problem.column }, hint: problem.help })
  if (!node || isNothing(node)) return {}
  if (node.kind !== 'map') return refuse('the settings must be a map', node.span.start, `for example ${names[0]}: ${EXPECTED.store.split(' ').at(-1)}`)
  const config: Record<string, unknown> = {}
  for (const { key, keySpan, value } of node.entries) {
    const near = nearName(key, names)
    if (!Object.hasOwn(CHECKS, key)) refuse(`unknown setting "${clip(key)}"`, keySpan.start, near ? `did you mean "${near}"?` : `known settings: ${names.join(', ')}`)
    const given = value.kind === 'scalar' ? value.value : undefined
    if (!CHECKS[key as keyof Config](given)) refuse(`${key} must be ${EXPECTED[key as keyof Config]}`, value.span.start)
    config[key] = given
  }
  return config as Config
}

function isNothing(node: Node): boolean {
  return node.kind === 'scalar' && node.value === null
}
