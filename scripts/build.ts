/**
 * Builds what the package ships: `dist/mag.cjs` (the command line, one CommonJS file: measured quicker to start than
 * ESM), `dist/*.js` (the library) and `dist/types`. Dependencies stay outside the bundles and load when first used.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, rmSync } from 'node:fs'
import { build, type BuildOptions } from 'esbuild'

const root = new URL('..', import.meta.url).pathname
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string }

const common: BuildOptions = {
  absWorkingDir: root, bundle: true, platform: 'node', target: 'node24', packages: 'external', sourcemap: false, legalComments: 'none',
  logLevel: 'warning', charset: 'utf8', minifySyntax: true, minifyWhitespace: true, define: { 'process.env.MAG_VERSION': JSON.stringify(version) },
}

rmSync(`${root}dist`, { recursive: true, force: true })
await build({ ...common, entryPoints: { mag: 'src/cli/main.ts' }, outdir: 'dist', format: 'cjs', outExtension: { '.js': '.cjs' }, define: { ...common.define, 'import.meta.url': '__filename' } })
await build({ ...common, minifyWhitespace: false, entryPoints: { index: 'src/index.ts', 'check-object': 'src/definition/check-object.ts', 'read-types': 'src/runtime/types/read-types.ts' }, outdir: 'dist', format: 'esm', splitting: true, chunkNames: 'chunk-[hash]' })
const tsc = spawnSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.types.json`], { stdio: 'inherit' })
if (tsc.status !== 0) process.exit(tsc.status ?? 1)
chmodSync(`${root}bin/mag`, 0o755)
