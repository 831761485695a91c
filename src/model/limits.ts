/** LANGUAGE.md section 7. Each limit has an error that names it. */
export const LIMITS = {
  fileBytes: 4 * 1024 * 1024,
  yamlDepth: 64,
  yamlAliases: 100,
  yamlNodes: 100_000,
  steps: 10_000,
  payloadWarnBytes: 256 * 1024,
  payloadBytes: 2 * 1024 * 1024,
  inputBytes: 64 * 1024 * 1024,
  inputDepth: 200,
  historyWarnEvents: 50_000,
  historyEvents: 1_000_000,
  expressionBytes: 4 * 1024,
  logLineBytes: 16 * 1024,
  logStepBytes: 10 * 1024 * 1024,
} as const
