/** Names of secrets: only declared ones resolve. */
import { ID, isWord } from './language-shared.ts'
import { nameHelp, type Reader } from './reader.ts'
import { quote, stringOf } from './tree.ts'

/** The list of names that `secrets.` may read. */
export const secretNames: Reader<string[]> = {
  read(check, { key, value: node }) {
    if (node.kind !== 'list') {
      check.report.error('MAG1013', node.span, `\`${key}\` must be a list of names`, `For example ${key}: [API_TOKEN]`)
      return undefined
    }
    const found = new Set<string>()
    for (const item of node.items) {
      const name = stringOf(item)
      if (name === undefined || !ID.test(name)) check.report.error('MAG1030', item.span, `${name === undefined ? 'This' : quote(name)} is not usable as the name of a secret`, nameHelp(ID))
      else if (!isWord(check, item.span, name, 'the name of a secret')) found.add(name)
    }
    return [...found]
  },
  schema: () => ({ type: 'array', items: { type: 'string', pattern: ID.source }, uniqueItems: true }),
}
