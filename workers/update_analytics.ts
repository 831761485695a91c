import { worker } from 'multiagents'
import type { CustomerRecord } from './lib/customers.ts'

interface Metric {
  metric: string
  timestamp: string
  value?: number
  customer_id?: string
  source?: string
}

interface Input {
  customer_record: CustomerRecord
  email_status?: 'sent' | 'failed'
}

/** Counts the registration, how its mail went, and where it came from. */
export default worker('update_analytics', ({ customer_record, email_status }: Input) => {
  const timestamp = new Date().toISOString()
  const metrics: Metric[] = [{ metric: 'customer_registration', value: 1, timestamp, customer_id: customer_record.id }]
  if (email_status) metrics.push({ metric: `welcome_email_${email_status}`, value: 1, timestamp })
  metrics.push({ metric: 'registration_source', source: 'workflow', timestamp })
  return { analytics_updated: true, metrics_recorded: metrics, metrics_count: metrics.length, updated_at: timestamp }
})
