-- largest: the largest files.
--
-- Parameters:
--   class  text = ''    only this class: stable, nominated, dev, package or artifact; empty: all
--   limit  number = 20  rows at most
--
-- Columns:
--   path        where it is served
--   class       its class
--   size        bytes
--   stored      when it was stored (UTC)
--   last_asked  when it was last asked for
--   hits        how often
SELECT e.path, e.class, e.size, datetime(e.stored_at, 'unixepoch') AS stored, datetime(e.last_hit_at, 'unixepoch') AS last_asked, e.hits
FROM (SELECT path, size FROM entry WHERE :class = '' OR class = :class ORDER BY size DESC, path LIMIT :limit) l
JOIN entry e ON e.path = l.path ORDER BY l.size DESC, l.path;
