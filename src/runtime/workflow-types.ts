/**
 * What is known of a project's workflows and workers in programs. Empty here: the file that `mag types` writes fills it in, by name, so that what
 * starts a workflow and what a worker receives are typed.
 */
import type { Json, JsonObject } from '../model/json.ts'
import type { RunDocument } from '../view/document.ts'

/** `{ name: { input, output } }` */
// biome-ignore lint/suspicious/noEmptyInterface: it is there to be added to
export interface Workflows {}

/** `{ worker: what steps give it }` */
// biome-ignore lint/suspicious/noEmptyInterface: it is there to be added to
export interface WorkerContexts {}

/** Any name; those that are known are offered. */
export type WorkflowName = (keyof Workflows & string) | (string & Record<never, never>)

export type WorkflowInput<Name> = Name extends keyof Workflows ? (Workflows[Name] extends { input: infer Input } ? Input : JsonObject) : JsonObject
export type WorkflowOutput<Name> = Name extends keyof Workflows ? (Workflows[Name] extends { output: infer Output } ? Output : Json) : Json

declare const WORKFLOW: unique symbol

/** A run's id, which remembers in its type what was started. */
export type RunId<Name extends string = string> = string & { readonly [WORKFLOW]?: Name }

/** Its output is null until the run has completed. */
export type RunOf<Name> = Omit<RunDocument, 'output'> & { output: WorkflowOutput<Name> | null }

/** The input may be left out where none of it is required. */
export type StartArguments<Name> = Record<never, never> extends WorkflowInput<Name> ? [input?: WorkflowInput<Name>, options?: StartOptions] : [input: WorkflowInput<Name>, options?: StartOptions]

export interface StartOptions {
  /** The same key and input give the same run. */
  id?: string
}
