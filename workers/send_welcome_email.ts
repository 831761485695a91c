import { setTimeout as pause } from 'node:timers/promises'
import { worker } from 'multiagents'
import type { CustomerRecord } from './lib/customers.ts'

interface Input {
  customer_id: string
  customer_record: CustomerRecord
  /** The samples' switch: the mail service is down. */
  simulate_email_failure?: boolean
}

type Output =
  | { email_status: 'sent'; email_id: string; recipient: string; sent_at: string; content_length: number }
  | { email_status: 'failed'; error: string; recipient: string; retry_recommended: true }

/** Sends the welcome. A mail that cannot be sent is no reason to lose a customer: it is told as data, and the run goes on. */
export default worker('send_welcome_email', async (input: Input, task): Promise<Output> => {
  const { customer_id, customer_record, simulate_email_failure } = input
  const recipient = customer_record.email
  const content = `Welcome, ${customer_record.name}!\n\nYou are registered as ${customer_id}.\n`
  await pause(20, undefined, { signal: task.signal }) // as a mail service would take
  if (simulate_email_failure) {
    task.log.warn('the mail service is not available', { recipient })
    return { email_status: 'failed', error: 'Email service temporarily unavailable', recipient, retry_recommended: true }
  }
  // A real service would be handed task.idempotencyKey, so that a second attempt sends no second mail.
  const sent_at = new Date().toISOString()
  return { email_status: 'sent', email_id: `EMAIL-${sent_at.slice(0, 19).replace(/\D/g, '')}-${crypto.randomUUID().slice(-12)}`, recipient, sent_at, content_length: content.length }
})
