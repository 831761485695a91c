/**
 * What all scripts begin with. Two rules: everything is checked before the first write, because a script that fails keeps
 * what it wrote; and every key is `P .. suffix` with P one of KEYS, so that it is in the slot that KEYS names.
 */
export const COMMON = `
local call = redis.call
local function clock(text)
  if text ~= '' then return tonumber(text) end
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function int(n) return string.format('%.0f', n) end
-- Grows for ever, also across a restart from an older copy: it follows the clock where it can.
local function nextNo(P, now)
  local no = math.max(tonumber(call('GET', P .. ':n') or '0') + 1, now * 1024)
  call('SET', P .. ':n', int(no))
  return no
end
local function live(P, id, epoch) return call('HGET', P .. ':o', id) == epoch end
local function ownKey(P, owner) return P .. ':own:' .. (owner == '' and '-' or owner) end
local function toldKey(P, owner) return P .. ':told:' .. (owner == '' and '-' or owner) end
local function queueKey(P, queue, worker) return P .. ':q:' .. #queue .. ':' .. queue .. ':' .. worker end
local function deliver(P, run, owner, text, now)
  local no = nextNo(P, now)
  call('ZADD', P .. ':i:' .. run, int(no), int(no) .. ' ' .. text)
  call('ZADD', toldKey(P, owner), 'NX', int(no), run)
end
local function dropTask(P, run, token)
  local T = P .. ':t:' .. run
  local packed = call('HGET', T, token .. ':m')
  if not packed then return end
  local meta = cmsgpack.unpack(packed)
  if meta.h then call('ZREM', P .. ':held', run .. '/' .. token)
  else call('ZREM', queueKey(P, meta.q, meta.w), meta.m) end
  call('HDEL', T, token, token .. ':m')
end
`

/**
 * A write: KEYS[1] keeps the caller's last operation, ARGV = caller, number, now (empty: the server's), …. The body sets `answer`
 * to a text. The same number again gets the same answer and does nothing; a number that was overtaken is refused, because its
 * caller has given it up: a connection that froze may deliver it long afterwards.
 */
export function writing(body: string, flags = ''): string {
  return `${flags}${COMMON}
local opKey = KEYS[1] .. ':op:' .. ARGV[1]
local done = call('GET', opKey)
if done then
  local gap = string.find(done, ' ', 1, true)
  local last, mine = tonumber(string.sub(done, 1, gap - 1)), tonumber(ARGV[2])
  if last == mine then return string.sub(done, gap + 1) end
  if last > mine then return redis.error_reply('MAGSTALE overtaken by a later operation') end
end
local now = clock(ARGV[3])
local answer = ''
${body}
call('SET', opKey, ARGV[2] .. ' ' .. answer, 'EX', 3600)
return answer
`
}

export function reading(body: string): string {
  return `${COMMON}${body}`
}

/** Writes of this flag pass even when memory is full: what runs already must be able to end. */
export const ALLOW_OOM = '#!lua flags=allow-oom\n'
