/** Ctrl-C and SIGTERM: once stops cleanly, twice at once. */
import { end } from './end.ts'
import { EXIT } from './errors.ts'

export interface Stop {
  exitCode: number
}

/** Calls `first` at the first signal; a second one ends the process there and then, after `last`. */
export function onStop(first: (stop: Stop) => void, last: () => void = () => undefined): () => void {
  let stopping = false
  const handler = (exitCode: number) => () => {
    if (stopping) {
      last()
      end(exitCode)
    }
    stopping = true
    first({ exitCode })
  }
  const interrupt = handler(EXIT.interrupted)
  const terminate = handler(EXIT.terminated)
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', terminate)
  return () => {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', terminate)
  }
}
