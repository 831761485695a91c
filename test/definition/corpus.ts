/**
 * The golden corpus of problems: text files of cases. A case is a title (`== …`), a file's text, `--`, and what `mag validate` says
 * of it. In the text, `␀` to `␟` stand for control characters, `⟪BOM⟫` for a byte order mark, and a line `⟪3 ×⟫- x№` for three
 * lines with their numbers for `№`. In the title, `{file: …}` names the file, `{workers: …}` and `{workflows: …}` those that the project has.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { checkChildren, checkWorkers } from '../../src/definition/check-workers.ts'
import { checkWorkflow, type Checked } from '../../src/definition/check.ts'
import { formatProblem } from '../../src/definition/format.ts'
import type { TypeSources } from '../../src/definition/types/model.ts'

export interface Case {
  title: string
  file: string
  workers: string[] | undefined
  workflows: string[] | undefined
  /** As written in the corpus. */
  source: string
  /** As checked. */
  text: string
  answer: string
}

export interface Topic {
  url: URL
  name: string
  head: string
  cases: Case[]
}

export function topics(name = 'problems'): Topic[] {
  const folder = new URL(`./${name}/`, import.meta.url)
  return readdirSync(folder).filter((name) => name.endsWith('.txt')).sort().map((name) => {
    const url = new URL(name, folder)
    const [head = '', ...blocks] = readFileSync(url, 'utf8').split(/^(?=== )/m)
    return { url, name, head, cases: blocks.map(caseOf) }
  })
}

function caseOf(block: string): Case {
  const [, title = '', source = '', answer = ''] = /^== ([^\n]*)\n(.*?)^--\n(.*)$/ms.exec(block) ?? []
  const option = (name: string) => new RegExp(`\\{${name}: ([^}]*)\\}`).exec(title)?.[1]
  const workers = option('workers')
  return { title, file: option('file') ?? 'workflows/case.yaml', workers: workers?.split(', ').filter((name) => name !== ''), workflows: option('workflows')?.split(', '), source, text: expand(source), answer }
}

function expand(source: string): string {
  return source
    .replace(/^⟪(\d+) ×⟫(.*)\n/gm, (_, count: string, line: string) => Array.from({ length: Number(count) }, (__, i) => `${line.replaceAll('№', String(i + 1))}\n`).join(''))
    .replaceAll('⟪BOM⟫', '\ufeff')
    .replace(/⟪end⟫\n/g, '')
    .replace(/[\u2400-\u241f]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) - 0x2400))
}

const results = new WeakMap<Case, Checked>()

/** Once for each case: some are large. `sources`: with types. */
export function checkedCase(one: Case, sources?: TypeSources): Checked {
  const checked = results.get(one) ?? checkWorkflow(one, sources)
  results.set(one, checked)
  return checked
}

/** What a person reads: all problems with their frames, or that there are none. */
function answerTo(one: Case, sources: TypeSources | undefined): string {
  const { file, text, workers, workflows } = one
  const checked = checkedCase(one, sources)
  const problems = [...checked.problems, ...(workers ? checkWorkers({ file, workers: checked.workers }, workers) : []), ...(workflows ? checkChildren({ file, workflows: checked.workflows }, workflows) : [])]
  const told = problems.map((problem) => formatProblem(problem, text).join('\n'))
  return `${[...told, ...(checked.definition ? ['valid'] : [])].join('\n\n')}\n\n`
}

export function rewritten({ head, cases }: Topic, sources?: TypeSources): string {
  const blocks = cases.map((one) => `== ${one.title}\n${one.source}--\n${answerTo(one, sources)}`)
  return `${head}${blocks.join('')}`.replace(/\n+$/, '\n')
}
