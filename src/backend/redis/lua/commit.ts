/**
 * Commits. KEYS[1]: the lane's first partition, KEYS[2…]: the partitions that occur. ARGV from 4 on, for each commit:
 * index into KEYS, run, owner, epoch, expected seq, number of events, their JSON, then parts, then `E`:
 * `C` workflow definition key inputHash createdAt parent · `P` n field value … · `F` (final) · `R` (release) ·
 * `H` n id … · `W` n token … · `T` queue priority worker token task.
 * The answer is one word per commit: `k` ok, `f` fenced, `v` void, `c<seq>` conflict, `x<sameInput>` exists.
 */
import { ALLOW_OOM, writing } from './common.ts'

const PARSE = `
local function parse(i)
  local c = { P = KEYS[tonumber(ARGV[i])], run = ARGV[i + 1], owner = ARGV[i + 2], epoch = ARGV[i + 3], expected = tonumber(ARGV[i + 4]),
    count = tonumber(ARGV[i + 5]), text = ARGV[i + 6], patch = {}, handled = {}, withdrawn = {}, tasks = {} }
  i = i + 7
  while true do
    local part = ARGV[i]
    i = i + 1
    if part == 'E' then return c, i
    elseif part == 'F' then c.final = true
    elseif part == 'R' then c.release = true
    elseif part == 'C' then
      c.create = { ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5] }
      i = i + 6
    elseif part == 'T' then
      c.tasks[#c.tasks + 1] = { ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4] }
      i = i + 5
    else
      local n = tonumber(ARGV[i])
      local list = part == 'P' and c.patch or part == 'H' and c.handled or c.withdrawn
      for j = 1, n do list[j] = ARGV[i + j] end
      if part == 'P' then c.patched = true end
      i = i + n + 1
    end
  end
end
`

const CHECK = `
-- Most calls speak for one owner.
local known, knownOwner, knownEpoch = {}, nil, nil
local function alive(P, owner, epoch)
  if owner ~= knownOwner or epoch ~= knownEpoch then known, knownOwner, knownEpoch = {}, owner, epoch end
  local yes = known[P]
  if yes == nil then
    yes = live(P, owner, epoch)
    known[P] = yes
  end
  return yes
end
local function refused(c)
  if not alive(c.P, c.owner, c.epoch) then return 'f' end
  local R = c.P .. ':r:' .. c.run
  if c.create then
    local there = call('HMGET', R, 'w', 'x')
    if there[1] then return 'x' .. ((there[1] == c.create[1] and there[2] == c.create[4]) and '1' or '0') end
    return call('EXISTS', c.P .. ':v:' .. c.run) == 1 and 'v' or nil
  end
  local holder = call('HGET', R, 'o')
  if not holder then return 'c0' end
  if holder ~= c.owner then return 'f' end
  local seq = call('LLEN', c.P .. ':h:' .. c.run)
  return seq ~= c.expected and 'c' .. seq or nil
end
`

