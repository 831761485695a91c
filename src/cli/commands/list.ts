/** `mag list`: runs, newest first. */
import type { RunRecord } from '../../backend/backend.ts'
import { MagError } from '../../model/error.ts'
import { isFinal, type RunState } from '../../model/event.ts'
import { listDocument, summaryDocument } from '../../view/document.ts'
import { listLines } from '../../view/pages.ts'
import type { Run } from '../args.ts'
import { yamlText } from '../drive.ts'
import { EXIT } from '../errors.ts'
import { durationOption, numberOption } from '../limits.ts'
import { formatOf, openServices, openStore, pageScreen, paintFor, text, type Services } from '../services.ts'
import { isTty } from '../terminal.ts'
import { safeJson } from '../text.ts'

const STATES: readonly RunState[] = ['pending', 'running', 'waiting', 'paused', 'compensating', 'completed', 'failed', 'compensated', 'cancelled', 'timed_out', 'compensation_failed']
const MOST = 10_000

export const run: Run = async ({ options }) => {
  const services = await openServices(options)
  const states = statesOf(text(options.state))
  const since = durationOption(options, 'since')
  const workflow = text(options.workflow)
  const cursor = text(options.cursor)
  const { items, nextCursor, gone } = await read(services, {
    limit: numberOption(options, 'limit', { fallback: 20, most: MOST }), ...(states ? { states } : {}), ...(workflow === undefined ? {} : { workflow }),
    ...(since === undefined ? {} : { since: services.clock.now() - since }), ...(cursor === undefined ? {} : { cursor }), ...(options.all === true ? {} : { parent: null }),
  })
  switch (formatOf(options)) {
    case 'json':
    case 'raw':
      services.out(`${safeJson(listDocument(items, nextCursor), isTty(1))}\n`)
      break
    case 'jsonl':
      services.out(items.map((record) => `${safeJson(summaryDocument(record))}\n`).join(''))
      break
    case 'yaml':
      services.out(await yamlText(listDocument(items, nextCursor)))
      break
    case 'ids':
      services.out(items.map(({ id }) => `${id}\n`).join(''))
      break
    case 'text':
      await print(services, items, { more: nextCursor !== null, gone })
  }
  return EXIT.ok
}

function statesOf(given: string | undefined): RunState[] | undefined {
  if (given === undefined) return undefined
  return given.split(',').map((name) => {
    const state = STATES.find((known) => known === name.trim().replaceAll('-', '_'))
    if (state) return state
    throw new MagError('MAG2000', `no state "${name}"`, { hint: `there are: ${STATES.join(', ')}` })
  })
}

type Filter = Parameters<Awaited<ReturnType<typeof openStore>>['list']>[0]

async function read(services: Services, filter: Filter): Promise<{ items: RunRecord[]; nextCursor: string | null; gone: Set<string> }> {
  const backend = await openStore(services, { readOnly: true }).catch((error: unknown) => {
    if (error instanceof MagError && error.code === 'STORE_MISSING') return undefined
    throw error
  })
  if (!backend) return { items: [], nextCursor: null, gone: new Set() }
  try {
    const page = await backend.list(filter)
    const gone = new Set<string>()
    if (page.items.some(({ state, owner }) => !isFinal(state) && owner !== null)) {
      const { isGone } = await import('../../runtime/process.ts')
      for (const process of await backend.processes()) if (isGone(process, services.clock.now())) gone.add(process.id)
    }
    return { ...page, gone }
  } finally {
    await backend.close()
  }
}

async function print(services: Services, items: RunRecord[], options: { more: boolean; gone: ReadonlySet<string> }): Promise<void> {
  if (items.length === 0) {
    if (!services.quiet) services.err('no runs here yet, or none that match; start one with: mag run <workflow>\n')
    return
  }
  const paint = await paintFor(services, 1)
  const lines = listLines(items, await pageScreen(services), { ...options, plain: !isTty(1) })
  services.out(lines.map((line) => `${paint(line)}\n`).join(''))
}
