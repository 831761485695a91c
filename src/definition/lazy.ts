/** Libraries that most checks and evaluations never need, loaded at the first call that does. */
import { createRequire } from 'node:module'

// In the command line's CommonJS bundle the build puts `__filename` in place of `import.meta.url`.
const load = createRequire(import.meta.url)

/** Linear-time regular expressions: 15 ms to load. */
export function re2(): typeof import('re2js') {
  return load('re2js') as typeof import('re2js')
}

/** JSON Schema 2020-12: 60 ms to load. */
export function ajv(): typeof import('ajv/dist/2020.js') {
  return load('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js')
}

export function ajvFormats(): typeof import('ajv-formats') {
  return load('ajv-formats') as typeof import('ajv-formats')
}
