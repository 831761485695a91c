import { NonRetryableError, worker } from 'multiagents'
import { activeCounts, callService, cents, entryId, ledger, type OrderInput } from './lib/orders.ts'

const FEE_RATE = 0.029
/** Beyond it cents are no longer exact. */
const MOST = 1_000_000_000_000

/** Charges the card. A declined card is no fault of the service: another attempt would not help. */
export default worker('process_payment', async ({ amount, card, simulate }: OrderInput, task) => {
  if (typeof amount !== 'number' || !(amount > 0 && amount <= MOST)) throw new NonRetryableError(`amount must be a number above 0, at most ${MOST}`, { code: 'INVALID_AMOUNT', details: { amount: amount ?? null } })
  await callService('charge', simulate, task)
  if (String(card ?? '').replace(/\D/g, '').endsWith('0000')) {
    const reason = 'card declined'
    if (simulate?.decline_as_data) return { payment_status: 'declined', reason, amount }
    throw new NonRetryableError(reason, { code: 'CARD_DECLINED', details: { amount } })
  }
  const payment_id = entryId('PAY', task)
  const fee = cents(amount * FEE_RATE)
  return ledger.update((book) => {
    book.payments[payment_id] ??= { amount, fee, active: true }
    return { payment_id, payment_status: 'charged', amount, fee, net_amount: cents(amount - fee), active: activeCounts(book) }
  })
})
