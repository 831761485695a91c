/**
 * Builds what the package ships: `dist/mag.cjs` (the command line, one CommonJS file: measured quicker to start than
 * ESM), `dist/*.js` (the library) and `dist/types`. Dependencies stay outside the bundles and load when first used.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, rmSync } from 'node:fs'
import { build, type BuildOptions, type Plugin } from 'esbuild'

const root = new URL('..', import.meta.url).pathname
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string }

const common: BuildOptions = {
  absWorkingDir: root, bundle: true, platform: 'node', target: 'node24', packages: 'external', sourcemap: false, legalComments: 'none',
  logLevel: 'warning', charset: 'utf8', minifySyntax: true, minifyWhitespace: true, minifyIdentifiers: false, define: { 'process.env.MAG_VERSION': JSON.stringify(version) },
}

rmSync(`${root}dist`, { recursive: true, force: true })
await build({ ...common, entryPoints: { mag: 'src/cli/main.ts' }, outdir: 'dist', format: 'cjs', outExtension: { '.js': '.cjs' }, define: { ...common.define, 'import.meta.url': '__filename' } })
const library: BuildOptions = { ...common, minifyWhitespace: false, outdir: 'dist', format: 'esm' }
await build({
  ...library, entryPoints: { framework: 'src/runtime/framework.ts', 'check-object': 'src/definition/check-object.ts', 'read-types': 'src/runtime/types/read-types.ts' },
  splitting: true, chunkNames: 'chunk-[hash]',
})
// Every worker file imports it: one small file, which finds the others beside it when they are asked for.
const beside: Plugin = {
  name: 'beside',
  setup(made) {
    made.onResolve({ filter: /\/runtime\/framework\.ts$/ }, () => ({ path: './framework.js', external: true }))
  },
}
await build({ ...library, entryPoints: { index: 'src/index.ts' }, plugins: [beside] })
const tsc = spawnSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.types.json`], { stdio: 'inherit' })
if (tsc.status !== 0) process.exit(tsc.status ?? 1)
chmodSync(`${root}bin/mag`, 0o755)
