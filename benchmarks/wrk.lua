-- Each request is one phone of the list, in turn from a random place on: with a check-in of
-- its own (a new id, a filled-in form, the clock's time), or just asking for its page.
-- Arguments: the file of phones ("token zone date" a line), what to do (`me` or `check_in`), and
-- for check-ins the form's version and how many of a hundred reports tell of exercise sessions.
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init(arguments)
  phones, kind, form, exercised = {}, arguments[2], arguments[3], tonumber(arguments[4] or 0)
  for line in io.lines(arguments[1]) do
    local token, zone, date = line:match("^(%S+) (%S+) (%S+)$")
    phones[#phones + 1] = { zone = zone, date = date, headers = {
      ["Authorization"] = "Bearer " .. token,
      ["Content-Type"] = kind == "check_in" and "application/json" or nil,
    } }
  end
  local random = io.open("/dev/urandom", "rb")
  local seed = 0
  for byte in random:read(4):gmatch(".") do seed = seed * 256 + byte:byte() end
  random:close()
  math.randomseed(seed + number)
  run, sent, at = string.format("%08x-%04x", seed, number), 0, math.random(#phones)
end

local change = { "better", "same", "worse" }

local function check_in(phone)
  sent = sent + 1
  local now = os.time()
  return string.format(
    '{"id":"%s-7%03x-a%03x-%012x","date":"%s","recorded_at":"%s","time_zone":"%s","form_version":"%s",' ..
    '"answers":{"nrs_back":%d,"nrs_leg":%d,"weakness_change":"same","numbness_change":"%s",' ..
    '"saddle_numb":false,"bladder_bowel":"normal","chest":"none","calf":"none","wound":"dry",' ..
    '"temp_c":36.%d,"rigors":false,"fall":false,"walk_min":%d,"sit_tol_min":%d,"sleep_h":%d%s}}',
    run, math.random(0, 4095), math.random(0, 4095), sent,
    phone.date, os.date("!%Y-%m-%dT%H:%M:%SZ", now), phone.zone, form,
    math.random(0, 7), math.random(0, 7), change[math.random(1, 2)],
    math.random(3, 9), math.random(5, 60), math.random(10, 90), math.random(5, 9),
    math.random(100) <= exercised and ',"sessions_done":2' or "")
end

function request()
  at = at % #phones + 1
  local phone = phones[at]
  if kind == "check_in" then
    return wrk.format("POST", nil, phone.headers, check_in(phone))
  end
  return wrk.format("GET", nil, phone.headers)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"status":%d,"broken":%d,"p50_ms":%.3f,"p99_ms":%.3f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
