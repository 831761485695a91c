/** Whether a program printed what a page shows: ids, times and durations differ each time; a line `…` stands for any lines. */

export function normal(text: string): string[] {
  return text
    .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').replaceAll('\r', '')
    // The last line of the live view, which a terminal would draw over: what comes next stands in the same line of a pipe.
    .replace(/^ *ctrl-c stops(?:; mag resume continues| looking; the run goes on)?/gm, '')
    .replace(/\b\d{8}-\d{6}-[0-9a-z]{8}\b/g, 'ID').replace(/\b\d{14}-[0-9a-f]{12}\b/g, 'ID').replace(/\bsha256:[0-9a-f]+…?/g, 'HASH')
    .replace(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME').replace(/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b/g, 'TIME').replace(/\b\d\d:\d\d:\d\d(?:\.\d+|Z)/g, 'TIME')
    .replace(/\b(?:now|\d+s ago|\d+ seconds? ago)\b/g, 'AGO')
    .replace(/\b\d+m \d\ds\b|\b\d+h \d\dm\b|\b\d+d \d+h\b|\b\d+(?:\.\d+)?(?:ms|s)\b/g, 'SPAN')
    .replace(/(\.(?:ts|yaml)):\d+:\d+/g, '$1:PLACE').replace(/\bcli \d+ on \S+/g, 'PROCESS')
    .split('\n').map((line) => line.replace(/ +/g, ' ').trim()).filter((line) => line !== '')
}

/** The shown lines, in a row, somewhere in what was printed. */
export function matches(shown: string, printed: string): boolean {
  const want = normal(shown)
  const have = normal(printed)
  return have.some((_, from) => fits(want, have, 0, from)) || want.length === 0
}

function fits(want: readonly string[], have: readonly string[], i: number, j: number): boolean {
  if (i === want.length) return true
  if (want[i] === '…') {
    for (let k = j; k <= have.length; k++) if (fits(want, have, i + 1, k)) return true
    return false
  }
  return j < have.length && sameLine(want[i] ?? '', have[j] ?? '') && fits(want, have, i + 1, j + 1)
}

/** A line that ends with `…` shows the beginning only. */
function sameLine(want: string, have: string): boolean {
  return want.endsWith('…') ? have.startsWith(want.slice(0, -1).trimEnd()) : want === have
}
