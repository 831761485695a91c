/** Settings: flag > MAG_* environment > mag.config.yaml of the project; each value remembers where it came from. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../model/config.ts'
import { readText } from './project.ts'

export interface Setting<T> {
  value: T
  from: string
}

const CONFIG_FILE = 'mag.config.yaml'
const MAX_BYTES = 256 * 1024

/** The project's file, checked; {} where there is none. Loads the YAML parser only where there is one. */
export async function readConfig(projectDir: string): Promise<Config> {
  const file = join(projectDir, CONFIG_FILE)
  if (!existsSync(file)) return {}
  const text = readText(file, { what: 'configuration', maxBytes: MAX_BYTES })
  const { parseConfig } = await import('../definition/config.ts')
  return parseConfig(text, CONFIG_FILE)
}

/** One setting's value and origin. */
export function setting(name: keyof Config, flag: string | undefined, config: Config, fallback: string): Setting<string> {
  if (flag !== undefined) return { value: flag, from: `--${name}` }
  const variable = `MAG_${name.toUpperCase()}`
  const env = process.env[variable]
  if (env) return { value: env, from: variable }
  const own = config[name]
  if (own !== undefined) return { value: String(own), from: CONFIG_FILE }
  return { value: fallback, from: 'default' }
}
