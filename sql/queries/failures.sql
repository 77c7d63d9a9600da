-- failures: fetches that failed, and files that were refused, the newest first.
--
-- Parameters:
--   days   number = 7   within the last so many days
--   limit  number = 50  rows at most
--
-- Columns:
--   at      when (UTC)
--   kind    upstream, busy, full, system: the fetch failed; bad, changed: the file was refused and is in quarantine
--   path    what was fetched
--   url     from where
--   reason  what went wrong
SELECT datetime(at, 'unixepoch') AS at, kind, path, url, reason FROM (
    SELECT * FROM (
        SELECT updated_at AS at, class AS kind, path, url, reason FROM fetch
        WHERE state = 'failed' AND class NOT IN ('absent', 'integrity') AND updated_at >= unixepoch() - 86400 * :days
        ORDER BY updated_at DESC LIMIT :limit)
    UNION ALL
    SELECT * FROM (
        SELECT finished_at, verdict, path, requested_url, reason FROM provenance
        WHERE verdict IN ('changed', 'bad') AND finished_at >= unixepoch() - 86400 * :days
        ORDER BY finished_at DESC LIMIT :limit))
ORDER BY 1 DESC, path LIMIT :limit;
