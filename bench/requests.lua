-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
--
-- wrk -s requests.lua URL -- get|patch COUNT [TOKEN]: random products of COUNT.
-- The requests are made before the run: formatting one costs the generator as much as sending it.

local requests = {}

function init(args)
   local verb, count, token = args[1], tonumber(args[2]), args[3]
   math.randomseed(os.time())
   for i = 1, verb == "get" and count or 20000 do
      local code = verb == "get" and i or math.random(count)
      local path = string.format("/api/products/B%06d", code)
      if verb == "get" then
         requests[i] = wrk.format("GET", path, {})
      else
         local body = string.format('{"selling_price":"%d.%02d"}', math.random(999), math.random(0, 99))
         requests[i] = wrk.format("PATCH", path, {
            ["Content-Type"] = "application/merge-patch+json",
            ["Authorization"] = "Bearer " .. token,
         }, body)
      end
   end
end

function request()
   return requests[math.random(#requests)]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\nRESULT {"requests": %d, "usec": %d, "p50": %d, "p99": %d, "status_errors": %d, "socket_errors": %d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
      errors.connect + errors.read + errors.write + errors.timeout))
end
