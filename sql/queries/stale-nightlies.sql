-- stale-nightlies: versions of nightlies that nobody has asked for in some time, the longest unused first.
--
-- Parameters:
--   days   number = 90  since when nobody asked; a file that nobody ever asked for counts from when it was stored
--   limit  number = 50  rows at most
--
-- Columns:
--   version  the version
--   files    how many files of it there are
--   bytes    their size
--   used     when a file of it was last asked for, or stored (UTC)
--   asked    how often its files were asked for
SELECT version, count(*) AS files, sum(size) AS bytes, datetime(max(coalesce(last_hit_at, stored_at)), 'unixepoch') AS used,
    sum(hits) AS asked
FROM entry INDEXED BY entry_nightly WHERE class = 'dev' GROUP BY version
HAVING max(coalesce(last_hit_at, stored_at)) < unixepoch() - 86400 * :days
ORDER BY max(coalesce(last_hit_at, stored_at)), version LIMIT :limit;
