/** What a shell step's process may see and where it runs. The environment is built from a list, never inherited whole. */
import { isAbsolute, relative, resolve } from 'node:path'
import { NonRetryableError } from '../../model/error.ts'
import { isJsonObject, own, type Json } from '../../model/json.ts'

const INHERITED = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'USER']
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
/** Names that make programs run or load something else (catalogue I07). Values come from a run's input, so they are refused. */
const DANGEROUS = /^(?:LD_.*|DYLD_.*|BASH_.*|PATH|ENV|IFS|PS4|SHELLOPTS|BASHOPTS|PROMPT_COMMAND|CDPATH|GLOBIGNORE|NODE_OPTIONS|NODE_PATH|PYTHONPATH|PYTHONSTARTUP|PYTHONHOME|PERL5LIB|PERL5OPT|PERL5DB|RUBYOPT|RUBYLIB|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|GIT_SSH|GIT_SSH_COMMAND|GIT_EXEC_PATH|GIT_EXTERNAL_DIFF|GCONV_PATH|MALLOC_.*|GLIBC_TUNABLES)$/

/** The parent's own few, then the step's. Throws what fails the step. */
export function shellEnv(input: Json, parent: NodeJS.ProcessEnv): Record<string, string> {
  const env: Record<string, string> = {}
  for (const name of INHERITED) {
    const value = parent[name]
    if (value !== undefined) env[name] = value
  }
  const given = isJsonObject(input) ? own(input, 'env') : undefined
  if (!isJsonObject(given)) return env
  for (const [name, value] of Object.entries(given)) {
    if (!NAME.test(name)) throw refused(`${JSON.stringify(name.slice(0, 60))} is no name of an environment variable`)
    if (DANGEROUS.test(name.toUpperCase())) throw refused(`the variable ${name} may not be set from with or env: it changes which code runs; write "export ${name}=…" in the script`)
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    if (text.includes('\0')) throw refused(`the variable ${name} holds a NUL byte, which no environment can`)
    if (Buffer.byteLength(text) > 128 * 1024 - name.length - 2) throw refused(`the variable ${name} has more than the 128 KiB that the system allows; pass a file's name instead`)
    env[name] = text
  }
  return env
}

/** The project's folder, or one inside it. */
export function shellCwd(input: Json, projectDir: string): string {
  const cwd = isJsonObject(input) ? own(input, 'cwd') : undefined
  if (cwd === undefined || cwd === null) return projectDir
  if (typeof cwd !== 'string' || cwd === '' || cwd.includes('\0')) throw refused('cwd must be a path, relative to the project')
  const path = resolve(projectDir, cwd)
  const inside = relative(projectDir, path)
  if (inside.startsWith('..') || isAbsolute(inside)) throw refused(`cwd ${JSON.stringify(cwd.slice(0, 200))} is outside the project; change to it in the script: cd ${cwd.slice(0, 200)}`)
  return path
}

function refused(message: string): NonRetryableError {
  return new NonRetryableError(message, { code: 'SHELL_INPUT' })
}
