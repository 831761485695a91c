/** Processes, claims, idempotency keys. */
import { ALLOW_OOM, reading, writing } from './common.ts'

/** KEYS[1] partition 0; ARGV 4: lease, 5: info as JSON. Answers `epoch`. */
export const JOIN = writing(`
local P = KEYS[1]
-- By the clock, so that a server that came back from an older copy gives none twice.
local epoch = int(nextNo(P, now))
local id = 'p' .. epoch
call('HSET', P .. ':p:' .. id, 'info', ARGV[5], 'epoch', epoch, 'joined', int(now), 'until', int(now + ARGV[4]), 'state', 'live', 'busy', 0)
call('ZADD', P .. ':p', epoch, id)
answer = epoch
`)

/** In each partition: the process may write there. */
export const ADMIT = writing(`
call('HSET', KEYS[1] .. ':o', ARGV[4], ARGV[5])
`)

/** In each partition: it may not any more. Remembered only as long as it owns something there. */
export const EXPEL = writing(`
local P, id = KEYS[1], ARGV[4]
local holds = call('ZCARD', P .. ':own:' .. id)
if holds == 0 then call('HDEL', P .. ':o', id) else call('HSET', P .. ':o', id, '!') end
`, ALLOW_OOM)

/** ARGV 4: id, 5: epoch, 6: lease, 7: busy. Answers 1, 0, or `M`: no such process. */
export const RENEW = writing(`
local K = KEYS[1] .. ':p:' .. ARGV[4]
local there = call('HMGET', K, 'epoch', 'state')
if there[1] == ARGV[5] and there[2] == 'live' then
  call('HSET', K, 'until', int(now + ARGV[6]), 'busy', ARGV[7])
  answer = '1'
else answer = there[1] and '0' or 'M' end
`, ALLOW_OOM)

/** ARGV 4: id, 5: epoch. */
export const LEAVE = writing(`
local K = KEYS[1] .. ':p:' .. ARGV[4]
local there = call('HMGET', K, 'epoch', 'state')
if there[1] == ARGV[5] and there[2] == 'live' then
  call('HSET', K, 'state', 'left')
  answer = '1'
else answer = '0' end
`, ALLOW_OOM)

/** ARGV 4: id, 5: `dead` or empty. Answers 1: it may be expelled everywhere; 0: its lease lasts. */
export const FENCE = writing(`
local K = KEYS[1] .. ':p:' .. ARGV[4]
local there = call('HMGET', K, 'state', 'until')
if there[1] ~= 'live' then answer = '1'
elseif ARGV[5] ~= 'dead' and tonumber(there[2]) > now then answer = '0'
else
  call('HSET', K, 'state', 'fenced')
  answer = '1'
end
`, ALLOW_OOM)

/** Forgets processes that are gone, beyond the newest ARGV[4]. What they own is remembered where it is owned. */
export const FORGET = writing(`
local P = KEYS[1]
local ids = call('ZRANGE', P .. ':p', 0, -1)
local spare = #ids - tonumber(ARGV[4])
for _, id in ipairs(ids) do
  if spare <= 0 then break end
  if call('HGET', P .. ':p:' .. id, 'state') ~= 'live' then
    call('DEL', P .. ':p:' .. id)
    call('ZREM', P .. ':p', id)
    spare = spare - 1
  end
end
`, ALLOW_OOM)

export const PROCESSES = reading(`
local P, out = KEYS[1], {}
for _, id in ipairs(call('ZRANGE', P .. ':p', 0, -1)) do
  local p = call('HMGET', P .. ':p:' .. id, 'info', 'epoch', 'joined', 'until', 'state', 'busy')
  if p[1] then out[#out + 1] = p end
end
return { int(clock(ARGV[1])), out }
`)

/** ARGV 4: run, 5: owner, 6: epoch, 7: `1` to open a final run again. Answers `F` fenced, `M` missing, `E` final, `H<holder>`, or `O<previous owner>`. */
export const CLAIM = writing(`
local P, run, me = KEYS[1], ARGV[4], ARGV[5]
local R = P .. ':r:' .. run
local there = call('HMGET', R, 'o', 'z', 'a')
local old = there[1]
local mine = live(P, me, ARGV[6])
if mine and there[2] and ARGV[7] == '1' then
  local before = call('HMGET', R, 's', 'c')
  call('HSET', R, 's', 'running', 'f', '', 'n', '', 'u', int(now))
  call('HDEL', R, 'z')
  call('ZREM', P .. ':s:' .. before[1], run)
  call('ZADD', P .. ':s:running', before[2], run)
  there[2] = false
end
if not mine then answer = 'F'
elseif not old then answer = 'M'
elseif there[2] then answer = 'E'
else
  local standing = old ~= '' and old ~= me and call('HGET', P .. ':o', old) or false
  if standing and standing ~= '!' then answer = 'H' .. old
  else
    if old ~= me then
      call('HSET', R, 'o', me)
      call('ZREM', ownKey(P, old), run)
      call('ZADD', ownKey(P, me), (there[3] or '') == '' and 'inf' or there[3], run)
      local told = call('ZSCORE', toldKey(P, old), run)
      if told then
        call('ZREM', toldKey(P, old), run)
        call('ZADD', toldKey(P, me), told, run)
      end
      if standing and call('ZCARD', ownKey(P, old)) == 0 then call('HDEL', P .. ':o', old) end
    end
    answer = 'O' .. old
  end
end
`, ALLOW_OOM)

/** In the key's partition. ARGV 4: key, 5: run, 6: owner, 7: epoch, 8: the run that is known to be void, or empty. Answers `F`, or the run that has the key. */
export const RESERVE = writing(`
local P, K = KEYS[1], KEYS[1] .. ':k:' .. ARGV[4]
if not live(P, ARGV[6], ARGV[7]) then answer = 'F'
else
  local there = call('GET', K)
  if not there or there == ARGV[8] then
    call('SET', K, ARGV[5])
    there = ARGV[5]
  end
  answer = there
end
`)

/** ARGV 4: key, 5: run. Undoes a reservation whose run was not created. */
export const UNRESERVE = writing(`
local K = KEYS[1] .. ':k:' .. ARGV[4]
if call('GET', K) == ARGV[5] then call('DEL', K) end
`, ALLOW_OOM)

/** ARGV 4: a run that has a key but may not be there. Answers its workflow's length, workflow and inputHash, or empty: then it never will be. */
export const VOID = writing(`
local there = call('HMGET', KEYS[1] .. ':r:' .. ARGV[4], 'w', 'x')
if there[1] then answer = #there[1] .. ':' .. there[1] .. there[2]
else call('SET', KEYS[1] .. ':v:' .. ARGV[4], '1', 'EX', 86400) end
`)
