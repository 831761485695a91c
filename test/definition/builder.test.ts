/** Workflows built in code are the same as those in files, and told what is wrong with them in the same way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WorkflowBuilder } from '../../src/definition/builder.ts'
import { checkObject } from '../../src/definition/check-object.ts'
import { checkWorkflow } from '../../src/definition/check.ts'
import { canonicalJson, hashDefinition } from '../../src/definition/hash.ts'
import { MagError } from '../../src/model/error.ts'
import type { Json } from '../../src/model/json.ts'
import type { Problem } from '../../src/model/problem.ts'
import { watchPrototypes } from './frozen.ts'

const flow = () => new WorkflowBuilder('flow')

/** What it is, the file, and the same in code. */
const PAIRS: ReadonlyArray<[string, string, () => WorkflowBuilder]> = [
  ['a worker', 'steps:\n  - { id: a, worker: w }', () => flow().addStep('a', 'w')],
  ['a worker by its definition', 'steps:\n  - { id: a, worker: send_mail }', () => flow().addStep('a', { name: 'send_mail' })],
  ['steps in order', 'steps:\n  - { id: a, worker: w }\n  - { id: b, worker: w }\n  - { id: c, worker: w }', () => flow().addStep('a', 'w').addStep('b', 'w').addStep('c', 'w')],
  ['foreach', 'steps:\n  - { id: a, worker: w, foreach: [1, 2] }\n  - { id: b, worker: w, foreach: { in: inputs.l, as: one, max_parallel: 3 }, with: { n: "${{ one }}" } }', () => flow().addStep('a', 'w', { foreach: [1, 2] }).addStep('b', 'w', { foreach: { in: 'inputs.l', as: 'one', maxParallel: 3 }, with: { n: '${{ one }}' } })],
  ['http', 'steps:\n  - { id: a, http: "https://x.example/" }\n  - { id: b, http: { method: POST, url: "https://x.example/", headers: { a: b }, body: { n: 1 }, expect: [2xx, 404] }, timeout: 5s, retry: 2 }', () => flow().addHttp('a', 'https://x.example/').addHttp('b', { method: 'POST', url: 'https://x.example/', headers: { a: 'b' }, body: { n: 1 }, expect: ['2xx', 404] }, { timeout: '5s', retry: 2 })],
  ['a child', 'steps:\n  - { id: a, workflow: other, with: { n: 1 }, compensate: undo }', () => flow().addWorkflow('a', 'other', { with: { n: 1 }, compensate: 'undo' })],
  ['waiting', 'steps:\n  - { id: a, wait: { signal: go, schema: { type: object } }, timeout: 1h }\n  - { id: b, approve: Sure? }\n  - { id: c, approve: { message: Sure?, if_rejected: continue } }', () => flow().addWait('a', { signal: 'go', schema: { type: 'object' } }, { timeout: '1h' }).addApprove('b', 'Sure?').addApprove('c', { message: 'Sure?', ifRejected: 'continue' })],
  ['switch', 'steps:\n  - id: a\n    switch:\n      - { case: inputs.x > 1, steps: [{ id: b, worker: w }] }\n      - default: [{ id: c, worker: w }]', () => flow().addSwitch('a', [{ case: 'inputs.x > 1', steps: (list) => list.addStep('b', 'w') }, { default: (list) => list.addStep('c', 'w') }])],
  ['a loop', 'steps:\n  - { id: a, until: steps.b.output.done, max_iterations: 3, steps: [{ id: b, worker: w }] }\n  - { id: c, steps: [{ id: d, worker: w }] }', () => flow().addSteps('a', (list) => list.addStep('b', 'w'), { until: 'steps.b.output.done', maxIterations: 3 }).addSteps('c', (list) => list.addStep('d', 'w'))],
  ['limits over runs', 'secrets: [T]\nconcurrency: { key: k, limit: 2, when_full: fail }\nsteps:\n  - { id: a, worker: w, with: { t: "${{ secrets.T }}" }, concurrency: { key: k, when_full: fail }, cache: { key: c, ttl: 1h }, queue: q, priority: 9, heartbeat: 5s, isolation: thread, circuit_breaker: { failures: 2, recovery: 1m }, on_crash: ask }', () => new WorkflowBuilder('flow', { secrets: ['T'], concurrency: { key: 'k', limit: 2, whenFull: 'fail' } }).addStep('a', 'w', { with: { t: '${{ secrets.T }}' }, concurrency: { key: 'k', whenFull: 'fail' }, cache: { key: 'c', ttl: '1h' }, queue: 'q', priority: 9, heartbeat: '5s', isolation: 'thread', circuitBreaker: { failures: 2, recovery: '1m' }, onCrash: 'ask' })],
  ['needs', 'steps:\n  - { id: a, worker: w }\n  - { id: b, worker: w, needs: [] }\n  - { id: c, worker: w, needs: [a, b] }\n  - { id: d, worker: w, needs: a }', () => flow().addStep('a', 'w').addStep('b', 'w', { needs: [] }).addStep('c', 'w', { needs: ['a', 'b'] }).addStep('d', 'w', { needs: 'a' })],
  ['if', 'steps:\n  - { id: a, worker: w, if: inputs.x > 1 }\n  - { id: b, worker: w, if: "${{ inputs.x > 1 }}" }\n  - { id: c, worker: w, if: false }', () => flow().addStep('a', 'w', { if: 'inputs.x > 1' }).addStep('b', 'w', { if: '${{ inputs.x > 1 }}' }).addStep('c', 'w', { if: false })],
  ['with', 'steps:\n  - id: a\n    worker: w\n    with: { n: 1, t: "${{ inputs.t }}", deep: { l: [1, "a ${{ inputs.t }}"] }, none: null }', () => flow().addStep('a', 'w', { with: { n: 1, t: '${{ inputs.t }}', deep: { l: [1, 'a ${{ inputs.t }}'] }, none: null } })],
  ['with, one expression', 'steps:\n  - { id: a, worker: w, with: "${{ inputs }}" }', () => flow().addStep('a', 'w', { with: '${{ inputs }}' })],
  ['retry, short', 'steps:\n  - { id: a, worker: w, retry: 3 }', () => flow().addStep('a', 'w', { retry: 3 })],
  ['retry, long', 'steps:\n  - id: a\n    worker: w\n    retry: { attempts: 4, delay: 100ms, backoff: linear, factor: 3, max_delay: 10s, jitter: false, on: [BUSY], not_on: GONE }', () => flow().addStep('a', 'w', { retry: { attempts: 4, delay: '100ms', backoff: 'linear', factor: 3, maxDelay: '10s', jitter: false, on: ['BUSY'], notOn: 'GONE' } })],
  ['limits', 'steps:\n  - { id: a, worker: w, timeout: 30s, deadline: 10m, on_crash: fail, continue_on_error: true }', () => flow().addStep('a', 'w', { timeout: '30s', deadline: '10m', onCrash: 'fail', continueOnError: true })],
  ['failure by value', 'steps:\n  - { id: a, worker: w, fail_if: output.bad, fail_message: "no: ${{ output.why }}", fail_retry: true }', () => flow().addStep('a', 'w', { failIf: 'output.bad', failMessage: 'no: ${{ output.why }}', failRetry: true })],
  ['compensate, short', 'steps:\n  - { id: a, worker: w, compensate: undo }', () => flow().addStep('a', 'w', { compensate: 'undo' })],
  ['compensate by a definition', 'steps:\n  - { id: a, worker: w, compensate: undo }', () => flow().addStep('a', 'w', { compensate: { name: 'undo' } })],
  ['compensate, long', 'steps:\n  - id: a\n    worker: w\n    compensate: { worker: undo, with: { o: "${{ output }}", e: "${{ error }}" }, retry: { attempts: 2, max_delay: 1s, not_on: [X] }, timeout: 5s }', () => flow().addStep('a', 'w', { compensate: { worker: { name: 'undo' }, with: { o: '${{ output }}', e: '${{ error }}' }, retry: { attempts: 2, maxDelay: '1s', notOn: ['X'] }, timeout: '5s' } })],
  ['compensate with a number of attempts', 'steps:\n  - id: a\n    worker: w\n    compensate: { worker: undo, retry: 2 }', () => flow().addStep('a', 'w', { compensate: { worker: 'undo', retry: 2 } })],
  ['run', 'steps:\n  - { id: a, run: "echo $NAME", cwd: sub, env: { NAME: "${{ inputs.name }}" }, with: { X: 1 }, timeout: 1m, retry: 2 }', () => flow().addRun('a', 'echo $NAME', { cwd: 'sub', env: { NAME: '${{ inputs.name }}' }, with: { X: 1 }, timeout: '1m', retry: 2 })],
  ['a script of several lines', 'steps:\n  - id: a\n    run: |\n      one\n      two "$X"\n', () => flow().addRun('a', 'one\ntwo "$X"\n')],
  ['set', 'steps:\n  - { id: a, set: { total: "${{ inputs.a + inputs.b }}", list: [1] }, if: inputs.a > 0, compensate: undo }', () => flow().addSet('a', { total: '${{ inputs.a + inputs.b }}', list: [1] }, { if: 'inputs.a > 0', compensate: 'undo' })],
  ['sleep', 'steps:\n  - { id: a, sleep: 30s }\n  - { id: b, sleep: { until: "2026-01-03T14:56:32Z" }, deadline: 1h }\n  - { id: c, sleep: "${{ inputs.delay }}" }', () => flow().addSleep('a', '30s').addSleep('b', { until: '2026-01-03T14:56:32Z' }, { deadline: '1h' }).addSleep('c', '${{ inputs.delay }}')],
  ['parallel', 'steps:\n  - id: both\n    parallel:\n      left: [{ id: l1, worker: w }, { id: l2, run: x }]\n      right: [{ id: r1, parallel: { inner: [{ id: i, worker: w }] } }]\n    deadline: 1m', () => flow().addParallel('both', { left: (l) => l.addStep('l1', 'w').addRun('l2', 'x'), right: (r) => r.addParallel('r1', { inner: (i) => i.addStep('i', 'w') }) }, { deadline: '1m' })],
  ['return', 'steps:\n  - { id: a, worker: w }\n  - { id: b, return: { x: "${{ steps.a.output }}" }, if: steps.a.output.done, needs: a }', () => flow().addStep('a', 'w').addReturn('b', { x: '${{ steps.a.output }}' }, { if: 'steps.a.output.done', needs: 'a' })],
  ['fail', 'steps:\n  - { id: a, fail: "no ${{ inputs.x }}", continue_on_error: true }\n  - { id: b, fail: { message: m, code: MY_CODE, details: { a: [1] } }, needs: [] }', () => flow().addFail('a', 'no ${{ inputs.x }}', { continueOnError: true }).addFail('b', { message: 'm', code: 'MY_CODE', details: { a: [1] } }, { needs: [] })],
  ['sections', 'steps:\n  - { id: a, worker: w }\non_failure:\n  - { id: f, worker: tell, with: { e: "${{ error }}", s: "${{ run.state }}" } }\nfinally:\n  - { id: z, run: x }', () => flow().addStep('a', 'w').onFailure((l) => l.addStep('f', 'tell', { with: { e: '${{ error }}', s: '${{ run.state }}' } })).finally((l) => l.addRun('z', 'x'))],
  ['the workflow\'s own', 'version: "2"\ndescription: What for.\ntimeout: 10m\ninputs: { a: { type: string }, b: { type: number, optional: true }, c: { type: integer, default: 3 }, d: { $ref: "#/$defs/x", $defs: { x: { enum: [1, 2] } } } }\noutputs: { r: "${{ steps.a.output.r }}", n: 1 }\nenv: { REGION: eu, WHO: "${{ inputs.a }}" }\nsteps:\n  - { id: a, worker: w }',
    () => new WorkflowBuilder('flow', { version: '2', description: 'What for.', timeout: '10m', inputs: { a: { type: 'string' }, b: { type: 'number', optional: true }, c: { type: 'integer', default: 3 }, d: { $ref: '#/$defs/x', $defs: { x: { enum: [1, 2] } } } }, outputs: { r: '${{ steps.a.output.r }}', n: 1 }, env: { REGION: 'eu', WHO: '${{ inputs.a }}' } }).addStep('a', 'w')],
  ['options that are undefined are not there', 'steps:\n  - { id: a, worker: w, timeout: 5s, deadline: 1m }', () => flow().addStep('a', 'w', { retry: undefined, timeout: '5s', with: undefined, deadline: '1m' } as never)],
  ['texts of all kinds', `steps:\n  - id: a\n    worker: w\n    with: ${JSON.stringify({ 'a key': '"\\\n\t', é: '日本 😀', '': '', 'x.y': '}}', n: -0.5, e: 1e300 })}`, () => flow().addStep('a', 'w', { with: { 'a key': '"\\\n\t', é: '日本 😀', '': '', 'x.y': '}}', n: -0.5, e: 1e300 } })],
]

