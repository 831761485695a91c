import { NonRetryableError, worker } from 'multiagents'

/** Cuts control characters and joins runs of blanks and line ends to one blank. */
export default worker('clean_text', ({ text }: { text: string }) => {
  if (typeof text !== 'string') throw new NonRetryableError('text must be a string', { code: 'INVALID_TEXT' })
  const clean_text = text.replace(/\p{Cc}+/gu, ' ').replace(/\s+/g, ' ').trim()
  return { clean_text, removed_characters: text.length - clean_text.length }
})
