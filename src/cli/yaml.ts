/** Loaded only where YAML is asked for. */
import { stringify } from 'yaml'

export function toYaml(document: unknown): string {
  return stringify(JSON.parse(JSON.stringify(document)), { lineWidth: 0 })
}
