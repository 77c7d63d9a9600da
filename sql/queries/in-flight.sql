-- in-flight: what is being fetched, the oldest first.
--
-- A row that is older than the fetch service is what a crash left: the next request for the path goes on with it.
--
-- Columns:
--   path     what is fetched
--   url      from where
--   size     bytes, as far as known
--   started  when (UTC)
--   seconds  since when, in seconds
SELECT path, url, size, datetime(started_at, 'unixepoch') AS started, unixepoch() - started_at AS seconds
FROM fetch WHERE state = 'running' ORDER BY started_at, path;
