-- missing: files that an index lists and this mirror does not have.
--
-- Parameters:
--   class   text = 'stable'  the class of the release: stable, nominated or dev; empty: all
--   prefix  text = 'zig'     the toolchain prefix of the configuration, without slashes
--   limit   number = 100     rows at most
--
-- Columns:
--   version  the version
--   target   what it is for
--   path     where it would be served
--   size     bytes
--   wanted   why it waits to be fetched; nothing: it does not
SELECT l.version, l.target, l.path, l.size, w.why AS wanted
FROM (
    SELECT r.date, a.version, a.target, a.size, iif(:prefix = '', '', :prefix || '/') || a.file AS path
    FROM release r JOIN artifact a ON a.source = r.source AND a.key = r.key
    WHERE NOT r.retired AND NOT a.retired AND (:class = '' OR r.class = :class)) l
LEFT JOIN want w ON w.path = l.path
WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.path = l.path)
ORDER BY l.date DESC, l.version, l.target LIMIT :limit;
