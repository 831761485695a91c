/** A worker and where it was found. */
import type { WorkerDefinition } from '../worker.ts'

export interface LoadedWorker {
  definition: WorkerDefinition
  name: string
  /** Relative to the project, with `/`. */
  file: string
  /** 1-based, where the name is written; absent where it is not found literally. */
  line?: number
  version?: string
  /** `default`, or the export's name. */
  exportName: string
}
