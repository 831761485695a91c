/**
 * A folder in which the pages come true: the package as it is built from these sources, installed beside a project for
 * each page, and a shell that finds `mag` as a reader's does.
 */
import { spawn } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { root } from './pages.ts'

/** Commands of the pages that are not run here, and why. All others of npm are refused. */
export const SKIPPED: Readonly<Record<string, string>> = {
  'npm ci': 'the dependencies are there, or this test would not run',
  'npm test': 'it would run this test',
  'npm pack': 'the package is built and installed already',
  'npm install ../mag/multiagents-0.1.0.tgz': 'the package is built and installed already',
}

/** No example takes longer; one that hangs must not hang the tests. */
const LONGEST_MS = 60_000

export interface Ended {
  code: number | null
  /** Both streams, in the order in which they were written. */
  output: string
}

export interface Scratch {
  dir: string
  /** A project of its own: the samples' workflows, workers and examples. */
  project(name: string): string
  run(command: string, args: readonly string[], cwd: string, env?: Record<string, string>): Promise<Ended>
  remove(): void
}

export async function openScratch(): Promise<Scratch> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'mag-docs-')))
  const bin = join(dir, 'bin')
  const env: Record<string, string> = {
    PATH: [bin, dirname(process.execPath), process.env.PATH ?? ''].join(delimiter), HOME: dir, LANG: 'C.UTF-8', TZ: 'UTC', TERM: 'xterm',
  }
  const scratch: Scratch = {
    dir,
    project(name) {
      const path = join(dir, name)
      mkdirSync(path)
      for (const folder of ['workflows', 'workers', 'examples']) cpSync(join(root, folder), join(path, folder), { recursive: true })
      writeFileSync(join(path, 'package.json'), '{ "type": "module", "private": true }\n')
      return path
    },
    run: (command, args, cwd, more = {}) => run(command, args, cwd, { ...env, ...more }),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
  // Beside node_modules, where Node would not run TypeScript, and linked into it, as npm does with a folder.
  const installed = join(dir, 'package')
  mkdirSync(installed)
  mkdirSync(join(dir, 'node_modules'))
  symlinkSync(installed, join(dir, 'node_modules/multiagents'))
  for (const part of ['src', 'scripts', 'bin', 'package.json', 'tsconfig.json', 'tsconfig.types.json']) cpSync(join(root, part), join(installed, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(installed, 'node_modules'))
  symlinkSync(join(root, 'node_modules/@types'), join(dir, 'node_modules/@types'))
  const built = await scratch.run(process.execPath, ['scripts/build.ts'], installed)
  if (built.code !== 0) throw new Error(`the package cannot be built:\n${built.output}`)
  mkdirSync(bin)
  // Readers sit at a terminal: where nothing else is asked for, they see the tree.
  const mag = join(installed, 'bin/mag')
  writeScript(join(bin, 'mag'), `case " $* " in\n*" -q "*|*" --quiet "*|*" --progress"*) ;;\n*) export MAG_PROGRESS=\${MAG_PROGRESS:-live};;\nesac\nexec "${mag}" "$@"`)
  writeScript(join(bin, 'npx'), '[ "$1" = mag ] && shift && exec mag "$@"\necho "npx $*: only mag is here" >&2\nexit 1')
  const cases = Object.keys(SKIPPED).map((command) => `"${command}") exit 0;;`)
  writeScript(join(bin, 'npm'), `case "npm $*" in\n${cases.join('\n')}\nesac\necho "npm $*: not one of the skipped commands" >&2\nexit 1`)
  return scratch
}

function writeScript(path: string, body: string): void {
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
}

function run(command: string, args: readonly string[], cwd: string, env: Record<string, string>): Promise<Ended> {
  return new Promise((resolve, reject) => {
    // One pipe for both, as a terminal is: their order is part of what is shown.
    const child = spawn('sh', ['-c', 'exec "$@" 2>&1', 'sh', command, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'ignore'], timeout: LONGEST_MS, killSignal: 'SIGKILL' })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => { output += part })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}
