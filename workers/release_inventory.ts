import { worker } from 'multiagents'
import { activeCounts, callService, entryId, ledger, type OrderInput } from './lib/orders.ts'

/** Undoes reserve_inventory: puts the items back, once. A second delivery finds nothing to release. */
export default worker('release_inventory', async ({ context }: { context: OrderInput }, task) => {
  await callService('release', context.simulate, task)
  const reservation_id = entryId('RES', task)
  return ledger.update((book) => {
    const reservation = book.reservations[reservation_id]
    if (!reservation?.active) return { release_status: 'not_found', reservation_id, released_items: [], stock_levels: { ...book.stock }, active: activeCounts(book) }
    reservation.active = false
    for (const { sku, quantity } of reservation.items) book.stock[sku] = (book.stock[sku] ?? 0) + quantity
    return { release_status: 'released', reservation_id, released_items: [...reservation.items], stock_levels: { ...book.stock }, active: activeCounts(book) }
  })
})
