/** One finding in a file. Lines and columns are 1-based; the end is exclusive. */
export interface Problem {
  /** Stable, `MAG1…`; explained by `mag explain`. */
  code: string
  severity: 'error' | 'warning'
  message: string
  /** What to write instead. */
  help?: string
  /** Relative to the project, with `/`. */
  file: string
  line: number
  column: number
  endLine: number
  endColumn: number
}
