/**
 * The pages as data: their code blocks, sections, tables and links. A block is named by the line above it where that ends
 * with a file in code and a colon (`workers/greet.ts`:); a `text` block right below a `sh` or `ts` block is what it prints.
 */
import { globSync, readFileSync } from 'node:fs'

export const root = new URL('../..', import.meta.url).pathname

export interface Block {
  language: string
  text: string
  /** 1-based, of the opening fence. */
  line: number
  /** Where the page says that it belongs. */
  file?: string
  /** What the page says that it prints. */
  prints?: string
}

export interface Page {
  /** Relative to the repository. */
  name: string
  text: string
  blocks: Block[]
}

export const pages: readonly Page[] = ['README.md', ...globSync('docs/*.md', { cwd: root })].sort().map(readPage)

export function page(name: string): Page {
  const found = pages.find((one) => one.name === name)
  if (!found) throw new Error(`there is no page ${name}`)
  return found
}

function readPage(name: string): Page {
  const text = readFileSync(`${root}${name}`, 'utf8')
  const blocks: Block[] = []
  let end = 0
  for (const match of text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)) {
    const [all, language = '', body = ''] = match
    const between = text.slice(end, match.index)
    end = match.index + all.length
    const before = blocks.at(-1)
    if (language === 'text' && before && between.trim() === '') {
      before.prints = body
      continue
    }
    const file = /`([\w.-]+(?:\/[\w.-]+)*\.\w+)`:\s*$/.exec(between)?.[1]
    blocks.push({ language, text: body, line: text.slice(0, match.index).split('\n').length, ...(file === undefined ? {} : { file }) })
  }
  return { name, text, blocks }
}

/** What stands below a heading, up to the next one of its level or above. */
export function section(text: string, heading: string): string {
  const lines = withoutBlocks(text).split('\n')
  const from = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '').replaceAll('`', '') === heading)
  if (from < 0) throw new Error(`there is no heading "${heading}"`)
  const level = (lines[from] ?? '').indexOf(' ')
  const to = lines.findIndex((line, at) => at > from && /^#+ /.test(line) && line.indexOf(' ') <= level)
  return lines.slice(from + 1, to < 0 ? undefined : to).join('\n')
}

export function withoutBlocks(text: string): string {
  return text.replace(/^```\w*\n[\s\S]*?^```$/gm, '')
}

/** Rows of all tables, each a list of cells; `header`: only tables that begin with these titles. */
export function tableRows(text: string, header?: readonly string[]): string[][] {
  const found: string[][] = []
  for (const [table] of withoutBlocks(text).matchAll(/(?:^\|.*\|$\n?)+/gm)) {
    const [titles = [], , ...rows] = table.trim().split('\n').map(cellsOf)
    if (!header || header.every((title, i) => titles[i] === title)) found.push(...rows)
  }
  return found
}

function cellsOf(row: string): string[] {
  return row.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'))
}

/** Texts in backquotes. */
export function spans(text: string): string[] {
  return [...text.matchAll(/(`+)(.+?)\1/g)].map((match) => (match[2] ?? '').trim())
}

/** As GitHub makes them of headings. */
export function anchors(text: string): Set<string> {
  const found = new Set<string>()
  for (const [, heading = ''] of withoutBlocks(text).matchAll(/^#+ (.*)$/gm)) {
    found.add(heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').trim().replaceAll(' ', '-'))
  }
  return found
}
