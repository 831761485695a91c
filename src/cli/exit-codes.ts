/** `mag help exit-codes`. */
export const EXIT_CODES = `Exit codes:
  0    completed; an empty list; valid; help
  1    the run failed; mag doctor found something
  2    usage, an invalid definition, worker, configuration or input; Node is too old
  3    the run timed out by its own limit
  4    the run was cancelled
  5    the run waits (only where asked not to wait)
  6    no such workflow, run, step or worker
  7    the store or a worker process is unavailable
  8    the run failed and was undone: compensated
  9    the run failed and could not be undone: compensation_failed
  10   conflict: an --id with another input, or a state that refuses the command
  70   a fault in mag itself
  124  --timeout passed: the run is kept
  130  Ctrl-C: the run is kept
  143  SIGTERM: the run is kept
`
