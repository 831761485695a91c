/** Valid definitions: those of the project, and the valid cases of the corpus that are of a size that people write. */
import { globSync, readFileSync } from 'node:fs'
import { topics } from './corpus.ts'

export interface Sample {
  name: string
  file: string
  text: string
}

const root = new URL('../../', import.meta.url)

export function projectSamples(): Sample[] {
  return globSync('workflows/*.yaml', { cwd: root }).sort().map((file) => ({ name: file, file, text: readFileSync(new URL(file, root), 'utf8') }))
}

export function validSamples(): Sample[] {
  const cases = topics().flatMap((topic) => topic.cases.map((one) => ({ ...one, name: `${topic.name}: ${one.title}` })))
  const valid = cases.filter(({ answer, text }) => /^valid$/m.test(answer) && !/ error MAG/.test(answer) && text.length < 5_000)
  return [...projectSamples(), ...valid.map(({ name, file, text }) => ({ name, file, text }))]
}
