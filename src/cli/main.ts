/**
 * The command line: what was typed, to a command, to an exit code. The only place that ends the process. Whatever one
 * command needs is loaded by it; nothing here may slow down the start.
 */
import { MagError } from '../model/error.ts'
import { claimFault } from '../runtime/pool/faults.ts'
import { readArgs, type CommandSpec, type Invocation, type Options } from './args.ts'
import { COMMANDS } from './commands.ts'
import { end } from './end.ts'
import { EXIT } from './errors.ts'
import { isTty, ReaderGone, sizeOf, write } from './terminal.ts'

const VERSION = process.env.MAG_VERSION ?? 'from source'

async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    write(1, `${VERSION}\n`)
    return EXIT.ok
  }
  let options: Options = { debug: argv.includes('--debug'), json: argv.includes('--json') }
  try {
    const invocation = readArgs(COMMANDS, argv) ?? (await ask(COMMANDS, argv))
    if (!invocation) return EXIT.ok
    options = invocation.options
    const run = await invocation.run()
    return await run({ args: invocation.args, options })
  } catch (error) {
    if (error instanceof ReaderGone) return EXIT.ok
    return report(error, options)
  }
}

/** Undefined: it was help. */
async function ask(commands: readonly CommandSpec[], argv: readonly string[]): Promise<Invocation | undefined> {
  const [first, second] = argv
  if (first === 'help' && (second === 'exit-codes' || second === 'exit_codes')) {
    const { EXIT_CODES } = await import('./exit-codes.ts')
    write(1, EXIT_CODES)
    return undefined
  }
  const { askCommander } = await import('./commander.ts')
  const typed = argv.length === 0 ? ['--help'] : argv
  return askCommander(commands, typed, { version: VERSION, columns: isTty(1) ? sizeOf(1).columns : 80, put: (text) => write(1, text) }).invocation
}

async function report(thrown: unknown, options: Options): Promise<number> {
  const [{ printError, exitCodeOfError, systemRefusal }, { decideColour, painterOf }] = await Promise.all([import('./errors.ts'), import('./colour.ts')])
  const error = systemRefusal(thrown) ?? thrown
  const flag = typeof options.color === 'boolean' ? options.color : undefined
  const colour = decideColour({ flag, env: process.env, config: undefined, isTty: isTty(2) })
  printError(error, { debug: options.debug === true, paint: await painterOf(colour), put: (text) => write(2, text) })
  // Where stdout is what failed, it cannot be told there.
  if (options.json === true || options.output === 'json' || options.output === 'jsonl') await reportJson(error).catch(() => undefined)
  return exitCodeOfError(error)
}

/** Programs that read stdout learn of the error there, too. */
async function reportJson(error: unknown): Promise<void> {
  const [{ safeJson }, { hintOf }] = await Promise.all([import('./text.ts'), import('./errors.ts')])
  const known = error instanceof MagError ? { code: error.code, hint: hintOf(error), ...(error.location ? { location: error.location } : {}) } : { code: 'MAG0070', hint: null }
  const message = error instanceof Error ? error.message : String(error)
  write(1, `${safeJson({ schema: 'mag.error/v1', error: { ...known, message } })}\n`)
}

/** A fault that nobody waited for must not pass as success, nor leave a hanging process. */
function onFault(error: unknown): void {
  // A throw in a worker's own timer is that attempt's failure.
  if (claimFault(error)) return
  if (error instanceof ReaderGone) end(EXIT.ok)
  void import('./foreign-fault.ts').then(({ foreignFault }) => report(foreignFault(error) ?? error, { debug: process.argv.includes('--debug') })).then(end, () => end(EXIT.fault))
}

process.on('uncaughtException', onFault)
process.on('unhandledRejection', onFault)
main(process.argv.slice(2)).then(end, onFault)
