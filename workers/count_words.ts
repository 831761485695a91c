import { worker } from 'multiagents'

const TOP = 3

/** Counts words, in any script, and names the most frequent ones. */
export default worker('count_words', ({ clean_text }: { clean_text: string }) => {
  const words = clean_text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? []
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  const top_words = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, TOP).map(([word, count]) => ({ word, count }))
  return { word_count: words.length, unique_words: counts.size, top_words }
})
