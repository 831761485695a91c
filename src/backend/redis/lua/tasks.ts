/** Inboxes and tasks. */
import { ALLOW_OOM, reading, writing } from './common.ts'

/** ARGV 4: run, 5: message. Answers 0 where there is no such run. */
export const SEND = writing(`
local there = call('HMGET', KEYS[1] .. ':r:' .. ARGV[4], 'o', 'z')
if not there[1] then answer = '0'
else
  if not there[2] then deliver(KEYS[1], ARGV[4], there[1], ARGV[5], now) end
  answer = '1'
end
`)

/** The first tasks of each queue. ARGV 1: how many, then pairs of queue and worker. Only what is compared: priority and number. */
export const PEEK = reading(`
local out = {}
for k, P in ipairs(KEYS) do
  for j = 2, #ARGV, 2 do
    for _, member in ipairs(call('ZRANGE', queueKey(P, ARGV[j], ARGV[j + 1]), 0, ARGV[1] - 1)) do
      out[#out + 1] = P .. ' ' .. string.sub(member, 1, 17)
    end
  end
end
return out
`)

/** ARGV 4: owner, 5: epoch, 6: how many, 7: lease, then pairs of queue and worker. Answers a JSON list of lease end and tasks. */
export const TAKE = writing(`
local P, me, want = KEYS[1], ARGV[4], tonumber(ARGV[6])
local out = { int(now + ARGV[7]) }
if live(P, me, ARGV[5]) then
  local ready = {}
  for j = 8, #ARGV, 2 do
    for _, member in ipairs(call('ZRANGE', queueKey(P, ARGV[j], ARGV[j + 1]), 0, want - 1)) do
      ready[#ready + 1] = { member, queueKey(P, ARGV[j], ARGV[j + 1]) }
    end
  end
  table.sort(ready, function(a, b) return a[1] < b[1] end)
  for j = 1, math.min(want, #ready) do
    local member = ready[j][1]
    local run, token = string.match(string.sub(member, 18), '^(.*)/(%d+)$')
    local T = P .. ':t:' .. run
    local there = call('HMGET', T, token, token .. ':m')
    call('ZREM', ready[j][2], member)
    -- A hint without a task behind it is thrown away.
    if there[1] and there[2] then
      local meta = cmsgpack.unpack(there[2])
      if not meta.h then
        meta.h, meta.l = me, now + ARGV[7]
        call('HSET', T, token .. ':m', cmsgpack.pack(meta))
        call('ZADD', P .. ':held', int(meta.l), run .. '/' .. token)
        out[#out + 1] = there[1]
      end
    end
  end
end
answer = cjson.encode(out)
`)

/** ARGV 4: owner, 5: epoch, 6: lease, then pairs of run and token. Answers a 1 (held) or 0 each. */
export const RENEW_TASKS = writing(`
local P, me, words = KEYS[1], ARGV[4], {}
local mine = live(P, me, ARGV[5])
for j = 7, #ARGV, 2 do
  local T, token = P .. ':t:' .. ARGV[j], ARGV[j + 1]
  local packed = mine and call('HGET', T, token .. ':m')
  local meta = packed and cmsgpack.unpack(packed)
  if meta and meta.h == me then
    meta.l = now + ARGV[6]
    call('HSET', T, token .. ':m', cmsgpack.pack(meta))
    call('ZADD', P .. ':held', int(meta.l), ARGV[j] .. '/' .. token)
    words[#words + 1] = '1'
  else words[#words + 1] = '0' end
end
answer = table.concat(words)
`, ALLOW_OOM)

/** ARGV 4: holder, 5: epoch, 6: run, 7: token, 8: outcome. Answers 1 or 0. */
export const SETTLE = writing(`
local P, run, token = KEYS[1], ARGV[6], ARGV[7]
local packed = live(P, ARGV[4], ARGV[5]) and call('HGET', P .. ':t:' .. run, token .. ':m')
if packed and cmsgpack.unpack(packed).h == ARGV[4] then
  local there = call('HMGET', P .. ':r:' .. run, 'o', 'z')
  dropTask(P, run, token)
  if there[1] and not there[2] then deliver(P, run, there[1], ARGV[8], now) end
  answer = '1'
else answer = '0' end
`, ALLOW_OOM)

/** Held tasks whose lease is over or whose holder may not write. ARGV 1: now, 2: how many. */
export const LOST = reading(`
local out, now = {}, tonumber(ARGV[1])
for _, P in ipairs(KEYS) do
  local held = call('ZRANGE', P .. ':held', 0, -1, 'WITHSCORES')
  for j = 1, #held, 2 do
    if #out >= tonumber(ARGV[2]) then break end
    local run, token = string.match(held[j], '^(.*)/(%d+)$')
    local there = call('HMGET', P .. ':t:' .. run, token, token .. ':m')
    if there[1] and there[2] then
      local meta = cmsgpack.unpack(there[2])
      local standing = call('HGET', P .. ':o', meta.h)
      if tonumber(held[j + 1]) <= now or not standing or standing == '!' then
        out[#out + 1] = { run, token, meta.h, int(meta.l), there[1], tonumber(held[j + 1]) <= now and '1' or '0' }
      end
    end
  end
end
return out
`)

/** ARGV 4: run, 5: token, 6: holder, 7: lease end as it was seen, 8: outcome. Answers 1, or 0: renewed or settled meanwhile. */
export const REAP = writing(`
local P, run, token = KEYS[1], ARGV[4], ARGV[5]
local packed = call('HGET', P .. ':t:' .. run, token .. ':m')
local meta = packed and cmsgpack.unpack(packed)
if meta and meta.h == ARGV[6] and int(meta.l) == ARGV[7] then
  local there = call('HMGET', P .. ':r:' .. run, 'o', 'z')
  dropTask(P, run, token)
  if there[1] and not there[2] then deliver(P, run, there[1], ARGV[8], now) end
  answer = '1'
else answer = '0' end
`, ALLOW_OOM)

/** ARGV from 4 on: pairs of run and line. Lines of runs that do not exist are dropped. */
export const LOG = writing(`
for j = 4, #ARGV, 2 do
  if call('EXISTS', KEYS[1] .. ':r:' .. ARGV[j]) == 1 then call('RPUSH', KEYS[1] .. ':l:' .. ARGV[j], ARGV[j + 1]) end
end
`)