test(`${PAIRS.length} workflows, the same in a file and in code`, () => {
  for (const [what, text, build] of PAIRS) {
    const file = checkWorkflow({ file: 'workflows/flow.yaml', text })
    assert.ok(file.definition, `${what}: ${file.problems.map(({ message }) => message).join('; ')}`)
    const built = build().build()
    assert.equal(canonicalJson(built), canonicalJson(file.definition), what)
    assert.equal(hashDefinition(built), file.hash, what)
  }
})

test('every kind and every option of a step is in the pairs', () => {
  const texts = PAIRS.map(([, text]) => text).join('\n')
  for (const key of ['worker', 'run', 'set', 'sleep', 'parallel', 'return', 'fail', 'needs', 'if', 'with', 'retry', 'timeout', 'deadline', 'fail_if', 'fail_message', 'fail_retry', 'continue_on_error', 'compensate', 'on_crash', 'cwd', 'env']) {
    assert.match(texts, new RegExp(`\\b${key}:`), key)
  }
})

test('a builder can be built again, and what it made is its own', () => {
  const given = { list: [1, 2], deep: { a: 1 } }
  const builder = flow().addStep('a', 'w', { with: given })
  const first = builder.build()
  assert.equal(canonicalJson(builder.build()), canonicalJson(first))
  given.list.push(3)
  given.deep.a = 2
  assert.deepEqual(first.steps[0]?.with, { t: 'lit', v: { list: [1, 2], deep: { a: 1 } } })
  assert.equal(builder.addStep('b', 'w').build().steps.length, 2)
  assert.equal(first.steps.length, 1)
})

