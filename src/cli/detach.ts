/** `mag run --detach`: a background process of its own owns the run; this one prints the id and ends. */
import { spawn } from 'node:child_process'
import { MagError } from '../model/error.ts'
import type { JsonObject } from '../model/json.ts'
import type { Options } from './args.ts'
import { EXIT, hintOf } from './errors.ts'
import { storeAddress, text, type Services } from './services.ts'

interface Refusal {
  code: string
  message: string
  exitCode: number
  hint?: string
}

interface Announcement {
  runId?: string
  error?: Refusal
}

/** In the background process: the run is durable, or there will be none; whoever waits to hear that may go. */
export async function announce(news: { runId: string } | { error: unknown }): Promise<void> {
  if (!process.send || !process.connected) return
  const announcement: Announcement = 'runId' in news ? news : { error: refusalOf(news.error) }
  await new Promise<void>((resolve) => process.send?.(announcement, undefined, undefined, () => resolve()))
  process.disconnect()
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof MagError) return { code: error.code, message: error.message, exitCode: error.exitCode, hint: hintOf(error) }
  return { code: 'MAG0070', message: `a fault in mag itself: ${error instanceof Error ? error.message : String(error)}`, exitCode: EXIT.fault }
}

export async function detach(services: Services, { workflow, input, options }: { workflow: string; input: JsonObject; options: Options }): Promise<number> {
  if (storeAddress(services).startsWith('memory:')) throw new MagError('MAG2000', 'the store memory: ends with its process, and nobody could reach the run', { hint: 'without --detach, or with --store sqlite:<path>', exitCode: EXIT.usage })
  const id = text(options.id)
  const dir = text(options.dir)
  const words = [
    'run', workflow, '--input', '-', '--progress', 'none', '--quiet', '--store', storeAddress(services), ...(id === undefined ? [] : ['--id', id]),
    ...(dir === undefined ? [] : ['--dir', dir]),
  ]
  const child = spawn(process.execPath, [process.argv[1] ?? '', ...words], { detached: true, stdio: ['pipe', 'ignore', 'ignore', 'ipc'], env: { ...process.env, MAG_DETACHED: '1' } })
  const news = await new Promise<Announcement>((resolve) => {
    child.once('message', (message) => resolve(message as Announcement))
    child.once('error', (error) => resolve({ error: { code: 'MAG2040', message: error.message, exitCode: EXIT.unavailable } }))
    child.once('exit', (code) => resolve({ error: { code: 'MAG2040', message: `the background process ended with ${code}`, exitCode: EXIT.unavailable } }))
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(JSON.stringify(input))
  })
  child.unref()
  if (news.error) throw new MagError(news.error.code, news.error.message, { exitCode: news.error.exitCode, hint: news.error.hint ?? `mag run ${workflow}` })
  services.out(`${news.runId}\n`)
  if (!services.quiet) services.err(`follow it with: mag status ${news.runId} --watch\n`)
  return EXIT.ok
}
