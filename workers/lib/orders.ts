/**
 * The samples' warehouse, bank and carrier: in memory, or in the JSON file that STOCK_FILE names. Every entry's id follows
 * from the run's, so that a second attempt, or an undo that never got an answer, finds what the first attempt did.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { NonRetryableError, type TaskHandle } from 'multiagents'
import { jsonStore } from './json-store.ts'

export type Stock = Record<string, number>

export interface OrderItem {
  sku: string
  quantity: number
}

export interface FailedItem {
  sku: string
  requested: number
  available: number
}

export interface Reservation {
  items: OrderItem[]
  failed: FailedItem[]
  active: boolean
}

export interface Payment {
  amount: number
  fee: number
  active: boolean
}

export interface Shipment {
  reservation_id: string
  active: boolean
}

export interface Ledger {
  stock: Stock
  reservations: Record<string, Reservation>
  payments: Record<string, Payment>
  shipments: Record<string, Shipment>
}

export const ledger = jsonStore<Ledger>('STOCK_FILE', () => ({
  stock: { LAPTOP: 5, MOUSE: 20, KEYBOARD: 0, MONITOR: 3 }, reservations: {}, payments: {}, shipments: {},
}))

/** How many of each are neither released, refunded nor cancelled. */
export function activeCounts({ reservations, payments, shipments }: Ledger): { reservations: number; payments: number; shipments: number } {
  const count = (entries: Record<string, { active: boolean }>) => Object.values(entries).filter(({ active }) => active).length
  return { reservations: count(reservations), payments: count(payments), shipments: count(shipments) }
}

export type Service = 'reserve' | 'charge' | 'ship' | 'confirm' | 'release' | 'refund' | 'cancel'

/** What goes wrong, told by the input: nothing here is random. */
export interface Simulation {
  /** Not reachable, in every attempt. */
  offline?: Service[]
  /** Fails in that many attempts, then works. */
  fail?: Partial<Record<Service, number>>
  /** Fails for good: no retry would help. */
  fatal?: Service[]
  /** Takes that many milliseconds. */
  slow?: Partial<Record<Service, number>>
  /** The bank tells a declined card as data instead of an error. */
  decline_as_data?: boolean
  /** The confirmation's mail does not go out, which is no reason to undo the order. */
  mail_failure?: boolean
}

export interface OrderInput {
  items: OrderItem[]
  amount?: number
  /** Cards that end in 0000 are declined. */
  card?: string
  email?: string
  /** For trying out: what is in stock before this run. */
  stock?: Stock
  simulate?: Simulation
}

/** The service cannot be reached. Another attempt may help. */
export class ServiceOffline extends Error {}
/** The service answered with an error. Another attempt may help. */
export class ServiceError extends Error {}

/** A call to a service: as slow and as faulty as the input says. */
export async function callService(service: Service, simulate: Simulation | undefined, task: TaskHandle): Promise<void> {
  await pause(simulate?.slow?.[service] ?? 5, undefined, { signal: task.signal })
  if (simulate?.fatal?.includes(service)) throw new NonRetryableError(`${service} was refused for good`, { code: 'REFUSED', details: { service, manual_action_needed: true } })
  if (simulate?.offline?.includes(service)) throw new ServiceOffline(`the ${service} service is offline`)
  if (task.attempt <= (simulate?.fail?.[service] ?? 0)) throw new ServiceError(`the ${service} service failed in attempt ${task.attempt}`)
}

/** `RES-20260103-145632-k3f9q2ab` of run TX-20260103-145632-k3f9q2ab. */
export function entryId(kind: 'RES' | 'PAY' | 'SHIP', task: TaskHandle): string {
  return task.run.id.replace(/^TX/, kind)
}

export function cents(amount: number): number {
  return Math.round((amount + Number.EPSILON) * 100) / 100
}
