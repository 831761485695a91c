import { NonRetryableError, worker } from 'multiagents'
import { activeCounts, callService, entryId, ledger, type FailedItem, type Ledger, type OrderInput, type OrderItem, type Reservation } from './lib/orders.ts'

/**
 * Takes the order's items out of stock: all of them, or those that there are (`partial`). Nothing at all in stock is a
 * failure that no retry mends, and so is an order without items or with a quantity that is no whole number from 1.
 */
export default worker('reserve_inventory', async ({ items, stock, simulate }: OrderInput, task) => {
  if (!Array.isArray(items) || items.length === 0) throw new NonRetryableError('the order has no items', { code: 'EMPTY_ORDER' })
  const wrong = items.findIndex((item) => typeof item?.sku !== 'string' || !Number.isSafeInteger(item.quantity) || item.quantity < 1)
  if (wrong >= 0) throw new NonRetryableError(`items[${wrong}]: ${JSON.stringify(items[wrong])} needs a sku and a quantity, a whole number from 1`, { code: 'INVALID_ITEM' })
  const odd = Object.entries(stock ?? {}).find(([, level]) => !Number.isSafeInteger(level) || level < 0)
  if (odd) throw new NonRetryableError(`stock.${odd[0]}: ${JSON.stringify(odd[1])} is no whole number from 0`, { code: 'INVALID_STOCK' })
  await callService('reserve', simulate, task)

  const reservation_id = entryId('RES', task)
  return ledger.update((book) => {
    const before = book.reservations[reservation_id]
    if (before) return answer(book, reservation_id, before)
    const available: Record<string, number> = { ...book.stock, ...stock }
    const reserved: OrderItem[] = []
    const failed: FailedItem[] = []
    for (const { sku, quantity } of items) {
      const left = Object.hasOwn(available, sku) ? (available[sku] ?? 0) : 0
      if (left < quantity) failed.push({ sku, requested: quantity, available: left })
      else {
        available[sku] = left - quantity
        reserved.push({ sku, quantity })
      }
    }
    if (reserved.length === 0) throw new NonRetryableError('nothing of the order is in stock', { code: 'OUT_OF_STOCK', details: { failed_items: failed } })
    book.stock = available
    const reservation: Reservation = { items: reserved, failed, active: true }
    book.reservations[reservation_id] = reservation
    return answer(book, reservation_id, reservation)
  })
})

function answer(book: Ledger, reservation_id: string, { items, failed }: Reservation) {
  return {
    reservation_id,
    reservation_status: failed.length === 0 ? 'complete' : 'partial',
    reserved_items: items,
    reserved_count: items.length,
    failed_items: failed,
    failed_count: failed.length,
    stock_levels: { ...book.stock },
    active: activeCounts(book),
  }
}
