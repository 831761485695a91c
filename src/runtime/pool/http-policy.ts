/**
 * Which addresses an `http` step may reach (catalogue I08): http and https, and no host whose address is link-local, where
 * clouds keep the credentials of the machine. Looked at after the name is resolved, at the connection itself, so that a name
 * cannot point elsewhere in between.
 */
import { lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

const REFUSED = new BlockList()
REFUSED.addSubnet('169.254.0.0', 16, 'ipv4')
REFUSED.addSubnet('0.0.0.0', 8, 'ipv4')
REFUSED.addSubnet('224.0.0.0', 4, 'ipv4')
REFUSED.addSubnet('fe80::', 10, 'ipv6')
REFUSED.addSubnet('ff00::', 8, 'ipv6')
REFUSED.addAddress('::', 'ipv6')
REFUSED.addAddress('fd00:ec2::254', 'ipv6')

export class AddressRefusedError extends Error {
  readonly code = 'HTTP_ADDRESS'
  readonly retryable = false

  constructor(message: string) {
    super(message)
    this.name = 'AddressRefusedError'
  }
}

/** Throws AddressRefusedError. */
export function checkUrl(text: string): URL {
  if (!URL.canParse(text)) throw new AddressRefusedError(`${JSON.stringify(text).slice(0, 200)} is not an address`)
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new AddressRefusedError(`${url.protocol} addresses are not requested: only http: and https:`)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host)) checkAddress(host, host)
  return url
}

function checkAddress(address: string, host: string): void {
  const plain = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '')
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(plain)
  const ip = mapped ? [mapped[1], mapped[2]].map((part) => Number.parseInt(part ?? '', 16)).flatMap((n) => [n >> 8, n & 255]).join('.') : plain
  if (!REFUSED.check(ip, isIP(ip) === 6 ? 'ipv6' : 'ipv4')) return
  const named = host === address ? '' : ` (${host})`
  throw new AddressRefusedError(`${address}${named} is not requested: link-local addresses give away a machine's credentials`)
}

/** Resolves as usual, and refuses what may not be reached. */
export const checkedLookup: LookupFunction = (host, options, callback) => {
  lookup(host, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '', 0)
    try {
      for (const { address } of addresses) checkAddress(address, host)
    } catch (refused) {
      return callback(refused as NodeJS.ErrnoException, '', 0)
    }
    if ((options as { all?: boolean }).all) return callback(null, addresses)
    const [first] = addresses
    callback(null, first?.address ?? '', first?.family ?? 0)
  })
}
