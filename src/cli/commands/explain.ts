/** `mag explain <code>`: an error code in words. */
import { CODES } from '../../definition/codes.ts'
import { MagError } from '../../model/error.ts'
import { own } from '../../model/json.ts'
import { nearest } from '../../model/nearest.ts'
import { span, wrap, type Line } from '../../view/span.ts'
import type { Run } from '../args.ts'
import { EXIT } from '../errors.ts'
import { EXPLANATIONS, type Explanation } from '../explanations.ts'
import { formatOf, openServices, pageScreen, paintFor } from '../services.ts'
import { isTty } from '../terminal.ts'
import { safeJson } from '../text.ts'

const ALL: Readonly<Record<string, Explanation>> = { ...CODES, ...EXPLANATIONS }

export const run: Run = async ({ args, options }) => {
  const services = await openServices(options)
  const typed = args[0] ?? ''
  const code = typed.toUpperCase()
  const found = own(ALL, code) ?? (/^(EXIT|HTTP)_\d+$/.test(code) ? own(ALL, `${code.split('_')[0]}_N`) : undefined)
  if (!found) {
    const near = nearest(code, Object.keys(ALL))
    throw new MagError('MAG2022', `no error code ${typed}`, { exitCode: EXIT.notFound, hint: near ? `did you mean ${near}?` : 'a worker\'s own codes are explained by its author' })
  }
  if (formatOf(options) !== 'text') services.out(`${safeJson({ schema: 'mag.explain/v1', code, ...found }, isTty(1))}\n`)
  else {
    const screen = await pageScreen(services)
    const paint = await paintFor(services, 1)
    const lines: Line[] = [[span(code, 'bold'), span(`  ${found.title}`)], [], ...wrap(found.text, Math.min(88, screen.columns - 1), screen.width).map((line): Line => [span(line)])]
    services.out(lines.map((line) => `${paint(line)}\n`).join(''))
  }
  return EXIT.ok
}
