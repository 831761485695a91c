/** Where mag's own code lies: `src/` from source, `dist/` when bundled, as CommonJS or as ESM. */
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { getCallSites } from 'node:util'

/** `import.meta` is empty in the CommonJS bundle and `__filename` is missing in ESM; the call site knows in both. */
function ownFile(): string {
  const name = getCallSites(1)[0]?.scriptName ?? ''
  return name.startsWith('file:') ? fileURLToPath(name) : name
}

/** This file, whatever it is bundled into. */
export const OWN_FILE = ownFile()
/** The folder of all of mag's code. */
export const OWN_FOLDER = OWN_FILE.endsWith('.ts') ? dirname(dirname(dirname(OWN_FILE))) : dirname(OWN_FILE)

/** What 'multiagents' means in worker files: the running mag's own light entry, wherever the project lies. */
export function ownLibraryUrl(): string {
  return pathToFileURL(join(OWN_FOLDER, OWN_FILE.endsWith('.ts') ? 'index.ts' : 'index.js')).href
}
