import { worker } from 'multiagents'

interface Input {
  title: string
  summary: string
  word_count: number
}

/** Puts the results of the steps before it into words. */
export default worker('format_report', ({ title, summary, word_count }: Input) => ({
  report: `${title.toUpperCase()} (${word_count} ${word_count === 1 ? 'word' : 'words'}): ${summary}`,
}))
