/**
 * The customer registration as a program: the workflow built in code, its workers registered by hand, one run followed
 * to its end, then a duplicate. Run it with `node examples/customer-registration.ts` (after `npm run build` in this
 * repository). `mag run customer_registration --input examples/customer_registration.json` does the same with one command.
 */
import { createFramework, WorkflowBuilder } from 'multiagents'
import checkDuplicates from '../workers/check_duplicates.ts'
import createCustomer from '../workers/create_customer.ts'
import sendWelcomeEmail from '../workers/send_welcome_email.ts'
import updateAnalytics from '../workers/update_analytics.ts'
import validateCustomer from '../workers/validate_customer.ts'

const workflow = new WorkflowBuilder('customer_registration')
  .addStep('validate', 'validate_customer', {
    failIf: "output.validation_status == 'failed'",
    failMessage: "validation failed: ${{ output.validation_errors.join('; ') }}",
  })
  .addStep('check_duplicates', 'check_duplicates', {
    failIf: 'output.is_duplicate',
    failMessage: 'duplicate customer: ${{ output.duplicate_status }} already registered',
  })
  .addStep('create_customer', 'create_customer')
  .addStep('send_email', 'send_welcome_email')
  .addStep('update_analytics', 'update_analytics')
  .build()

await using framework = await createFramework({ workflows: [workflow] })
const { eventBus, workerManager, orchestrator } = framework

workerManager.register(validateCustomer, checkDuplicates, createCustomer, sendWelcomeEmail, updateAnalytics)
await eventBus.start()
await workerManager.start()
await orchestrator.start()
console.log(`registered ${workerManager.listWorkers().length} workers`)

// Each step is announced as it completes.
eventBus.subscribe(({ event }) => {
  if (event.type === 'step.completed') console.log(`  completed ${event.path}`)
})

const alice = {
  name: 'Alice Johnson', email: 'alice.johnson@example.com', phone: '(555) 123-9999', address: '123 Main St, Anytown, USA', company: 'Tech Startup Inc',
}
const john = { name: 'John Doe', email: 'john.doe@example.com', phone: '(555) 999-8888' }

for (const customer_data of [alice, john]) {
  console.log(`\nregistering ${customer_data.name}`)
  const transactionId = await orchestrator.executeWorkflow('customer_registration', { customer_data })
  console.log(`  started ${transactionId}`)
  const status = await orchestrator.waitFor(transactionId)
  console.log(`  ${status.state}${status.error ? `: ${status.error.message}` : ''}`)
  for (const [step, result] of Object.entries(status.stepResults)) console.log(`  ${step}:`, result)
}
