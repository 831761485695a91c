/** The workers and workflows that a definition names, against those that there are. */
import type { Problem } from '../model/problem.ts'
import type { WorkerUse, WorkflowUse } from './check-context.ts'
import { nearName } from './near.ts'

/** Of different names: each is compared with all that there are. */
const MAX_SUGGESTIONS = 100

export function checkWorkers({ file, workers }: { file: string; workers: readonly WorkerUse[] }, known: readonly string[]): Problem[] {
  const names = new Set(known)
  const meant = new Map<string, string | undefined>()
  return workers.filter(({ worker }) => !names.has(worker)).map(({ worker, step, line, column, endColumn }) => {
    if (!meant.has(worker)) meant.set(worker, meant.size < MAX_SUGGESTIONS ? nearName(worker, known) : undefined)
    const near = meant.get(worker)
    const help = near ? `Did you mean "${near}"?` : known.length > 20 ? 'mag workers list shows those that there are.' : known.length > 0 ? `There are: ${known.join(', ')}.` : 'The project has no workers: make a folder workers/ with a file that exports one.'
    return {
      code: 'MAG1050', severity: 'error', message: `No worker "${worker}", which step "${step}" names`, help, file, line, column, endLine: line, endColumn,
    }
  })
}

export function checkChildren({ file, workflows }: { file: string; workflows: readonly WorkflowUse[] }, known: readonly string[]): Problem[] {
  const names = new Set(known)
  return workflows.filter(({ workflow }) => !names.has(workflow)).slice(0, MAX_SUGGESTIONS).map(({ workflow, step, line, column, endColumn }) => {
    const near = nearName(workflow, known)
    const help = near ? `Did you mean "${near}"?` : known.length > 20 ? 'mag workflows list shows those that there are.' : `There are: ${known.join(', ')}.`
    return { code: 'MAG1051', severity: 'error', message: `No workflow "${workflow}", which step "${step}" starts`, help, file, line, column, endLine: line, endColumn }
  })
}

/** Of two files with one name a child, or `mag run`, could mean either. */
export function checkSameNames(workflows: ReadonlyArray<{ file: string; name: string; text: string }>): Problem[] {
  const first = new Map<string, string>()
  return workflows.flatMap(({ file, name, text }): Problem[] => {
    const there = first.get(name)
    if (there === undefined) first.set(name, file)
    if (there === undefined || there === file) return []
    const line = Math.max(1, text.split('\n').findIndex((one) => /^\s*["']?name["']?\s*:/.test(one)) + 1)
    return [{
      code: 'MAG1052', severity: 'error', message: `The name "${name}" is that of ${there} already`, help: 'Give one of them another name: names of workflows are unique in a project.',
      file, line, column: 1, endLine: line, endColumn: Math.max(2, (text.split('\n')[line - 1]?.length ?? 1) + 1),
    }]
  })
}
