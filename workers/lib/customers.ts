/** The samples' customers: in memory, or in the JSON file that CUSTOMERS_FILE names. */
import { NonRetryableError } from 'multiagents'
import { jsonStore } from './json-store.ts'

/** What a person typed, checked and cleaned. */
export interface ValidatedData {
  name: string
  email: string
  phone: string
  address?: string
  company?: string
  notes?: string
  validated_at: string
}

export interface CustomerRecord extends ValidatedData {
  id: string
  created_at: string
  status: 'active'
  source: 'registration_workflow'
}

/** What is known of a registered customer. `registered_by`: the step that did it, the same in each of its attempts. */
export interface Customer {
  email: string
  phone: string
  registered_by?: string
  record?: CustomerRecord
}

export type DuplicateType = 'email' | 'phone'

export const customers = jsonStore<Customer[]>('CUSTOMERS_FILE', () => [
  { email: 'john.doe@example.com', phone: '5551234567' },
  { email: 'jane.smith@company.com', phone: '5559876543' },
])

/** What the steps after the validation need of it. They are only reached with it, unless somebody runs them alone. */
export function requireValidated(data: Partial<ValidatedData> | undefined): ValidatedData {
  for (const field of ['name', 'email', 'phone'] as const) {
    if (typeof data?.[field] !== 'string') throw new NonRetryableError(`validated_data.${field} is missing: validate_customer comes first`, { code: 'NOT_VALIDATED' })
  }
  return data as ValidatedData
}

/** Who already has that e-mail (upper and lower case alike) or that phone. One person may have both. */
export function findDuplicate(all: readonly Customer[], { email, phone }: { email: string; phone: string }): { types: DuplicateType[]; customer: Customer | null } {
  const byEmail = all.find((customer) => customer.email.toLowerCase() === email.toLowerCase())
  const byPhone = all.find((customer) => customer.phone === phone)
  return {
    types: [...(byEmail ? (['email'] as const) : []), ...(byPhone ? (['phone'] as const) : [])],
    customer: byEmail ?? byPhone ?? null,
  }
}
