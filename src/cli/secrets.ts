/** Where the values of secrets come from: `--secrets-file` first, then the environment. */
import { MagError } from '../model/error.ts'
import { resolve } from 'node:path'
import { readText } from '../runtime/project.ts'
import type { SecretSource } from '../runtime/secrets.ts'
import { parseSecrets, SECRETS_FILE_BYTES } from '../runtime/secrets-file.ts'
import { EXIT } from './errors.ts'

export function openSecrets(env: NodeJS.ProcessEnv, names: readonly string[], file: string | undefined): SecretSource {
  const given = file === undefined ? new Map<string, string>() : parseSecrets(readText(resolve(file), { what: 'secrets', maxBytes: SECRETS_FILE_BYTES }), file)
  const source: SecretSource = (name) => given.get(name) ?? env[name]
  const missing = names.filter((name) => source(name) === undefined)
  if (missing.length > 0) {
    throw new MagError('MAG2042', `${missing.length === 1 ? `the secret ${missing[0]} is` : `the secrets ${missing.join(', ')} are`} not set; nothing was started`, {
      exitCode: EXIT.usage, hint: `set ${missing.length === 1 ? 'it' : 'them'} in the environment, or give --secrets-file FILE with ${missing[0]}=…`,
    })
  }
  return source
}
