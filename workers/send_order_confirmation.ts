import { worker } from 'multiagents'
import { callService, type OrderInput } from './lib/orders.ts'

interface Input extends OrderInput {
  payment_id: string
  shipment_id: string
}

/** Confirms the order. A mail that does not go out is told as data; the order stands without it. */
export default worker('send_order_confirmation', async ({ email, payment_id, shipment_id, simulate }: Input, task) => {
  await callService('confirm', simulate, task)
  const confirmation = { confirmation_status: 'confirmed', payment_id, shipment_id }
  if (simulate?.mail_failure) return { ...confirmation, email_status: 'failed', email_error: 'the mail service is not available' }
  return { ...confirmation, email_status: 'sent', recipient: email ?? null }
})
