/** Problems of definitions and workers on the screen, with their frames. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Problem } from '../model/problem.ts'
import { formatProblem } from '../definition/format.ts'
import { LIMITS } from '../model/limits.ts'
import { readText } from '../runtime/project.ts'
import { clean } from '../view/clean.ts'
import { span, type Line } from '../view/span.ts'
import { paintFor, type Services } from './services.ts'

export function sortProblems(problems: readonly Problem[]): Problem[] {
  return [...problems].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column))
}

export async function printProblems(services: Services, problems: readonly Problem[], texts: ReadonlyMap<string, string>, stream: 1 | 2): Promise<void> {
  const paint = await paintFor(services, stream)
  const put = stream === 1 ? services.out : services.err
  for (const problem of sortProblems(problems)) {
    put(problemLines(problem, texts.get(problem.file)).map((line) => `${paint(line)}\n`).join(''))
    put('\n')
  }
}

export function problemLines(problem: Problem, text: string | undefined): Line[] {
  const [head = '', ...frame] = formatProblem(problem, text ?? '').map((line) => clean(line))
  const at = head.indexOf(problem.severity)
  const style = problem.severity === 'error' ? 'bad' : 'warn'
  const title: Line = at < 0 ? [span(head)] : [span(head.slice(0, at)), span(problem.severity, style), span(head.slice(at + problem.severity.length), 'bold')]
  return [title, ...frame.map((line): Line => [span(line, /^\s*>/.test(line) ? 'plain' : 'dim')])]
}

/** Texts of the files that problems are in, where they can be read. */
export function sourcesOf(services: Services, problems: readonly Problem[]): Map<string, string> {
  const texts = new Map<string, string>()
  for (const { file } of problems) {
    const path = join(services.project.dir, file)
    if (texts.has(file) || !existsSync(path)) continue
    try {
      texts.set(file, readText(path, { what: 'source', maxBytes: LIMITS.fileBytes }))
    } catch {
      // Without a text there is no frame.
    }
  }
  return texts
}
