import { worker } from 'multiagents'

const MAX_LENGTH = 120

/** The first sentence, cut at a word's end where it is long. */
export default worker('summarize_text', ({ clean_text }: { clean_text: string }) => {
  const sentence = /^.+?[.!?](?=\s|$)/.exec(clean_text)?.[0] ?? clean_text
  const summary = sentence.length <= MAX_LENGTH ? sentence : `${sentence.slice(0, MAX_LENGTH).replace(/\s+\S*$/, '')} …`
  return { summary, is_shortened: summary !== clean_text }
})
