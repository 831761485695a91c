/** What runs share: slots of concurrency keys, and values. Each lives in the partition of its key. */
import { ALLOW_OOM, reading, writing } from './common.ts'

/** ARGV 4: key, 5: holder, 6: limit, 7: run. Answers 1 or 0. */
export const TAKE_SLOT = writing(`
local P, S = KEYS[1], KEYS[1] .. ':slot:' .. ARGV[4]
answer = '1'
if call('HEXISTS', S, ARGV[5]) == 0 then
  if call('HLEN', S) >= tonumber(ARGV[6]) then answer = '0'
  else
    call('HSET', S, ARGV[5], int(nextNo(P, now)) .. ' ' .. int(now))
    call('SADD', P .. ':slots:' .. ARGV[7], ARGV[4])
  end
end
`)

/** ARGV 4: key, 5: holder, 6: run. */
export const FREE_SLOT = writing(`
local P, S = KEYS[1], KEYS[1] .. ':slot:' .. ARGV[4]
if call('HDEL', S, ARGV[5]) == 1 then
  local others = false
  for _, holder in ipairs(call('HKEYS', S)) do
    if string.sub(holder, 1, #ARGV[6] + 1) == ARGV[6] .. '/' then others = true end
  end
  if not others then call('SREM', P .. ':slots:' .. ARGV[6], ARGV[4]) end
end
`, ALLOW_OOM)

/** ARGV 1: key. Answers pairs of holder and number. */
export const SLOTS = reading(`
return call('HGETALL', KEYS[1] .. ':slot:' .. ARGV[1])
`)

/** ARGV 1: run. Answers triples: key, holder, number. */
export const SLOTS_OF = reading(`
local out, mine = {}, ARGV[1] .. '/'
for _, P in ipairs(KEYS) do
  for _, key in ipairs(call('SMEMBERS', P .. ':slots:' .. ARGV[1])) do
    local held = call('HGETALL', P .. ':slot:' .. key)
    for j = 1, #held, 2 do
      if string.sub(held[j], 1, #mine) == mine then
        out[#out + 1] = key
        out[#out + 1] = held[j]
        out[#out + 1] = held[j + 1]
      end
    end
  end
end
return out
`)

const CURRENT = `
local function current(K, at)
  local there = call('GET', K)
  if not there then return nil end
  local version, ends, text = string.match(there, '^(%d+) (%S+) (.*)$')
  if ends ~= '-' and tonumber(ends) <= at then return nil end
  return version, text
end
`

/** ARGV 1: now or empty, 2: key. Answers version and JSON, or nothing. */
export const VALUE = reading(`${CURRENT}
local version, text = current(KEYS[1] .. ':val:' .. ARGV[2], clock(ARGV[1]))
if version then return { version, text } end
return {}
`)

/** ARGV 4: key, 5: JSON, 6: the version that must be there or empty, 7: time to live or empty. Answers 1 or 0. */
export const PUT_VALUE = writing(`${CURRENT}
local K = KEYS[1] .. ':val:' .. ARGV[4]
local version = current(K, now) or '0'
if ARGV[6] ~= '' and ARGV[6] ~= version then answer = '0'
else
  local ends = ARGV[7] == '' and '-' or int(now + ARGV[7])
  call('SET', K, int(nextNo(KEYS[1], now)) .. ' ' .. ends .. ' ' .. ARGV[5])
  -- Only to give the memory back; who reads compares the time itself.
  if ends ~= '-' then call('PEXPIRE', K, tonumber(ARGV[7]) + 3600000) end
  answer = '1'
end
`)
