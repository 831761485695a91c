/** `compilerOptions.paths` of the project's tsconfig.json, for imports that nothing else resolves. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isObject } from '../../model/json.ts'

const known = new Map<string, Array<[pattern: string, targets: string[]]>>()

/** Absolute paths that the name may stand for, in the order of the file. */
export function mappedPaths(projectDir: string, specifier: string): string[] {
  let paths = known.get(projectDir)
  if (!paths) {
    paths = readPaths(projectDir)
    known.set(projectDir, paths)
  }
  for (const [pattern, targets] of paths) {
    const [before = '', after] = pattern.split('*')
    if (after === undefined ? specifier !== pattern : !(specifier.startsWith(before) && specifier.endsWith(after) && specifier.length >= pattern.length - 1)) continue
    const middle = after === undefined ? '' : specifier.slice(before.length, specifier.length - after.length)
    return targets.map((target) => target.replace('*', () => middle))
  }
  return []
}

function readPaths(projectDir: string): Array<[string, string[]]> {
  try {
    const config: unknown = JSON.parse(withoutComments(readFileSync(join(projectDir, 'tsconfig.json'), 'utf8')))
    const options = isObject(config) && isObject(config['compilerOptions']) ? config['compilerOptions'] : {}
    const base = join(projectDir, typeof options['baseUrl'] === 'string' ? options['baseUrl'] : '.')
    const paths = isObject(options['paths']) ? options['paths'] : {}
    return Object.entries(paths).map(([pattern, targets]) => [
      pattern, (Array.isArray(targets) ? targets : []).filter((target) => typeof target === 'string').map((target) => join(base, target)),
    ])
  } catch {
    return []
  }
}

/** tsconfig.json may hold comments and trailing commas. */
function withoutComments(text: string): string {
  return text.replaceAll(/("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_all, string: string | undefined) => string ?? '').replaceAll(/,(\s*[}\]])/g, '$1')
}
