/** Stands for 'multiagents' in fixtures: the light part of it. */
export { defineWorker, worker } from '../../src/runtime/worker.ts'
export { NonRetryableError } from '../../src/model/error.ts'
