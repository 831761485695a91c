/** Ends the process. Kept before any foreign code is loaded: a worker file that calls `process.exit` must not (capture.ts). */
export const end: (code: number) => never = process.exit.bind(process)
