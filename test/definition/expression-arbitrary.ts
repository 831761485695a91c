/** Random expressions, and random data that they read. */
import fc from 'fast-check'

/** Expressions by their grammar, most of them with a meaning. */
export const { expression } = fc.letrec<{ expression: string; atom: string }>((tie) => {
  const sub = tie('expression')
  return {
    atom: fc.constantFrom(
      'inputs', 'inputs.n', 'inputs.list', 'inputs.text', 'inputs.map', 'inputs.none', 'inputs.missing', 'inputs.deep.a.b', 'x', '1', '-3', '2.5', '0', '9007199254740991', '"a"', '"äö😀"', "r'\\d+'", 'true', 'false', 'null', '[]', '{}',
      'b"ab"', '5u', 'timestamp("2026-01-03T14:56:32Z")', 'duration("-1.5s")', 'optional.none()', 'int', 'steps.a.output', 'steps.a.status',
    ),
    expression: fc.oneof({ depthSize: 'small', withCrossShrink: true },
      tie('atom'),
      fc.tuple(sub, fc.constantFrom('+', '-', '*', '/', '%', '==', '!=', '<', '<=', '>', '>=', '&&', '||', 'in'), sub).map(([a, op, b]) => `(${a} ${op} ${b})`),
      fc.tuple(fc.constantFrom('!', '-'), sub).map(([op, a]) => `${op}(${a})`),
      fc.tuple(sub, sub, sub).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
      fc.tuple(sub, fc.constantFrom('.n', '.a', '.?a', '["a"]', '[0]', '[?0]', '.constructor', '.toString', '.?list')).map(([a, member]) => `(${a})${member}`),
      fc.tuple(sub, sub).map(([a, b]) => `(${a})[${b}]`),
      fc.tuple(fc.constantFrom('size', 'string', 'int', 'double', 'bool', 'bytes', 'type', 'timestamp', 'duration', 'sum', 'sort', 'toJson', 'lower', 'upper', 'dyn', 'uint'), sub).map(([f, a]) => `${f}(${a})`),
      fc.tuple(sub, fc.constantFrom('size', 'trim', 'lower', 'sum', 'sort', 'join', 'base64', 'hex', 'string', 'json', 'getHours', 'getFullYear', 'getSeconds', 'getDayOfYear', 'hasValue', 'value')).map(([a, f]) => `(${a}).${f}()`),
      fc.tuple(sub, fc.constantFrom('contains', 'startsWith', 'endsWith', 'indexOf', 'split', 'join', 'matches', 'substring', 'getHours', 'orValue', 'or', 'at'), sub).map(([a, f, b]) => `(${a}).${f}(${b})`),
      fc.tuple(sub, fc.constantFrom('map', 'filter', 'all', 'exists', 'exists_one'), sub).map(([a, f, b]) => `(${a}).${f}(x, ${b})`),
      fc.tuple(sub, sub).map(([a, b]) => `cel.bind(x, ${a}, ${b})`),
      fc.constantFrom('inputs.n', 'inputs.map.k', 'inputs.missing', 'inputs.?deep.a', 'x.a').map((path) => `has(${path})`),
      fc.array(sub, { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
      fc.array(fc.tuple(fc.constantFrom('"a"', '"n"', '1', 'true', 'inputs.text'), sub), { maxLength: 2 }).map((entries) => `{${entries.map(([k, v]) => `${k}: ${v}`).join(', ')}}`),
    ),
  }
})

/** What `inputs` of such an expression holds. */
export const data = fc.record({
  n: fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, -0, 1e300, Number.MAX_SAFE_INTEGER)), list: fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 5 }), text: fc.string({ unit: 'grapheme' }), map: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }),
  none: fc.constant(null), deep: fc.constant({ a: { b: [1, { c: 'd' }] } }),
})
