-- What verify, prune, adopt, export and import ask of the entries: mirror/catalog_keep.h.

-- name: keep_next
-- The entry after a path.
SELECT path, kind, class, version, size, sha256, blake2b, zig_hash, zig_multihash, verdict, stored_at, last_hit_at
FROM entry WHERE path > ?1 ORDER BY path LIMIT 1;

-- name: keep_get
SELECT path, kind, class, version, size, sha256, blake2b, zig_hash, zig_multihash, verdict, stored_at, last_hit_at
FROM entry WHERE path = ?1;

-- name: keep_oldest
-- The entries of a class by their last use. A signature goes with its file.
SELECT path, size, max(coalesce(last_hit_at, 0), stored_at) AS used_at, class FROM entry e
WHERE class IN (SELECT value FROM json_each(?1))
    AND NOT (path LIKE '%.minisig' AND EXISTS (SELECT 1 FROM entry b WHERE b.path = substr(e.path, 1, length(e.path) - 8)))
ORDER BY used_at, path;

-- name: keep_bytes
SELECT coalesce(sum(size), 0) FROM entry;

-- name: cursor_get
SELECT value FROM cursor WHERE name = ?1;

-- name: cursor_put
INSERT INTO cursor (name, value, at) VALUES (?1, ?2, ?3)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at;

-- name: cursor_remove
DELETE FROM cursor WHERE name = ?1;

-- name: artifact_from_upstream
-- Whether a file is listed by a document that came from an upstream, not out of a bundle.
SELECT 1 FROM artifact a JOIN source s ON s.name = a.source WHERE a.file = ?1 AND s.url NOT LIKE 'file:%' LIMIT 1;
