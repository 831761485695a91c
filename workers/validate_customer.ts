import { worker } from 'multiagents'
import type { ValidatedData } from './lib/customers.ts'

interface Input {
  customer_data?: unknown
}

interface Output {
  validated_data: Partial<ValidatedData>
  validation_status: 'passed' | 'failed'
  /** In the order of the fields; empty if the data is good. */
  validation_errors: string[]
  field_count: number
}

const REQUIRED = ['name', 'email', 'phone'] as const
const OPTIONAL = ['address', 'company', 'notes'] as const
const EMAIL = /^[\w.%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}$/
const MIN_DIGITS = 10
const MAX_EMAIL = 254

/**
 * Checks what a person typed and cleans it: blanks around are cut, a phone number is kept as its digits. It tells all
 * that is wrong at once, as data; whether that ends the run is the workflow's decision (`fail_if`).
 */
export default worker('validate_customer', ({ customer_data }: Input): Output => {
  const errors: string[] = []
  const validated: Partial<ValidatedData> = {}
  // Whatever is no map has none of the fields.
  const given: Record<string, unknown> = isRecord(customer_data) ? customer_data : {}

  for (const field of REQUIRED) {
    const value = given[field]
    if (value !== undefined && value !== null && typeof value !== 'string') errors.push(`Field must be text: ${field}`)
    else if (!value?.trim()) errors.push(`Missing required field: ${field}`)
    else validated[field] = value.trim()
  }
  if (validated.email !== undefined && (validated.email.length > MAX_EMAIL || !EMAIL.test(validated.email))) {
    errors.push('Invalid email format')
  }
  if (validated.phone !== undefined) {
    validated.phone = validated.phone.replace(/\D/g, '')
    if (validated.phone.length < MIN_DIGITS) errors.push(`Phone number must have at least ${MIN_DIGITS} digits`)
  }
  for (const field of OPTIONAL) {
    const value = given[field]
    if (value === undefined || value === null) continue
    if (typeof value !== 'string') errors.push(`Field must be text: ${field}`)
    else if (value.trim()) validated[field] = value.trim()
  }
  validated.validated_at = new Date().toISOString()

  return {
    validated_data: validated,
    validation_status: errors.length === 0 ? 'passed' : 'failed',
    validation_errors: errors,
    field_count: Object.keys(validated).length,
  }
})

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
