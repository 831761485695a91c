/** `mag doctor`: what the set-up is, where each value came from, and what is wrong with it. */
import type { CheckResult } from '../../backend/backend.ts'
import type { Config } from '../../model/config.ts'
import { MagError } from '../../model/error.ts'
import { setting } from '../../runtime/config.ts'
import { readWorkflow, workflowFiles } from '../../runtime/project.ts'
import { clean } from '../../view/clean.ts'
import { badMark, goodMark } from '../../view/marks.ts'
import { count } from '../../view/pages.ts'
import { span, wrap, type Line } from '../../view/span.ts'
import type { Run } from '../args.ts'
import { yamlText } from '../drive.ts'
import { EXIT } from '../errors.ts'
import { loadAll } from '../load-workers.ts'
import { formatOf, openServices, openStore, pageScreen, paintFor, text, type Services } from '../services.ts'
import { isTty } from '../terminal.ts'
import { safeJson } from '../text.ts'

export const run: Run = async ({ options }) => {
  const services = await openServices(options)
  const checks: CheckResult[] = [
    { name: 'node', ok: true, detail: `Node ${process.version} on ${process.platform} ${process.arch}` },
    { name: 'mag', ok: true, detail: process.env.MAG_VERSION ?? 'from source' },
    projectCheck(services), ...settingChecks(services), ...(await storeChecks(services)), ...(await workflowChecks(services)), ...(await workerChecks(services)),
  ]
  const ok = checks.every((check) => check.ok)
  const format = formatOf(options)
  if (format === 'text') await print(services, checks)
  else {
    const document = { schema: 'mag.doctor/v1', ok, checks }
    services.out(format === 'yaml' ? await yamlText(document) : `${safeJson(document, isTty(1))}\n`)
  }
  return ok ? EXIT.ok : EXIT.failed
}

function projectCheck({ project }: Services): CheckResult {
  if (project.found) return { name: 'project', ok: true, detail: project.dir }
  return { name: 'project', ok: false, detail: `no mag.config.yaml, workflows/ or workers/ here or above ${project.dir}`, hint: 'make a folder workflows/ or name the project with --dir' }
}

function settingChecks({ options, config }: Services): CheckResult[] {
  const fallbacks: Record<keyof Config, string> = { store: 'sqlite:.mag/mag.db', concurrency: '100', color: 'auto', progress: 'auto' }
  return (Object.keys(fallbacks) as Array<keyof Config>).map((name) => {
    const { value, from } = setting(name, name === 'store' || name === 'progress' ? text(options[name]) : undefined, config, fallbacks[name])
    return { name, ok: true, detail: `${withoutPassword(value)}  (${from})` }
  })
}

function withoutPassword(address: string): string {
  return address.replace(/\/\/[^/@]*@/, '//***@')
}

async function storeChecks(services: Services): Promise<CheckResult[]> {
  try {
    const backend = await openStore(services, { readOnly: true })
    try {
      return (await backend.check()).map((check) => ({ ...check, name: `store ${check.name}` }))
    } finally {
      await backend.close()
    }
  } catch (error) {
    if (error instanceof MagError && error.code === 'STORE_MISSING') return [{ name: 'store', ok: true, detail: 'not there yet: it appears with the first run' }]
    return [failure('store', error)]
  }
}

async function workflowChecks(services: Services): Promise<CheckResult[]> {
  const files = workflowFiles(services.project)
  const bad: string[] = []
  for (const file of files) {
    const read = await readWorkflow(services.project, file)
    if (!read.definition) bad.push(file)
  }
  if (bad.length === 0) return [{ name: 'workflows', ok: true, detail: `${count(files.length, 'workflow')}, all valid` }]
  return [{ name: 'workflows', ok: false, detail: `not valid: ${bad.join(', ')}`, hint: 'mag validate' }]
}

async function workerChecks(services: Services): Promise<CheckResult[]> {
  try {
    const { workers, problems } = await loadAll(services)
    const errors = problems.filter(({ severity }) => severity === 'error')
    if (errors.length === 0) return [{ name: 'workers', ok: true, detail: count(workers.length, 'worker') }]
    return errors.map(({ file, line, message, help }) => ({ name: 'workers', ok: false, detail: `${file}:${line} ${message}`, ...(help === undefined ? {} : { hint: help }) }))
  } catch (error) {
    return [failure('workers', error)]
  }
}

function failure(name: string, error: unknown): CheckResult {
  const hint = error instanceof MagError ? error.hint : undefined
  return { name, ok: false, detail: error instanceof Error ? error.message : String(error), ...(hint === undefined ? {} : { hint }) }
}

async function print(services: Services, checks: readonly CheckResult[]): Promise<void> {
  const screen = await pageScreen(services)
  const paint = await paintFor(services, 1)
  const cells = Math.max(...checks.map(({ name }) => name.length))
  const lines = checks.flatMap(({ name, ok, detail, hint }): Line[] => {
    const [first = '', ...rest] = wrap(clean(detail), Math.max(20, screen.columns - cells - 6), screen.width)
    const indent = ' '.repeat(cells + 4)
    return [
      [ok ? goodMark(screen) : badMark(screen), span(` ${name.padEnd(cells)}  `), span(first)], ...rest.map((line): Line => [span(indent + line)]),
      ...(hint && !ok ? [[span(indent), span(clean(hint), 'command')]] : []),
    ]
  })
  services.out(lines.map((line) => `${paint(line)}\n`).join(''))
}
