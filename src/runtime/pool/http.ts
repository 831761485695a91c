/** One http step: one request, its redirects, its answer bounded. Loaded with the first step that needs it. */
import { request as plain, type IncomingMessage } from 'node:http'
import { request as secure } from 'node:https'
import { isJsonObject, type Json } from '../../model/json.ts'
import { LIMITS } from '../../model/limits.ts'
import type { Attempt } from './attempt.ts'
import { checkedLookup, checkUrl } from './http-policy.ts'

const MAX_REDIRECTS = 5
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const CREDENTIALS: readonly string[] = ['authorization', 'cookie', 'proxy-authorization']
const RETRYABLE: ReadonlySet<number> = new Set([408, 429])
const SHOWN = 16_384

export interface HttpOutput {
  status: number
  headers: { [name: string]: string }
  /** Parsed where it is JSON, else text. */
  body: Json
}

interface Request {
  method: string
  url: URL
  headers: Record<string, string>
  body: string | undefined
}

/** A status that was not expected. `code` is `HTTP_<status>`. */
class StatusError extends Error {
  readonly code: string
  readonly retryable: boolean
  readonly details: Json

  constructor(request: Request, output: HttpOutput) {
    super(`${request.method} ${request.url.origin}${request.url.pathname} answered ${output.status}`)
    this.name = 'StatusError'
    this.code = `HTTP_${output.status}`
    this.retryable = RETRYABLE.has(output.status) || output.status >= 500
    const { body } = output
    this.details = { status: output.status, headers: output.headers, body: typeof body === 'string' ? body.slice(0, SHOWN) : body }
    this.stack = ''
  }
}

class RequestError extends Error {
  readonly code: string
  readonly retryable: boolean

  constructor(message: string, code: string, retryable: boolean) {
    super(message)
    this.name = 'RequestError'
    this.code = code
    this.retryable = retryable
    this.stack = ''
  }
}

export async function runHttp(attempt: Attempt, input: Json, expect: readonly string[]): Promise<HttpOutput> {
  let request = requestOf(input)
  for (let redirects = 0; ; redirects++) {
    const { response, text } = await send(attempt, request)
    const status = response.statusCode ?? 0
    const { location } = response.headers
    if (REDIRECTS.has(status) && location !== undefined && !expects(expect, status)) {
      if (redirects >= MAX_REDIRECTS) throw new RequestError(`${request.url.origin} redirects more than ${MAX_REDIRECTS} times`, 'HTTP_REDIRECTS', false)
      request = redirected(request, status, location)
      continue
    }
    const output: HttpOutput = { status, headers: headersOf(response), body: bodyOf(response, text) }
    if (!expects(expect, status)) throw new StatusError(request, output)
    return output
  }
}

function requestOf(input: Json): Request {
  if (!isJsonObject(input)) throw new RequestError('the request is not a map', 'HTTP_REQUEST', false)
  const { method = 'GET', url, headers = {}, body } = input
  const found: Record<string, string> = { 'accept-encoding': 'identity', 'user-agent': 'mag' }
  if (!isJsonObject(headers)) throw new RequestError('`headers` must give a map', 'HTTP_REQUEST', false)
  for (const [name, value] of Object.entries(headers)) {
    if (value !== null) found[name.toLowerCase()] = typeof value === 'string' ? value : JSON.stringify(value)
  }
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  if (body !== undefined && typeof body !== 'string') found['content-type'] ??= 'application/json'
  if (text !== undefined) found['content-length'] = String(Buffer.byteLength(text))
  return { method: String(method), url: checkUrl(String(url)), headers: found, body: text }
}

/** As browsers do: 303 and, after a POST, 301 and 302 become a GET; credentials never follow to another origin. */
function redirected(request: Request, status: number, location: string): Request {
  const url = checkUrl(URL.canParse(location, request.url.href) ? new URL(location, request.url.href).href : location)
  const toGet = status === 303 || (status < 303 && request.method === 'POST')
  const headers = { ...request.headers }
  if (url.origin !== request.url.origin) for (const name of CREDENTIALS) delete headers[name]
  if (!toGet) return { ...request, url, headers }
  delete headers['content-length']
  delete headers['content-type']
  return { method: request.method === 'HEAD' ? 'HEAD' : 'GET', url, headers, body: undefined }
}

function send(attempt: Attempt, { method, url, headers, body }: Request): Promise<{ response: IncomingMessage; text: string }> {
  return new Promise((resolve, reject) => {
    const start = url.protocol === 'https:' ? secure : plain
    const failed = (error: NodeJS.ErrnoException): void => {
      if ((error as { retryable?: unknown }).retryable === false) return reject(error)
      const why = error.message || error.code || 'the connection failed'
      reject(new RequestError(`${method} ${url.origin}${url.pathname}: ${why}`, error.code ?? 'HTTP_FAILED', true))
    }
    let request: ReturnType<typeof plain>
    try {
      request = start(url, { method, headers, lookup: checkedLookup, signal: attempt.signal })
    } catch (error) {
      // A header that is none.
      return reject(new RequestError(error instanceof Error ? error.message : String(error), 'HTTP_REQUEST', false))
    }
    request.on('error', failed)
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > LIMITS.payloadBytes) {
          reject(new RequestError(`${url.origin}${url.pathname} answered with more than ${LIMITS.payloadBytes / 1024 / 1024} MiB`, 'LIMIT', false))
          request.destroy()
        } else chunks.push(chunk)
      })
      response.on('error', failed)
      response.on('end', () => resolve({ response, text: Buffer.concat(chunks).toString('utf8') }))
    })
    request.end(body)
  })
}

function expects(expect: readonly string[], status: number): boolean {
  const text = String(status)
  return expect.some((one) => one === text || (one.endsWith('xx') && one[0] === text[0]))
}

function headersOf({ headers }: IncomingMessage): { [name: string]: string } {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]))
}

function bodyOf({ headers }: IncomingMessage, text: string): Json {
  if (!/[/+]json\b/i.test(headers['content-type'] ?? '')) return text
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}
