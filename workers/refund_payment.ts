import { worker } from 'multiagents'
import { activeCounts, callService, entryId, ledger, type OrderInput } from './lib/orders.ts'

/** Undoes process_payment: gives the money back, once. */
export default worker('refund_payment', async ({ context }: { context: OrderInput }, task) => {
  await callService('refund', context.simulate, task)
  const payment_id = entryId('PAY', task)
  return ledger.update((book) => {
    const payment = book.payments[payment_id]
    if (!payment?.active) return { refund_status: 'not_found', payment_id, refunded_amount: 0, active: activeCounts(book) }
    payment.active = false
    return { refund_status: 'refunded', payment_id, refunded_amount: payment.amount, active: activeCounts(book) }
  })
})
