/** The same table of commands as a commander program: help, usage errors with suggestions, and unusual command lines. */
import { Command, CommanderError, InvalidArgumentError, Option, type Help } from 'commander'
import { MagError } from '../model/error.ts'
import { wrap } from '../view/span.ts'
import { GLOBAL_OPTIONS, type CommandSpec, type Invocation, type OptionSpec, type Options } from './args.ts'
import { EXIT } from './errors.ts'

export interface Outcome {
  /** Help was asked for and printed. */
  helped?: boolean
  invocation?: Invocation
}

export interface CommanderOptions {
  version: string
  columns: number
  put: (text: string) => void
}

/** Throws MagError MAG2000 for a command line that means nothing. */
export function askCommander(commands: readonly CommandSpec[], argv: readonly string[], options: CommanderOptions): Outcome {
  const outcome: Outcome = {}
  const program = programOf(commands, options, outcome)
  try {
    program.parse([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0 || error.code === 'commander.help') return { helped: true }
    throw usageError(error, argv)
  }
  return outcome.invocation || outcome.helped ? outcome : { helped: true }
}

export function helpText(commands: readonly CommandSpec[], path: readonly string[], options: Omit<CommanderOptions, 'put'>): string {
  let text = ''
  askCommander(commands, [...path, '--help'], { ...options, put: (part) => { text += part } })
  return text
}

function usageError(error: CommanderError, argv: readonly string[]): MagError {
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
  const near = /Did you mean (.*)\?/.exec(suggestion ?? '')?.[1]
  const command = argv.find((word) => !word.startsWith('-'))
  const help = command && error.code !== 'commander.unknownCommand' ? `mag ${command} --help` : 'mag --help'
  return new MagError('MAG2000', message + (near ? `. Did you mean ${near}?` : ''), { hint: help, exitCode: EXIT.usage })
}

function programOf(commands: readonly CommandSpec[], options: CommanderOptions, outcome: Outcome): Command {
  const program = set(new Command('mag'), options, ROOT).version(options.version, '-V, --version', 'the version').helpCommand(true)
  for (const option of GLOBAL_OPTIONS) program.addOption(optionOf(option))
  for (const spec of commands) add(program, spec, [], options, outcome)
  return program
}

const ROOT: CommandSpec = {
  name: 'mag', summary: 'Runs workflows durably: YAML definitions, TypeScript workers, one command.',
  examples: [['mag run order-pipeline -i order=A-1042', 'run a workflow and print its result'], ['mag status @last', 'where the newest run stands']],
}

function add(parent: Command, spec: CommandSpec, before: readonly string[], options: CommanderOptions, outcome: Outcome): void {
  const command = set(parent.command(spec.name), options, spec)
  if (spec.group) command.helpGroup(spec.group)
  for (const arg of spec.args ?? []) {
    const name = `${arg.name}${arg.variadic ? '...' : ''}`
    command.argument(arg.optional ? `[${name}]` : `<${name}>`)
  }
  for (const option of spec.options ?? []) command.addOption(optionOf(option))
  for (const option of GLOBAL_OPTIONS) command.addOption(optionOf(option).hideHelp())
  const path = [...before, spec.name]
  for (const inner of spec.commands ?? []) add(command, inner, path, options, outcome)
  const { run } = spec
  // Without an action commander prints help, and suggests near names for unknown ones.
  if (!run) return
  command.action(() => {
    outcome.invocation = { path, args: command.args, options: command.optsWithGlobals<Options>(), run }
  })
}

function set(command: Command, { put, columns }: CommanderOptions, spec: CommandSpec): Command {
  const cells = Math.max(40, Math.min(columns, 100))
  return command.exitOverride().showSuggestionAfterError(true).allowExcessArguments(false).summary(spec.summary)
    .configureOutput({ writeOut: put, writeErr: put, outputError: () => undefined, getOutHelpWidth: () => cells, getOutHasColors: () => false })
    .configureHelp({ formatHelp: (shown, helper) => helpOf(shown, helper, spec, cells) })
}

/** Examples first, then what there is to choose from, then options. */
function helpOf(command: Command, helper: Help, spec: CommandSpec, cells: number): string {
  const groups = new Map<string, Array<[string, string]>>()
  for (const inner of helper.visibleCommands(command)) {
    if (inner.name() === 'help') continue
    const title = inner.helpGroup() || 'Commands'
    const args = inner.registeredArguments.map((arg) => (arg.required ? `<${arg.name()}>` : `[${arg.name()}]`))
    groups.set(title, [...(groups.get(title) ?? []), [[inner.name(), ...args].join(' '), inner.summary()]])
  }
  const isRoot = command.parent === null
  const options = helper.visibleOptions(command).map((option): [string, string] => [helper.optionTerm(option), option.description])
  const examples = [...(spec.examples ?? [])].map(([line, does]): [string, string] => [line, does])
  const usage = `Usage: ${helper.commandUsage(command)}`
  const end = isRoot ? 'Exit codes: mag help exit-codes    An error code in words: mag explain <code>' : 'Options for every command: mag --help'
  const section = (title: string, items: Array<[string, string]>) => (items.length > 0 ? [`${title}:\n${itemLines(items, cells)}`] : [])
  const listed = [...groups].flatMap(([title, items]) => section(title, items))
  const says = spec.summary.charAt(0).toUpperCase() + spec.summary.slice(1)
  return `${[wrapped(says.endsWith('.') ? says : `${says}.`, 0, cells), ...section('Examples', examples), usage, ...listed, ...section('Options', options), wrapped(end, 0, cells)].join('\n\n')}\n`
}

function itemLines(items: ReadonlyArray<readonly [string, string]>, cells: number): string {
  const longest = Math.max(...items.map(([term]) => term.length))
  const beside = longest + 4 + 24 <= cells
  return items.map(([term, says]) => {
    if (says === '') return `  ${term}`
    return beside ? `  ${term.padEnd(longest)}  ${wrapped(says, longest + 4, cells)}` : `  ${term}\n      ${wrapped(says, 6, cells)}`
  }).join('\n')
}

function wrapped(text: string, indent: number, cells: number): string {
  return wrap(text, cells - indent - 1, (word) => word.length).join(`\n${' '.repeat(indent)}`)
}

function optionOf(option: OptionSpec): Option {
  const { long, short, value, repeat, choices, help } = option
  const made = new Option(`${short ? `-${short}, ` : ''}--${long}${value ? ` <${value}>` : ''}`, help)
  if (choices) made.argParser((given: string) => checked(given, choices))
  if (repeat) made.argParser((given: string, before: string[] | undefined) => [...(before ?? []), given])
  return made
}

function checked(given: string, choices: readonly string[]): string {
  if (choices.includes(given)) return given
  throw new InvalidArgumentError(`There are: ${choices.join(', ')}`)
}
