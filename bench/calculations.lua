-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
--
-- wrk -s calculations.lua URL -- true|false TOKEN: asks for one calculation and waits for it; durable or not.

local question, generator
late = 0 -- answers without a result: 202, or an error

function setup(thread)
   generator = thread
end

function init(args)
   question = wrk.format("POST", "/api/calculations?wait=30s", {
      ["Content-Type"] = "application/json",
      ["Authorization"] = "Bearer " .. args[2],
   }, string.format('{"expression":"2/3+1","durable":%s}', args[1]))
end

function request()
   return question
end

function response(status)
   if status ~= 200 then
      late = late + 1
   end
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      'RESULT {"requests":%d,"usec":%d,"p50":%d,"p99":%d,"status_errors":%d,"socket_errors":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), generator:get("late"),
      errors.connect + errors.read + errors.write + errors.timeout))
end
