-- Bundles for a network without internet: mirror/catalog_bundle.h.

-- name: bundle_document
SELECT body FROM source WHERE name = ?1 AND body IS NOT NULL;

-- name: bundle_ledger
-- What the ledger has of a path, one JSON object a row.
SELECT json_object('id', id, 'path', path, 'requested_url', requested_url, 'effective_url', effective_url,
    'remote_address', remote_address, 'tls_issuer', tls_issuer, 'tls_sha256', tls_sha256, 'http_status', http_status,
    'etag', etag, 'last_modified', last_modified, 'started_at', started_at, 'finished_at', finished_at, 'bytes', bytes,
    'sha256', sha256, 'content', content, 'key_id', key_id, 'trusted_comment', trusted_comment, 'verdict', verdict,
    'reason', reason, 'previous', previous, 'hash', hash)
FROM provenance WHERE path = ?1 ORDER BY id;

-- name: bundle_witness
-- Files of a document (?1) that this mirror (?2: the prefix of its paths) has by signature: how many are as the document says, and the name
-- of one that is not.
WITH listed (file, sha256) AS (
    SELECT substr(t, length(rtrim(t, replace(t, '/', ''))) + 1), s FROM (
        SELECT p.value ->> '$.tarball' AS t, p.value ->> '$.shasum' AS s
        FROM json_each(?1) v, json_each(v.value) p WHERE v.type = 'object' AND p.type = 'object'))
SELECT coalesce(sum(e.sha256 = l.sha256), 0), max(iif(e.sha256 <> l.sha256, l.file, NULL))
FROM listed l CROSS JOIN entry e ON e.path = ?2 || l.file WHERE e.verdict = 'signed';

-- name: bundle_mark
-- A document that came in a bundle: the next one from upstream takes its place.
UPDATE source SET url = 'file:' || url, etag = NULL, last_modified = NULL, fetched_at = 0 WHERE name = ?1;

-- name: bundle_source
-- The URL that a document came from.
SELECT url FROM source WHERE name = ?1 AND body IS NOT NULL;
