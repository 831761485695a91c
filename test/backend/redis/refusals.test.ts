/** Servers that mag must not use: each refused with a code and a hint of its own, and no password in any message. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Redis } from 'ioredis'
import { openRedis } from '../../../src/backend/redis/redis.ts'
import { created, INFO } from '../fixtures.ts'
import { freePort, NO_REDIS, startRedis } from './server.ts'

const server = NO_REDIS === '' ? await startRedis() : undefined
const port = server?.port ?? 0
const operator = new Redis({ port, lazyConnect: true })
after(async () => {
  operator.disconnect()
  await server?.stop()
})

/** Opens the address, uses it and closes it again; null, or the code of the refusal. */
async function refusalOf(address: string): Promise<string | null> {
  runs += 1
  try {
    const backend = await openRedis({ address, namespace: 'refusals' })
    try {
      await created(backend, await backend.join(INFO, 60_000), runs)
      return null
    } finally {
      await backend.close()
    }
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && 'hint' in error && 'exitCode' in error, String(error))
    assert.equal(error.exitCode, 7)
    assert.ok(typeof error.hint === 'string' && error.hint !== '')
    assert.doesNotMatch(`${error.message} ${error.hint}`, /secret/)
    return String(error.code)
  }
}
let runs = 0

function redisTest(name: string, work: () => Promise<void>): void {
  test(`redis refuses: ${name}`, { skip: NO_REDIS || false }, work)
}

redisTest('nobody there, and nobody of that name', async () => {
  const nobody = await freePort()
  await assert.rejects(() => openRedis({ address: `redis://127.0.0.1:${nobody}`, namespace: 'x' }), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'STORE_UNREACHABLE')
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${nobody}.*connection refused`))
    return true
  })
  assert.equal(await refusalOf('redis://no-such-host.invalid:6379'), 'STORE_UNREACHABLE')
})

redisTest('something else that listens there', async () => {
  const http = createServer((_, response) => void response.end('hello'))
  await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve))
  try {
    const address = http.address()
    assert.equal(await refusalOf(`redis://127.0.0.1:${address && typeof address === 'object' ? address.port : 0}`), 'STORE_NOT_REDIS')
  } finally {
    http.closeAllConnections()
    http.close()
  }
})

redisTest('a wrong user or password', async () => {
  await operator.call('ACL', 'SETUSER', 'careful', 'on', '>secret-one', '~*', '&*', '+@all')
  assert.equal(await refusalOf(`redis://careful:secret-two@127.0.0.1:${port}`), 'STORE_AUTH')
  assert.equal(await refusalOf(`redis://careful:secret-one@127.0.0.1:${port}`), null)
})

redisTest('a server that wants a password and was given none', async () => {
  await operator.config('SET', 'requirepass', 'secret')
  try {
    assert.equal(await refusalOf(`redis://127.0.0.1:${port}`), 'STORE_AUTH')
    assert.equal(await refusalOf(`redis://:secret@127.0.0.1:${port}`), null)
  } finally {
    await operator.config('SET', 'requirepass', '')
  }
})

redisTest('a user without a command that is needed; the rules of the documentation are enough', async () => {
  await operator.call('ACL', 'SETUSER', 'poor', 'on', '>secret', '~mag:*', '&mag:*', '+@all', '-evalsha', '-eval')
  assert.equal(await refusalOf(`redis://poor:secret@127.0.0.1:${port}`), 'STORE_DENIED')
  await operator.call('ACL', 'SETUSER', 'elsewhere', 'on', '>secret', '~other:*', '&mag:*', '+@all')
  assert.equal(await refusalOf(`redis://elsewhere:secret@127.0.0.1:${port}`), 'STORE_DENIED')
  const [, rules = ''] = /ACL SETUSER mag on (.*)$/m.exec(readFileSync(new URL('../../../docs/redis.md', import.meta.url), 'utf8')) ?? []
  assert.notEqual(rules, '')
  await operator.call('ACL', 'SETUSER', 'mag', 'on', ...rules.trim().split(' ').map((rule) => (rule.startsWith('>') ? '>secret' : rule)))
  assert.equal(await refusalOf(`redis://mag:secret@127.0.0.1:${port}`), null)
})

