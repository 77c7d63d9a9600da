-- What wrk counted, as one line of JSON: its own text rounds.
function done(summary, latency)
	local e = summary.errors
	io.write(string.format('{"requests": %d, "bytes": %d, "seconds": %.6f, "p99": %.6f, "bad": %d}\n', summary.requests, summary.bytes,
		summary.duration / 1e6, latency:percentile(99) / 1e6, e.status + e.connect + e.read + e.write + e.timeout))
end
