import { setTimeout as pause } from 'node:timers/promises'
import { NonRetryableError, worker } from 'multiagents'
import { customers, findDuplicate, requireValidated, type CustomerRecord, type ValidatedData } from './lib/customers.ts'

interface Output {
  customer_id: string
  customer_record: CustomerRecord
  creation_status: 'success'
  record_size: number
}

/**
 * Adds the customer. Two runs may have passed the duplicate check at the same moment, so it is checked again in one
 * step with the adding; and an attempt that died after adding has left its idempotency key, so the next one finds it.
 */
export default worker('create_customer', { retry: { attempts: 3, delay: '200ms' } }, async (input: { validated_data?: ValidatedData }, task): Promise<Output> => {
  const validated_data = requireValidated(input.validated_data)
  await pause(20, undefined, { signal: task.signal }) // as a database would take
  const record = await customers.update((all) => {
    const mine = all.find((customer) => customer.registered_by === task.idempotencyKey)?.record
    if (mine) return mine
    const { types, customer } = findDuplicate(all, validated_data)
    if (customer) throw new NonRetryableError(`duplicate customer: ${types.join(' and ')} already registered`, { code: 'DUPLICATE', details: { duplicate_types: types } })
    const created = newRecord(validated_data)
    all.push({ email: created.email, phone: created.phone, registered_by: task.idempotencyKey, record: created })
    return created
  })
  task.log.info('customer created', { customer_id: record.id })
  return { customer_id: record.id, customer_record: record, creation_status: 'success', record_size: JSON.stringify(record).length }
})

function newRecord(data: ValidatedData): CustomerRecord {
  const created_at = new Date().toISOString()
  const stamp = created_at.slice(0, 19).replace(/\D/g, '')
  return { ...data, id: `CUST-${stamp}-${crypto.randomUUID().slice(-12)}`, created_at, status: 'active', source: 'registration_workflow' }
}
