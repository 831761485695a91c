import { worker } from 'multiagents'
import { activeCounts, callService, entryId, ledger, type OrderInput } from './lib/orders.ts'

/** Hands what was reserved to the carrier. */
export default worker('create_shipment', async ({ reservation_id, simulate }: OrderInput & { reservation_id: string }, task) => {
  await callService('ship', simulate, task)
  const shipment_id = entryId('SHIP', task)
  return ledger.update((book) => {
    book.shipments[shipment_id] ??= { reservation_id, active: true }
    return { shipment_id, shipment_status: 'created', tracking_number: shipment_id.replace('SHIP', 'TRACK'), active: activeCounts(book) }
  })
})
