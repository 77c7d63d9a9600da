-- Files whose class the index changes: mirror/catalog_class.h.

-- name: nominated_next
-- The first file (or signature) behind ?2, kept as a development build, that the nominated index gives a key of its own. ?1 is what
-- stands before a file's name in its path.
SELECT e.path FROM release r
JOIN artifact a ON a.source = r.source AND a.key = r.key
JOIN entry e ON e.path IN (?1 || a.file, ?1 || a.file || '.minisig')
WHERE r.source = 'nominated' AND r.class = 'nominated' AND e.class = 'dev' AND e.path > ?2
ORDER BY e.path LIMIT 1;

-- name: entry_nominate
UPDATE entry SET class = 'nominated' WHERE path = ?1 AND class = 'dev';