const WRITE = `
local function append(c)
  if c.count == 0 then return end
  local H = c.P .. ':h:' .. c.run
  if c.count == 1 then call('RPUSH', H, c.text) return end
  local list = { c.text }
  for j = 2, c.count do
    list[#list + 1] = ''
    if #list == 1000 then call('RPUSH', H, unpack(list)) list = {} end
  end
  if #list > 0 then call('RPUSH', H, unpack(list)) end
end
local function enqueue(c)
  local T = c.P .. ':t:' .. c.run
  for _, task in ipairs(c.tasks) do
    local queue, priority, worker, token = task[1], task[2], task[3], task[4]
    if call('HEXISTS', T, token) == 0 then
      local member = (9 - priority) .. string.format('%016.0f', nextNo(c.P, now)) .. c.run .. '/' .. token
      call('HSET', T, token, task[5], token .. ':m', cmsgpack.pack({ q = queue, w = worker, m = member, p = priority }))
      call('ZADD', queueKey(c.P, queue, worker), 0, member)
    end
  end
end
local function handle(c, owner)
  local I = c.P .. ':i:' .. c.run
  for _, id in ipairs(c.handled) do call('ZREMRANGEBYSCORE', I, id, id) end
  local first = call('ZRANGE', I, 0, 0, 'WITHSCORES')
  if first[2] then call('ZADD', toldKey(c.P, owner), 'XX', first[2], c.run)
  else call('ZREM', toldKey(c.P, owner), c.run) end
end
local function discard(c, owner)
  local T = c.P .. ':t:' .. c.run
  for _, field in ipairs(call('HKEYS', T)) do
    if string.sub(field, -2) ~= ':m' then dropTask(c.P, c.run, field) end
  end
  call('DEL', c.P .. ':i:' .. c.run)
  call('ZREM', toldKey(c.P, owner), c.run)
end
local function created(c)
  local w = c.create
  local state, wake, holder = 'pending', '', c.owner
  local R = c.P .. ':r:' .. c.run
  call('HSET', R, 'w', w[1], 'd', w[2], 'x', w[4], 's', state, 'o', holder, 'q', 0, 'c', w[5], 'u', w[5])
  if w[3] ~= '' then call('HSET', R, 'k', w[3]) end
  if w[6] ~= '' then
    call('HSET', R, 'p', w[6])
    call('ZADD', c.P .. ':kids:' .. w[6], w[5], c.run)
  end
  call('ZADD', c.P .. ':ids', 0, c.run)
  call('ZADD', c.P .. ':s:' .. state, w[5], c.run)
  call('ZADD', ownKey(c.P, holder), 'inf', c.run)
end
local function changed(c)
  local R = c.P .. ':r:' .. c.run
  local before = call('HMGET', R, 's', 'c', 'a')
  local fields = { 'q', call('LLEN', c.P .. ':h:' .. c.run), 'u', int(now) }
  local state, wake = before[1], before[3] or ''
  for j = 1, #c.patch, 2 do
    if c.patch[j] == 's' then state = c.patch[j + 1] end
    if c.patch[j] == 'a' then wake = c.patch[j + 1] end
    fields[#fields + 1] = c.patch[j]
    fields[#fields + 1] = c.patch[j + 1]
  end
  if c.final or c.release then fields[#fields + 1] = 'o' fields[#fields + 1] = '' end
  if c.final then
    fields[#fields + 1] = 'a' fields[#fields + 1] = ''
    fields[#fields + 1] = 'z' fields[#fields + 1] = '1'
  end
  call('HSET', R, unpack(fields))
  if state ~= before[1] then
    call('ZREM', c.P .. ':s:' .. before[1], c.run)
    call('ZADD', c.P .. ':s:' .. state, before[2], c.run)
  end
  if c.final then
    call('ZREM', ownKey(c.P, c.owner), c.run)
    discard(c, c.owner)
  elseif c.release then
    call('ZREM', ownKey(c.P, c.owner), c.run)
    call('ZADD', ownKey(c.P, ''), wake == '' and 'inf' or wake, c.run)
    local told = call('ZSCORE', toldKey(c.P, c.owner), c.run)
    if told then
      call('ZREM', toldKey(c.P, c.owner), c.run)
      call('ZADD', toldKey(c.P, ''), told, c.run)
    end
  elseif wake ~= (before[3] or '') then
    call('ZADD', ownKey(c.P, c.owner), wake == '' and 'inf' or wake, c.run)
  end
end
`

const BODY = `${PARSE}${CHECK}${WRITE}
local i, words, total = 4, {}, #ARGV
-- A step of a run: one event and nothing else. Most commits are so, and a table each costs more than Redis does.
local function plain(j)
  local P, run, owner = KEYS[tonumber(ARGV[j])], ARGV[j + 1], ARGV[j + 2]
  if not alive(P, owner, ARGV[j + 3]) then return 'f' end
  local holder = call('HGET', P .. ':r:' .. run, 'o')
  if not holder then return 'c0' end
  if holder ~= owner then return 'f' end
  local H = P .. ':h:' .. run
  local seq = call('LLEN', H)
  if seq ~= tonumber(ARGV[j + 4]) then return 'c' .. seq end
  local count = tonumber(ARGV[j + 5])
  if count == 1 then call('RPUSH', H, ARGV[j + 6])
  elseif count == 2 then call('RPUSH', H, ARGV[j + 6], '')
  elseif count > 0 then append({ P = P, run = run, count = count, text = ARGV[j + 6] }) end
  return 'k'
end
while i <= total do
  while ARGV[i + 7] == 'E' do
    words[#words + 1] = plain(i)
    i = i + 8
  end
  if i > total then break end
  local c
  c, i = parse(i)
  local no = refused(c)
  if not no then
    if c.create then created(c) end
    append(c)
    if #c.handled > 0 then handle(c, c.owner) end
    for _, token in ipairs(c.withdrawn) do dropTask(c.P, c.run, token) end
    if #c.tasks > 0 then enqueue(c) end
    if c.patched then changed(c) end
  end
  words[#words + 1] = no or 'k'
end
answer = table.concat(words, ' ')
`

/** Refused when memory is full. */
export const COMMIT_NEW = writing(BODY)
/** For calls that create nothing. */
export const COMMIT = writing(BODY, ALLOW_OOM)
