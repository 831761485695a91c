/** `npm test`: types, lint, then every test. Arguments narrow it to files whose path contains one of them. */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'

const root = new URL('..', import.meta.url).pathname
process.chdir(root)

function run(name: string, args: string[]): void {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (status === 0) return
  console.error(`\n${name} failed`)
  process.exit(status ?? 1)
}

const wanted = process.argv.slice(2)
const files = globSync('test/**/*.test.ts').sort().filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
if (wanted.length === 0) {
  run('type check', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'])
  run('lint', ['node_modules/@biomejs/biome/bin/biome', 'lint', '--error-on-warnings', 'src', 'test', 'scripts', 'bench', 'workers', 'examples'])
}
run('tests', ['--test', '--test-concurrency=2', '--test-timeout=240000', '--test-reporter=spec', ...files])
