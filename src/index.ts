/**
 * What user code may import from 'multiagents'. Every worker file imports this module, so it stays small: the framework
 * (store, engine, pool) is loaded when `createFramework` is called, never before.
 */
export { defineWorker, worker } from './runtime/worker.ts'
export type { StandardSchema, TaskHandle, WorkerContext, WorkerDefinition, WorkerFunction, WorkerOptions } from './runtime/worker.ts'
export { WorkflowBuilder } from './definition/builder.ts'
export { MagError, NonRetryableError } from './model/error.ts'
export type { ErrorInfo, Location } from './model/error.ts'
export type { Definition } from './model/definition.ts'
export type { RunEvent, RunState } from './model/event.ts'
export type { Json, JsonObject } from './model/json.ts'
export type { EventBus, Framework, FrameworkOptions, StepEvent, WorkerManager, WorkflowOrchestrator } from './runtime/framework.ts'
export type * from './runtime/workflow-types.ts'
import type { Framework, FrameworkOptions } from './runtime/framework.ts'

/** An event bus, a worker manager and an orchestrator over one store. Close it with `await using` or `close()`. */
export async function createFramework(options: FrameworkOptions = {}): Promise<Framework> {
  const framework = await import('./runtime/framework.ts')
  return framework.createFramework(options)
}
