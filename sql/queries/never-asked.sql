-- never-asked: files that nobody has asked for since they were stored, the oldest first.
--
-- Hits that the web server answers by itself are counted as far as its log is folded in.
--
-- Parameters:
--   days   number = 30  only files that have been here for so many days
--   limit  number = 50  rows at most
--
-- Columns:
--   path    where it is served
--   class   its class
--   size    bytes
--   stored  when it was stored (UTC)
SELECT path, class, size, datetime(stored_at, 'unixepoch') AS stored
FROM entry WHERE hits = 0 AND stored_at < unixepoch() - 86400 * :days ORDER BY stored_at, path LIMIT :limit;
