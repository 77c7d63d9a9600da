-- popular-by-source: which tools ask this mirror.
--
-- Parameters:
--   days   number = 30  within the last so many days, today included
--   limit  number = 20  rows at most
--
-- Columns:
--   source    the tool, as it names itself; - is who does not
--   requests  how often it asked for a file
--   bytes     what it was sent
--   files     how many files
--   last      the last day on which it came (UTC)
SELECT source, sum(count) AS requests, sum(bytes) AS bytes, count(DISTINCT path) AS files, max(day) AS last
FROM hit WHERE day >= date('now', '-' || (:days - 1) || ' days')
GROUP BY source ORDER BY requests DESC, source LIMIT :limit;
