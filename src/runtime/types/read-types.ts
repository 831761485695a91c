/**
 * A process of its own that asks TypeScript for the types of workers: a checker may take long over hostile types, and a process can be ended. No
 * worker code runs here. Reads a request as JSON from the standard input, and answers with JSON on the standard output.
 */
import { readFileSync, writeSync } from 'node:fs'
import type { Answer, Request } from './request.ts'

async function main(): Promise<void> {
  const request = JSON.parse(readFileSync(0, 'utf8')) as Request
  writeAll(JSON.stringify(await answerTo(request)))
}

async function answerTo(request: Request): Promise<Answer> {
  try {
    const { readTypes } = await import('./typescript7.ts')
    return await readTypes(request)
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

/** A pipe takes what it has room for. */
function writeAll(text: string): void {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

await main()
