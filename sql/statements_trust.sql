-- Trust on first use: mirror/catalog_trust.h.

-- name: trusted_content
-- What a path is known by: the content of its newest row that was published or accepted.
SELECT content FROM provenance
WHERE path = ?1 AND content IS NOT NULL AND verdict NOT IN ('changed', 'bad') ORDER BY id DESC LIMIT 1;

-- name: changed_get
SELECT content, known, sha256, requested_url, bytes, finished_at FROM changed WHERE path = ?1;
