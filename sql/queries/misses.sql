-- misses: what was asked for lately and upstream does not have, the newest first.
--
-- Parameters:
--   days   number = 7   within the last so many days
--   limit  number = 50  rows at most
--
-- Columns:
--   path   what was asked for
--   url    where it was looked for last
--   asked  when (UTC)
--   again  when upstream will be asked again, if somebody asks
SELECT path, url, datetime(updated_at, 'unixepoch') AS asked, iif(until > 0, datetime(until, 'unixepoch'), NULL) AS again
FROM fetch WHERE state = 'failed' AND class = 'absent' AND updated_at >= unixepoch() - 86400 * :days
ORDER BY updated_at DESC, path LIMIT :limit;