redisTest('one that throws data away, or keeps nothing on disk', async () => {
  await operator.config('SET', 'maxmemory-policy', 'allkeys-lru')
  assert.equal(await refusalOf(`redis://127.0.0.1:${port}`), 'STORE_EVICTS')
  await operator.config('SET', 'maxmemory-policy', 'noeviction')
  await operator.config('SET', 'appendonly', 'no')
  assert.equal(await refusalOf(`redis://127.0.0.1:${port}`), 'STORE_VOLATILE')
  assert.equal(await refusalOf(`redis://127.0.0.1:${port}?durability=memory`), null)
  await operator.config('SET', 'appendonly', 'yes')
})

redisTest('a durability that is not to be had', async () => {
  const info = await operator.info('server')
  const waits = /redis_version:(7\.[01]\.)/.test(info) ? 'STORE_DURABILITY' : null
  assert.equal(await refusalOf(`redis://127.0.0.1:${port}?durability=fsync`), waits)
  await operator.config('SET', 'appendfsync', 'always')
  assert.equal(await refusalOf(`redis://127.0.0.1:${port}?durability=fsync`), null)
  await operator.config('SET', 'appendfsync', 'everysec')
})

redisTest('a replica; and a primary whose replica confirms nothing', async () => {
  const replica = await startRedis(['--replicaof', `127.0.0.1 ${port}`])
  try {
    await untilLinked(replica.port)
    assert.equal(await refusalOf(`redis://127.0.0.1:${replica.port}`), 'STORE_REPLICA')
    assert.equal(await refusalOf(`redis://127.0.0.1:${port}?durability=replica`), null)
    process.kill(replica.pid, 'SIGSTOP')
    assert.equal(await refusalOf(`redis://127.0.0.1:${port}?durability=replica`), 'STORE_UNCONFIRMED')
  } finally {
    process.kill(replica.pid, 'SIGCONT')
    await replica.stop()
  }
})

async function untilLinked(replicaPort: number): Promise<void> {
  const client = new Redis({ port: replicaPort })
  while (!/master_link_status:up/.test(await client.info('replication'))) await new Promise((resolve) => setImmediate(resolve))
  client.disconnect()
}

test('redis over TLS: a trusted certificate, an unknown one, another host\'s, and plain text', { skip: NO_REDIS || false }, async (t) => {
  if (spawnSync('openssl', ['version']).status !== 0) return t.skip('NOT TESTED: certificates need openssl')
  const plain = await freePort()
  const folder = server?.folder ?? ''
  const [ca, key, certificate] = certify(folder)
  const secure = await startRedis(['--port', '0', '--tls-port', String(plain), '--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', ca, '--tls-auth-clients', 'no'])
  try {
    assert.equal(await refusalOf(`rediss://localhost:${plain}?ca=${encodeURIComponent(ca)}`), null)
    assert.equal(await refusalOf(`rediss://localhost:${plain}`), 'STORE_TLS')
    assert.equal(await refusalOf(`rediss://127.0.0.1:${plain}?ca=${encodeURIComponent(ca)}`), 'STORE_TLS')
    assert.equal(await refusalOf(`rediss://localhost:${plain}?ca=${encodeURIComponent(join(folder, 'none.pem'))}`), 'STORE_TLS')
    assert.equal(await refusalOf(`rediss://127.0.0.1:${port}`), 'STORE_TLS')
    assert.equal(await refusalOf(`redis://127.0.0.1:${plain}`), 'STORE_UNREACHABLE')
  } finally {
    await secure.stop()
  }
})

/** A CA and a certificate for `localhost`, good for a day. */
function certify(folder: string): [string, string, string] {
  const file = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => assert.equal(spawnSync('openssl', args, { cwd: folder }).status, 0, args.join(' '))
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=test', '-keyout', 'ca.key', '-out', 'ca.pem')
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', 'server.key', '-out', 'server.csr')
  openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-copy_extensions', 'copy', '-out', 'server.pem')
  return [file('ca.pem'), file('server.key'), file('server.pem')]
}
