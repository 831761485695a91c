/**
 * What a command line means, from the table of commands. Well-formed ones are read here, because loading commander costs
 * as much as the rest of a start; it is asked for help, for errors and for everything this reader does not know.
 */

export interface OptionSpec {
  long: string
  short?: string
  /** The value's name in the help; absent: a switch. */
  value?: string
  repeat?: boolean
  choices?: readonly string[]
  help: string
}

export interface ArgSpec {
  name: string
  optional?: boolean
  variadic?: boolean
}

export interface CommandSpec {
  name: string
  group?: string
  summary: string
  args?: readonly ArgSpec[]
  options?: readonly OptionSpec[]
  examples?: ReadonlyArray<readonly [command: string, says: string]>
  commands?: readonly CommandSpec[]
  run?: () => Promise<Run>
}

export type Options = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

export interface Invocation {
  /** `['workflows', 'list']` */
  path: readonly string[]
  args: readonly string[]
  options: Options
  run: () => Promise<Run>
}

/** A command. Resolves with the exit code. */
export type Run = (invocation: { args: readonly string[]; options: Options }) => Promise<number>

export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { long: 'dir', short: 'C', value: 'folder', help: 'the project; default: found from here upwards' },
  { long: 'output', short: 'o', value: 'format', choices: ['text', 'json', 'jsonl', 'yaml', 'ids', 'raw'], help: 'text, json, jsonl, yaml, ids or raw' },
  { long: 'json', help: 'short for the JSON form of this command' },
  { long: 'store', value: 'address', help: 'where runs are kept, such as sqlite:.mag/mag.db' },
  { long: 'progress', value: 'mode', choices: ['live', 'plain', 'json', 'none'], help: 'live, plain, json or none' },
  { long: 'color', help: 'colour, whatever the terminal says' },
  { long: 'no-color', help: 'no colour' },
  { long: 'quiet', short: 'q', help: 'the result and errors only' },
  { long: 'debug', help: 'stack traces with errors' },
]

/** Undefined: not for this reader. */
export function readArgs(commands: readonly CommandSpec[], argv: readonly string[]): Invocation | undefined {
  const options: Record<string, string | boolean | string[]> = {}
  const words: string[] = []
  let path: CommandSpec[] = []
  let known = GLOBAL_OPTIONS
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? ''
    if (word === '--') {
      words.push(...argv.slice(i + 1))
      break
    }
    if (word === '-' || !word.startsWith('-')) {
      const next = words.length === 0 ? (path.at(-1)?.commands ?? (path.length === 0 ? commands : [])).find((command) => command.name === word) : undefined
      if (!next) words.push(word)
      else {
        path = [...path, next]
        known = [...GLOBAL_OPTIONS, ...(next.options ?? [])]
      }
      continue
    }
    const used = readOption(known, argv, i, options)
    if (used === 0) return undefined
    i += used - 1
  }
  const command = path.at(-1)
  if (!command?.run || !fits(command.args ?? [], words.length)) return undefined
  return { path: path.map(({ name }) => name), args: words, options: camelCased(options), run: command.run }
}

/** How many words it took; 0: not understood. */
function readOption(known: readonly OptionSpec[], argv: readonly string[], at: number, into: Record<string, string | boolean | string[]>): number {
  const [, flag = '', joined] = /^(--[a-z][a-z-]*|-[A-Za-z])(?:=(.*))?$/s.exec(argv[at] ?? '') ?? []
  const option = known.find(({ long, short }) => flag === `--${long}` || (short !== undefined && flag === `-${short}`))
  if (!option || (joined !== undefined && !flag.startsWith('--'))) return 0
  if (option.value === undefined) {
    if (joined !== undefined) return 0
    if (option.long.startsWith('no-')) into[option.long.slice(3)] = false
    else into[option.long] = true
    return 1
  }
  const value = joined ?? argv[at + 1]
  // A value that looks like an option may be a slip: commander decides.
  if (value === undefined || (joined === undefined && value.startsWith('-') && value !== '-')) return 0
  if (option.choices && !option.choices.includes(value)) return 0
  const before = into[option.long]
  if (option.repeat) into[option.long] = [...(Array.isArray(before) ? before : []), value]
  else into[option.long] = value
  return joined === undefined ? 2 : 1
}

function fits(args: readonly ArgSpec[], given: number): boolean {
  const least = args.filter((arg) => !arg.optional).length
  return given >= least && (args.at(-1)?.variadic === true || given <= args.length)
}

function camelCased(options: Record<string, string | boolean | string[]>): Options {
  return Object.fromEntries(Object.entries(options).map(([long, value]) => [long.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()), value]))
}
