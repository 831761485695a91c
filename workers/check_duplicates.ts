import { worker } from 'multiagents'
import { customers, findDuplicate, requireValidated, type Customer, type DuplicateType, type ValidatedData } from './lib/customers.ts'

interface Output {
  is_duplicate: boolean
  duplicate_status: 'none' | DuplicateType | 'both'
  duplicate_types: DuplicateType[]
  existing_customer: Pick<Customer, 'email' | 'phone'> | null
  checked_at: string
}

/** Looks whether somebody already has the e-mail or the phone number. It changes nothing, so it may run any number of times. */
export default worker('check_duplicates', async ({ validated_data }: { validated_data?: ValidatedData }): Promise<Output> => {
  const { types, customer } = findDuplicate(await customers.read(), requireValidated(validated_data))
  return {
    is_duplicate: types.length > 0,
    duplicate_status: types.length === 2 ? 'both' : (types[0] ?? 'none'),
    duplicate_types: types,
    existing_customer: customer && { email: customer.email, phone: customer.phone },
    checked_at: new Date().toISOString(),
  }
})