function refusal(build: () => unknown): MagError {
  try {
    build()
  } catch (error) {
    return error instanceof MagError ? error : assert.fail(`no MagError but ${String(error)}`)
  }
  return assert.fail('is not refused')
}

test('all problems are told at once, each with its place and frame', () => {
  const error = refusal(() => new WorkflowBuilder('my flow', { timeout: '5' })
    .addStep('a', 'no worker', { retry: { attempts: 0, maxDelay: 'soon' }, if: 'inputs.a ==', failIff: 'x' } as never)
    .addStep('a', 'w', { needs: 'b' })
    .build())
  assert.equal(error.code, 'MAG1000')
  assert.deepEqual((error.details as Problem[]).map(({ code, line, column }) => `${code} ${line}:${column}`), [
    'MAG1030 2:11', 'MAG1040 3:14', 'MAG1030 7:17', 'MAG1015 9:21', 'MAG1040 10:22', 'MAG1020 12:25', 'MAG1003 13:7', 'MAG1031 16:13', 'MAG1034 18:16',
  ])
  const [first = ''] = error.message.split('\n')
  assert.equal(first, 'my flow (WorkflowBuilder):2:11 error MAG1030: "my flow" is not usable as the name of a workflow')
  assert.match(error.message, /^> {3}12 \| {7}"if": "inputs\.a ==",\n {7}\| {25}\^$/m)
  assert.match(error.message, /= help: Did you mean "fail_if"\?/)
  assert.equal(error.message.match(/ error MAG\d+: /g)?.length, 9)
})

