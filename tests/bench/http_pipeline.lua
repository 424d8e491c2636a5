-- SPDX-License-Identifier: MIT
-- tests/bench/http_pipeline.lua - wrk(1) sends so many requests at once: wrk -s FILE URL -- 16
function init(args)
	local requests = {}
	for i = 1, tonumber(args[1]) do
		requests[i] = wrk.format()
	end
	all = table.concat(requests)
end

function request()
	return all
end
