-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
--
-- wrk -s records.lua URL -- [TOKEN]: adds records, each with a message of its own.

local headers = {["Content-Type"] = "application/json"}
local n = 0

function init(args)
   if args[1] then
      headers["Authorization"] = "Bearer " .. args[1]
   end
end

function request()
   n = n + 1
   return wrk.format("POST", "/api/records", headers, string.format('{"message":"record number %d of the benchmark"}', n))
end

function done(summary, latency, requests)
   io.write(string.format(
      'RESULT {"requests":%d,"usec":%d,"p50":%d,"p99":%d,"status_errors":%d,"socket_errors":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), summary.errors.status,
      summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