test('warnings do not stop a build', () => {
  const definition = flow().addSet('a', { k: 1 }).addSet('b', { k: 2 }, { needs: [] }).build()
  assert.equal(definition.steps.length, 2)
})

class Money {
  readonly amount = 1
}

const cycle: { self?: unknown } = {}
cycle.self = cycle
const twice = (depth: number): unknown => (depth === 0 ? 1 : ((inner) => [inner, inner])(twice(depth - 1)))

/** What is no data, and what is said of it. */
const NO_DATA: ReadonlyArray<[string, unknown, RegExp]> = [
  ['a function', () => 1, /^steps\[0\]\.with\.x is no JSON value \(function\)$/], ['a class', Money, /no JSON value \(function\)/], ['an instance', new Money(), /is an object of a class \(Money\), not plain data/], ['a date', new Date(0), /of a class \(Date\)/],
  ['a map', new Map(), /of a class \(Map\)/], ['a set', new Set(), /of a class \(Set\)/], ['a pattern', /x/, /of a class \(RegExp\)/], ['a promise', Promise.resolve(1), /of a class \(Promise\)/], ['bytes', Buffer.from('x'), /of a class \(Buffer\)/], ['an error', new Error('x'), /of a class \(Error\)/],
  ['NaN', Number.NaN, /no JSON value \(NaN\)/], ['Infinity', -Infinity, /no JSON value \(-Infinity\)/], ['a BigInt', 1n, /no JSON value \(bigint\)/], ['a symbol', Symbol('x'), /no JSON value \(symbol\)/], ['undefined in a list', [undefined], /with\.x\[0\] is no JSON value \(undefined\)/],
  ['a hole in a list', new Array(2), /with\.x\[0\] is no JSON value/], ['an integer beyond 2^53', 2 ** 60, /beyond 2\^53/], ['a cycle', cycle, /nested deeper than 64 levels/], ['far too much of the same', twice(40), /more than 100000 keys and values|larger than 4 MiB/],
  ['a very long text', 'x'.repeat(5_000_000), /larger than 4 MiB/], ['a list of functions', [1, [() => 1]], /with\.x\[1\]\[0\] is no JSON value/], ['a key with a space', { 'a b': () => 1 }, /with\.x\["a b"\] is no JSON value/],
  ['__proto__', JSON.parse('{"__proto__": {"polluted": true}}') as unknown, /has the key "__proto__"/], ['constructor', { constructor: 1 }, /has the key "constructor"/], ['an object with a prototype', Object.create({ inherited: 1 }) as unknown, /is an object of a class, not plain data/],
]

