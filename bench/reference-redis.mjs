// The least that a durable engine over Redis must do: the completions of one turn in one script call, state and history kept.
import { Redis } from 'ioredis'

const SCRIPT = `for i = 1, #ARGV, 3 do
  redis.call('RPUSH', 'ref:h:' .. ARGV[i], ARGV[i + 2])
  redis.call('HSET', 'ref:r:' .. ARGV[i], 'step', ARGV[i + 1], 'ctx', ARGV[i + 2])
end return 1`

export async function make(hooks) {
  const redis = new Redis({ port: Number(process.env.REDIS_PORT), host: '127.0.0.1' })
  const sha = await redis.script('LOAD', SCRIPT)
  let args = []
  let waiting = []
  const flush = () => {
    const [sent, callers] = [args, waiting]
    args = []
    waiting = []
    redis.evalsha(sha, 0, ...sent).then(() => callers.forEach((resolve) => resolve()))
  }
  const write = (id, step, ctx) => new Promise((resolve) => {
    if (waiting.length === 0) setImmediate(flush)
    args.push(id, step, JSON.stringify(ctx))
    waiting.push(resolve)
  })
  async function drive(kind, id, given) {
    let ctx = given
    for (let step = 0; step < (kind === 'chain50' ? 50 : 5); step++) {
      hooks.step(id, step)
      ctx = { ...ctx, n: ctx.n + 1 }
      await write(id, step + 1, ctx)
    }
    hooks.done(id)
  }
  return {
    async submit(kind, id, ctx) {
      await write(id, 0, ctx)
      void drive(kind, id, ctx)
    },
    async stop() {
      redis.disconnect()
    },
  }
}
