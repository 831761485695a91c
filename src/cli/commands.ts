/** The table of commands: names, options, examples. What they do is loaded when they are called. */
import type { CommandSpec, OptionSpec } from './args.ts'

const INPUT: OptionSpec = { long: 'input', value: 'file|-|json', help: 'a JSON object: a file, the standard input (-), or written here' }
const TIMEOUT: OptionSpec = { long: 'timeout', value: 'duration', help: 'stop looking after that long (exit 124); the run is kept' }
const NO_WAIT: OptionSpec = { long: 'no-wait', help: 'end (exit 5) as soon as the run only waits' }
const SECRETS: OptionSpec = { long: 'secrets-file', value: 'file', help: 'NAME=value lines, or a JSON object; default: the environment' }
const STEP: OptionSpec = { long: 'step', value: 'step', help: 'which one: its id or path; needed where several could be meant' }
const DATA: OptionSpec = { long: 'data', value: 'json', help: 'a JSON value' }
const COMMENT: OptionSpec = { long: 'comment', value: 'text', help: 'kept with the answer' }
const RUN_ID = { name: 'run' }

const validate = {
  summary: 'check definitions and the workers they name', args: [{ name: 'files', optional: true, variadic: true }],
  run: async () => (await import('./commands/validate.ts')).run,
}

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'run', group: 'Run', summary: 'run a workflow to its end and print its result', args: [{ name: 'workflow' }],
    options: [
      INPUT, { long: 'arg', short: 'i', value: 'key=value', repeat: true, help: 'one input, read by its declared type; key:=json for JSON' },
      { long: 'id', value: 'key', help: 'start once: the same key and input give the same run' }, TIMEOUT, NO_WAIT, SECRETS,
      { long: 'detach', help: 'leave a background process that owns the run; print the id' },
    ],
    examples: [
      ['mag run order-pipeline -i order=A-1042', 'one input'], ['mag run order-pipeline --input order.json > result.json', 'input from a file, result into one'],
      ['mag run ./nightly.yaml --id 2026-01-03', 'a file anywhere; never twice for one day'],
    ],
    run: async () => (await import('./commands/run.ts')).run,
  },
  {
    name: 'serve', group: 'Run', summary: 'drive runs and serve steps until stopped', options: [
      { long: 'no-workers', help: 'drive runs only; steps go to `mag workers start`' },
      { long: 'concurrency', value: 'n', help: 'steps at once; default 100' }, SECRETS,
    ],
    examples: [['mag serve --store redis://127.0.0.1:6379', ''], ['mag serve --no-workers', 'with `mag workers start` elsewhere']],
    run: async () => (await import('./commands/serve.ts')).serve,
  },
  {
    name: 'resume', group: 'Run', summary: 'continue a run whose process died, or follow a live one to its end', args: [RUN_ID], options: [TIMEOUT, NO_WAIT, SECRETS],
    examples: [['mag resume @last', 'the newest run'], ['mag resume TX-20260103', 'a unique prefix is enough']],
    run: async () => (await import('./commands/resume.ts')).run,
  },
  {
    name: 'cancel', group: 'Run', summary: 'end a run and undo what it did', args: [RUN_ID],
    options: [{ long: 'reason', value: 'text', help: 'kept in the history' }, TIMEOUT, SECRETS, { long: 'no-wait', help: 'only ask; do not wait for the end' }],
    examples: [['mag cancel @last --reason "wrong address"', '']],
    run: async () => (await import('./commands/cancel.ts')).run,
  },
  {
    name: 'pause', group: 'Run', summary: 'start nothing new in a run until it is resumed', args: [RUN_ID], options: [{ long: 'reason', value: 'text', help: 'kept in the history' }],
    examples: [['mag pause @last', ''], ['mag resume @last', 'goes on']],
    run: async () => (await import('./commands/tell.ts')).pause,
  },
  {
    name: 'retry', group: 'Run', summary: 'run again what failed in a run that has ended', args: [RUN_ID],
    options: [{ long: 'from', value: 'step', help: 'this step and all that follows it, completed or not' }, TIMEOUT, NO_WAIT, SECRETS],
    examples: [['mag retry @last-failed', 'completed steps are kept'], ['mag retry TX-20260103 --from charge', '']],
    run: async () => (await import('./commands/retry.ts')).run,
  },
  {
    name: 'signal', group: 'Run', summary: 'reach a step that waits for a signal', args: [RUN_ID, { name: 'name' }],
    options: [DATA, { long: 'id', value: 'key', help: 'the same signal sent twice with one key is one' }],
    examples: [[`mag signal @last paid --data '{"amount": 12}'`, ''], ['mag signal TX-20260103 go --id order-7', 'safe to repeat']],
    run: async () => (await import('./commands/tell.ts')).signal,
  },
  {
    name: 'approve', group: 'Run', summary: 'say yes to a step that waits for approval', args: [RUN_ID], options: [STEP, COMMENT, DATA],
    examples: [['mag approve @last --comment "checked the invoice"', '']],
    run: async () => (await import('./commands/tell.ts')).approve,
  },
  {
    name: 'reject', group: 'Run', summary: 'say no to a step that waits for approval', args: [RUN_ID], options: [STEP, COMMENT, DATA],
    examples: [['mag reject @last --step refund --comment "too late"', '']],
    run: async () => (await import('./commands/tell.ts')).reject,
  },
  {
    name: 'resolve', group: 'Run', summary: 'say what became of a step in doubt', args: [RUN_ID],
    options: [
      STEP, { long: 'as', value: 'what', choices: ['completed', 'failed', 'retry'], help: 'completed, failed or retry' },
      { long: 'result', value: 'json', help: 'its output, with --as completed' }, { long: 'reason', value: 'text', help: 'kept in the history' },
    ],
    examples: [[`mag resolve @last --step charge --as completed --result '{"payment": "p1"}'`, ''], ['mag resolve @last --step charge --as retry', 'run it again']],
    run: async () => (await import('./commands/tell.ts')).resolve,
  },
  {
    name: 'status', group: 'Look', summary: 'where a run stands, and what to type next', args: [{ name: 'run', optional: true }],
    options: [{ long: 'watch', short: 'w', help: 'follow it until it ends' }, { long: 'exit-status', help: "exit with the run's own code" }],
    examples: [['mag status', 'the newest run'], ['mag status @last-failed', 'the last that failed'], ['mag status TX-20260103 --watch', 'live']],
    run: async () => (await import('./commands/status.ts')).run,
  },
  {
    name: 'list', group: 'Look', summary: 'runs, newest first',
    options: [
      { long: 'state', value: 'states', help: 'only these, such as failed,compensated' }, { long: 'workflow', value: 'name', help: 'only of this workflow' },
      { long: 'since', value: 'duration', help: 'only newer ones, such as 24h' }, { long: 'limit', value: 'n', help: 'how many; default 20' }, { long: 'all', help: 'children of other runs too' },
      { long: 'cursor', value: 'cursor', help: 'the next page, from nextCursor of the JSON form' },
    ],
    examples: [['mag list --state failed --since 24h', 'what failed today'], ['mag list -o ids | xargs -n1 mag status', '']],
    run: async () => (await import('./commands/list.ts')).run,
  },
  {
    name: 'history', group: 'Look', summary: 'the events of a run', args: [RUN_ID], examples: [['mag history @last', ''], ['mag history @last -o jsonl', 'one JSON object a line']],
    run: async () => (await import('./commands/history.ts')).run,
  },
  {
    name: 'logs', group: 'Look', summary: 'what workers logged', args: [RUN_ID],
    options: [{ long: 'step', value: 'step', help: 'only this step: id or path' }, { long: 'follow', short: 'f', help: 'until the run ends' }],
    examples: [['mag logs @last --step charge', ''], ['mag logs @last -f', '']],
    run: async () => (await import('./commands/logs.ts')).run,
  },
  {
    name: 'validate', group: 'Project', ...validate,
    examples: [['mag validate', 'everything in workflows/'], ['mag validate workflows/order-pipeline.yaml --json', 'problems as JSON']],
  },
  {
    name: 'types', group: 'Project', summary: 'TypeScript declarations of workflows and workers',
    options: [{ long: 'out', value: 'file', help: 'write them there; default: the standard output' }],
    examples: [['mag types --out mag.d.ts', 'for programs and workers of this project']],
    run: async () => (await import('./commands/types.ts')).run,
  },
  {
    name: 'workflows', group: 'Project', summary: 'the definitions of this project',
    commands: [
      { name: 'list', summary: 'names, files, steps', examples: [['mag workflows list', '']], run: async () => (await import('./commands/workflows.ts')).list },
      { name: 'show', summary: 'one definition: inputs, steps, workers', args: [{ name: 'workflow' }], examples: [['mag workflows show order-pipeline', '']], run: async () => (await import('./commands/workflows.ts')).show },
      { name: 'validate', ...validate, examples: [['mag workflows validate', '']] },
    ],
  },
  {
    name: 'workers', group: 'Project', summary: 'the workers of this project',
    commands: [
      { name: 'list', summary: 'names, files, types, live processes', examples: [['mag workers list', '']], run: async () => (await import('./commands/workers.ts')).list },
      {
        name: 'start', summary: 'serve steps of runs that others drive, until stopped',
        options: [
          { long: 'queue', value: 'name', repeat: true, help: 'steps of this queue only; default: default' },
          { long: 'concurrency', value: 'n', help: 'steps at once; default 100' }, SECRETS,
        ],
        examples: [['mag workers start --concurrency 20', ''], ['mag workers start --queue gpu --queue default', 'two queues']], run: async () => (await import('./commands/serve.ts')).startWorkers,
      },
      {
        name: 'run', summary: 'one worker alone, for trying it', args: [{ name: 'worker' }], options: [INPUT, TIMEOUT],
        examples: [[`mag workers run charge_card --input '{"amount": 5}'`, '']], run: async () => (await import('./commands/workers.ts')).run,
      },
    ],
  },
  {
    name: 'doctor', group: 'Project', summary: 'check the set-up, and say where each setting came from', examples: [['mag doctor', '']],
    run: async () => (await import('./commands/doctor.ts')).run,
  },
  {
    name: 'explain', group: 'Project', summary: 'an error code in words', args: [{ name: 'code' }], examples: [['mag explain MAG1025', '']],
    run: async () => (await import('./commands/explain.ts')).run,
  },
]
