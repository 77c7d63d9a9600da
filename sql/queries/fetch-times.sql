-- fetch-times: how long upstreams take to give a whole file, from the request to its last byte.
--
-- Parameters:
--   days  number = 90  within the last so many days; 0: ever
--
-- Columns:
--   upstream   scheme, host and port of the first URL
--   transfers  how many
--   p50        seconds: half of them took no longer
--   p90        nine of ten
--   p99        99 of 100
--   longest    the longest
--   rate       bytes a second over all of them
WITH counted AS MATERIALIZED (
    SELECT upstream, seconds, count(*) AS transfers, sum(bytes) AS bytes FROM provenance
    WHERE http_status <> 0 AND (:days = 0 OR finished_at >= unixepoch() - 86400 * :days)
    GROUP BY upstream, seconds),
placed AS (
    SELECT upstream, seconds, transfers, bytes, sum(transfers) OVER (PARTITION BY upstream ORDER BY seconds) AS upto,
        sum(transfers) OVER (PARTITION BY upstream) AS whole
    FROM counted)
SELECT upstream, max(whole) AS transfers, min(seconds) FILTER (WHERE upto >= whole * 0.5) AS p50,
    min(seconds) FILTER (WHERE upto >= whole * 0.9) AS p90, min(seconds) FILTER (WHERE upto >= whole * 0.99) AS p99,
    max(seconds) AS longest, CAST(sum(bytes) * 1.0 / max(1, sum(seconds * transfers)) AS INTEGER) AS rate
FROM placed GROUP BY upstream ORDER BY transfers DESC, upstream;