test(`${NO_DATA.length} values that are no data are refused, and change nothing`, () => {
  const unchanged = watchPrototypes()
  for (const [what, value, message] of NO_DATA) {
    const error = refusal(() => flow().addStep('a', 'w', { with: { x: value as Json } }).addStep('b', 'w').build())
    assert.match(error.message, message, what)
    assert.match(error.code, /^MAG10(10|11|13)$/, what)
    unchanged(what)
  }
})

test('objects without a prototype are data', () => {
  const data = Object.assign(Object.create(null) as object, { a: 1 })
  assert.deepEqual(flow().addStep('a', 'w', { with: data as Json }).build().steps[0]?.with, { t: 'lit', v: { a: 1 } })
})

/** Calls as JavaScript may make them. */
const WRONG_CALLS: ReadonlyArray<[string, (builder: WorkflowBuilder) => unknown, RegExp]> = [
  ['no worker', (b) => b.addStep('a', undefined as never), /`worker` must be a name, not nothing/], ['a worker without a name', (b) => b.addStep('a', {} as never), /`worker` must be a name, not an empty map/], ['a number as worker', (b) => b.addStep('a', 5 as never), /`worker` must be a name, not the number 5/],
  ['no id', (b) => b.addStep(undefined as never, 'w'), /A step needs `id`/], ['a number as id', (b) => b.addStep(5 as never, 'w'), /`id` must be a name, not the number 5/], ['no script', (b) => b.addRun('a', undefined as never), /This step does nothing/], ['an empty script', (b) => b.addRun('a', ''), /`run` is empty/],
  ['no branches', (b) => b.addParallel('a', undefined as never), /This step does nothing/], ['branches in a list', (b) => b.addParallel('a', [] as never), /`parallel` must be a map of branches/], ['no branch', (b) => b.addParallel('a', {}), /`parallel` needs a branch/], ['a branch that is no function', (b) => b.addParallel('a', { x: [] as never }), /branch "x" of "a" must be a function that adds steps/],
  ['an async branch', (b) => b.addParallel('a', { x: async (l) => void l.addStep('b', 'w') }), /must not be an async function/], ['an async section', (b) => b.onFailure(async () => undefined), /onFailure must not be an async function/], ['a section that is no function', (b) => b.finally('x' as never), /finally must be a function/],
  ['options that are no object', (b) => b.addStep('a', 'w', 5 as never), /^is accepted$/], ['a template in a script', (b) => b.addRun('a', 'echo ${{ inputs.x }}'), /A script takes no \$\{\{ \}\}/], ['retry on parallel', (b) => b.addParallel('p', { x: (l) => l.addStep('i', 'w') }, { retry: 3 } as never), /`retry` has no meaning on `parallel`/],
  ['a kind in the options', (b) => b.addStep('a', 'w', { run: 'x' } as never), /A step has one kind/], ['no steps', (b) => b, /`steps` is empty/],
]

