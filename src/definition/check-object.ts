/** The checker for definitions given as objects: a bundle of its own in the package, loaded by `WorkflowBuilder.build()`. */
import { checkTree, type Checked } from './check.ts'
import { treeOfObject } from './object-tree.ts'
import { createReport } from './report.ts'

export { formatProblem } from './format.ts'

/** `value` in the form of files; `file` names it in messages. Throws MagError where it is no JSON. */
export function checkObject(value: unknown, file: string): { checked: Checked; text: string } {
  const { text, node } = treeOfObject(value)
  return { checked: checkTree(createReport(file, text), node), text }
}
