/** Who says so: recorded with what people decide. */
import { userInfo } from 'node:os'

export function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A user id without an entry, as in many containers.
    return process.env['USER'] ?? 'somebody'
  }
}