test('wrong calls are told, never thrown as something else', () => {
  for (const [what, call, message] of WRONG_CALLS) {
    const builder = flow()
    const build = () => {
      call(builder)
      return builder.build()
    }
    if (message.source === '^is accepted$') assert.ok(build(), what)
    else assert.match(refusal(build).message, message, what)
  }
  assert.match(refusal(() => new WorkflowBuilder(undefined as never).addStep('a', 'w').build()).message, /`name` must be a name, not nothing/)
  assert.match(refusal(() => new WorkflowBuilder('a', { inputs: { x: { type: 'strin' } } }).addStep('a', 'w').build()).message, /"strin" is not a type/)
})

test('an object in the form of files is checked like a file', () => {
  const { checked, text } = checkObject({ name: 'x', steps: [{ id: 'a', run: 'x', if: 'nope "quoted"' }] }, 'x (code)')
  assert.equal(text, '{\n  "name": "x",\n  "steps": [\n    {\n      "id": "a",\n      "run": "x",\n      "if": "nope \\"quoted\\""\n    }\n  ]\n}')
  assert.deepEqual(checked.problems.map(({ line, column, endColumn }) => [line, column, endColumn]), [[7, 19, 29]])
  assert.throws(() => checkObject(5n, 'x'), (error) => error instanceof MagError && error.message === 'the workflow is no JSON value (bigint)')
  assert.match(checkObject([], 'x').checked.problems[0]?.message ?? '', /A workflow must be a map/)
})
