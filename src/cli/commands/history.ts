/** `mag history`: the events of a run, which are its truth. */
import type { JsonObject } from '../../model/json.ts'
import { eventLine } from '../../view/document.ts'
import { localTime } from '../../view/pages.ts'
import { tableLines } from '../../view/table.ts'
import { span } from '../../view/span.ts'
import type { Run } from '../args.ts'
import { yamlText } from '../drive.ts'
import { EXIT } from '../errors.ts'
import { findRun } from '../find-run.ts'
import { formatOf, openServices, pageScreen, paintFor, readView, type Services } from '../services.ts'
import { isTty } from '../terminal.ts'
import { safeJson } from '../text.ts'
import { openRead } from './status.ts'

export const run: Run = async ({ args, options }) => {
  const services = await openServices(options)
  const backend = await openRead(services, args[0] ?? '')
  try {
    const record = await findRun(backend, args[0] ?? '')
    const lines: JsonObject[] = []
    await readView(backend, record, (view, event) => lines.push(eventLine(view, event)))
    const document = { schema: 'mag.history/v1', transactionId: record.id, items: lines, nextCursor: null }
    switch (formatOf(options)) {
      case 'json':
      case 'raw':
        services.out(`${safeJson(document, isTty(1))}\n`)
        break
      case 'jsonl':
        services.out(lines.map((line) => `${safeJson(line)}\n`).join(''))
        break
      case 'yaml':
        services.out(await yamlText(document))
        break
      case 'ids':
        services.out(lines.map(({ seq }) => `${String(seq)}\n`).join(''))
        break
      case 'text':
        await print(services, lines)
    }
    return EXIT.ok
  } finally {
    await backend.close()
  }
}

const HIDDEN = new Set(['seq', 'at', 'type', 'transactionId', 'v', 'path', 'token', 'definition', 'workflow'])

async function print(services: Services, lines: JsonObject[]): Promise<void> {
  const paint = await paintFor(services, 1)
  const rows = lines.map((line) => [
    String(line.seq), span(clockTime(String(line.at)), 'dim'), span(String(line.type), /failed|lost/.test(String(line.type)) ? 'bad' : 'plain'),
    typeof line.path === 'string' ? line.path : '', span(detailsOf(line), 'dim'),
  ])
  const table = tableLines([{ title: 'SEQ' }, { title: 'TIME', giveUp: 1 }, { title: 'EVENT' }, { title: 'STEP' }, { title: 'DETAILS', giveUp: 2 }], rows, await pageScreen(services))
  services.out(table.map((line) => `${paint(line)}\n`).join(''))
}

function clockTime(at: string): string {
  const ms = Date.parse(at)
  return Number.isNaN(ms) ? at : `${localTime(ms).slice(11)}.${at.slice(20, 23)}`
}

function detailsOf(line: JsonObject): string {
  return Object.entries(line).filter(([key]) => !HIDDEN.has(key)).map(([key, value]) => `${key}=${typeof value === 'string' ? value : safeJson(value)}`).join(' ')
}
