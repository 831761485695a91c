import { worker } from 'multiagents'
import { activeCounts, callService, entryId, ledger, type OrderInput } from './lib/orders.ts'

/** Undoes create_shipment, once. Also called where nobody knows whether the carrier got the order (a timeout). */
export default worker('cancel_shipment', async ({ context }: { context: OrderInput }, task) => {
  await callService('cancel', context.simulate, task)
  const shipment_id = entryId('SHIP', task)
  return ledger.update((book) => {
    const shipment = book.shipments[shipment_id]
    if (!shipment?.active) return { cancel_status: 'not_found', shipment_id, active: activeCounts(book) }
    shipment.active = false
    return { cancel_status: 'cancelled', shipment_id, active: activeCounts(book) }
  })
})
