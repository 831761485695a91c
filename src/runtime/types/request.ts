/** What is asked of the process that reads types, and what it answers. */
import type { Type } from '../../definition/types/type.ts'

export interface Request {
  projectDir: string
  /** Absolute paths of the files that may hold workers. */
  files: string[]
  /** What 'multiagents' stands for. */
  library: string
  /** Where `typescript/package.json` lies. */
  typescript: string
}

export interface FoundWorker {
  name: string
  /** As in the request. */
  file: string
  input: Type
  output: Type
}

export type Answer =
  | { workers: FoundWorker[]; /** All files that the types come from, those of packages left out. */ files: string[] }
  | { error: string }
