-- A token bucket for each client address (IPv6: each /64): RATE requests a second, BURST at once. Run by mod_magnet for each
-- request; see rate-limit.conf. More than RATE is refused with 429 and Retry-After. A checker that asks for every file of a
-- release in a row must get through: do not make these small.
local RATE, BURST, MOST = 50, 200, 20000

-- What lives from one request to the next must hang on something that does.
local state = package.loaded["pkgmirror.rate-limit"]
if not state then
    state = { buckets = {}, count = 0 }
    package.loaded["pkgmirror.rate-limit"] = state
end

local address = lighty.r.req_attr["request.remote-addr"] or ""
local network = address:find(":", 1, true) and address:match("^(%x*:%x*:%x*:%x*)") or address
local now = os.time()
local bucket = state.buckets[network]
if not bucket then
    if state.count >= MOST then
        -- Forgetting everybody is cheap and hurts nobody.
        state.buckets, state.count = {}, 0
    end
    bucket = { left = BURST, at = now }
    state.buckets[network] = bucket
    state.count = state.count + 1
end
bucket.left = math.min(BURST, bucket.left + (now - bucket.at) * RATE)
bucket.at = now
if bucket.left >= 1 then
    bucket.left = bucket.left - 1
    return 0
end
lighty.r.resp_header["Retry-After"] = "2"
lighty.r.resp_header["Content-Type"] = "text/plain; charset=utf-8"
lighty.r.resp_body:set("too many requests from your network\n")
return 429
