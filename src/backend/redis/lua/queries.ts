/** Reading. Each script goes over all partitions in KEYS, so that outside a Cluster one call is enough. */
import { reading } from './common.ts'

/** ARGV: run ids. Answers [id, fields…] for those that are there. */
export const RECORD = reading(`
local R = KEYS[1] .. ':r:' .. ARGV[1]
return call('HGETALL', R)
`)

/** ARGV 1: smallest, 2: beyond the largest, 3: how many. */
export const FIND = reading(`
local out = {}
for _, P in ipairs(KEYS) do
  for _, id in ipairs(call('ZRANGEBYLEX', P .. ':ids', ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])) do out[#out + 1] = id end
end
return out
`)

/**
 * ARGV 1: how many, 2: since or -inf, 3: workflow or empty, 4: how many to look at, 5: `-` for runs without a parent, 6: states
 * between commas or empty, then triples: index into KEYS, the index to go through, and where to go on (`createdAt:id`, empty:
 * from the newest). Answers for each triple: where to go on or empty, then [id, fields] pairs.
 */
export const LIST = reading(`
local want, since, workflow, budget, orphan, states = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local filtered = workflow ~= '' or orphan ~= '' or states ~= ''
local out = {}
local function wanted(P, id)
  if not filtered then return true end
  local there = call('HMGET', P .. ':r:' .. id, 'w', 'p', 's')
  return there[1] and (workflow == '' or there[1] == workflow) and (orphan == '' or not there[2])
    and (states == '' or string.find(states, ',' .. there[3] .. ',', 1, true))
end
for j = 7, #ARGV, 3 do
  local P, index, mark = KEYS[tonumber(ARGV[j])], ARGV[j + 1], ARGV[j + 2]
  local top, below = string.match(mark, '^(%-?%d+):(.*)$')
  local found, looked, offset, more = {}, 0, 0, ''
  while #found < want do
    local page = call('ZREVRANGEBYSCORE', P .. index, top or '+inf', since, 'WITHSCORES', 'LIMIT', offset, math.min(want + 1, 200))
    if #page == 0 then more = '' break end
    for n = 1, #page, 2 do
      local id, at = page[n], page[n + 1]
      local skip = top and tonumber(at) == tonumber(top) and id >= below
      if not skip and #found < want then
        looked = looked + 1
        more = int(tonumber(at)) .. ':' .. id
        if wanted(P, id) then found[#found + 1] = { id, call('HGETALL', P .. ':r:' .. id) } end
      end
    end
    offset = offset + #page / 2
    if looked >= budget then break end
  end
  out[#out + 1] = { more, found }
end
return out
`)

/** ARGV 1: run, 2: after, 3: how many places or -1. Answers where the first commit begins, then the places. */
export const HISTORY = reading(`
local H, start = KEYS[1] .. ':h:' .. ARGV[1], tonumber(ARGV[2])
while start > 0 and call('LINDEX', H, start) == '' do start = start - 1 end
local stop = -1
if ARGV[3] ~= '-1' then stop = ARGV[2] + ARGV[3] - 1 end
if stop ~= -1 and stop < start then return { start } end
local out = { start }
for _, text in ipairs(call('LRANGE', H, start, stop)) do out[#out + 1] = text end
return out
`)

/** ARGV 1: owner, 2: how many. Answers triples: run, id, message. */
export const INBOX = reading(`
local out = {}
for _, P in ipairs(KEYS) do
  for _, run in ipairs(call('ZRANGE', P .. ':told:' .. ARGV[1], 0, ARGV[2] - 1)) do
    for _, member in ipairs(call('ZRANGE', P .. ':i:' .. run, 0, ARGV[2] - 1)) do
      out[#out + 1] = run
      out[#out + 1] = member
    end
  end
end
return out
`)

/** ARGV 1: owner, 2: until, 3: how many. Answers [id, fields] pairs. */
export const DUE = reading(`
local out = {}
for _, P in ipairs(KEYS) do
  for _, id in ipairs(call('ZRANGEBYSCORE', P .. ':own:' .. ARGV[1], '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])) do
    out[#out + 1] = { id, call('HGETALL', P .. ':r:' .. id) }
  end
end
return out
`)

/** ARGV 1: owner. Answers the earliest of each partition. */
export const NEXT_WAKE = reading(`
local out = {}
for _, P in ipairs(KEYS) do
  local first = call('ZRANGE', P .. ':own:' .. ARGV[1], 0, 0, 'WITHSCORES')
  if first[2] and first[2] ~= 'inf' then out[#out + 1] = first[2] end
end
return out
`)

/** ARGV 1: how many, then the ids of processes whose lease lasts. Answers [rank, id, fields]. */
export const ORPHANS = reading(`
local alive, want, out = {}, ARGV[1] - 1, {}
for j = 2, #ARGV do alive[ARGV[j]] = true end
for _, P in ipairs(KEYS) do
  local seen, gone = {}, { '-' }
  local owners = call('HGETALL', P .. ':o')
  for j = 1, #owners, 2 do
    if owners[j + 1] == '!' or not alive[owners[j]] then gone[#gone + 1] = owners[j] end
  end
  local function take(rank, ids)
    for _, id in ipairs(ids) do
      if not seen[id] then
        seen[id] = true
        out[#out + 1] = { rank, id, call('HGETALL', P .. ':r:' .. id) }
      end
    end
  end
  for _, owner in ipairs(gone) do take('0', call('ZRANGE', P .. ':told:' .. owner, 0, want)) end
  for _, owner in ipairs(gone) do
    if owner ~= '-' then take('1', call('ZRANGE', P .. ':own:' .. owner, 0, want)) end
  end
  take('1', call('ZRANGEBYSCORE', P .. ':own:-', '+inf', '+inf', 'LIMIT', 0, want + 1))
  take('2', call('ZRANGE', P .. ':own:-', 0, want))
end
return out
`)
