-- by-upstream: what came from which upstream.
--
-- Parameters:
--   days  number = 0  within the last so many days; 0: ever
--
-- Columns:
--   upstream   scheme, host and port of the first URL
--   transfers  whole files
--   bytes      their size
--   refused    how many of them were refused
--   rate       bytes a second over all of them
--   last       when the last one came (UTC)
SELECT upstream, count(*) AS transfers, sum(bytes) AS bytes, sum(verdict IN ('changed', 'bad')) AS refused,
    CAST(sum(bytes) * 1.0 / max(1, sum(seconds)) AS INTEGER) AS rate, datetime(max(finished_at), 'unixepoch') AS last
FROM provenance
WHERE http_status <> 0 AND (:days = 0 OR finished_at >= unixepoch() - 86400 * :days)
GROUP BY upstream ORDER BY bytes DESC, upstream;
