-- What /-/provenance/PATH answers: docs/provenance.md, docs/provenance.schema.json.

-- name: attest_transfers
-- The rows of the ledger about ?1, the newest first: the newest 256, and the one that brought what is stored.
SELECT json_group_array(json(object)) FROM (
    SELECT json_object('row', id, 'requestedUrl', requested_url, 'effectiveUrl', effective_url, 'remoteAddress', remote_address,
        'tlsIssuer', tls_issuer, 'tlsSha256', tls_sha256, 'httpStatus', http_status, 'etag', etag, 'lastModified', last_modified,
        'startedAt', strftime('%Y-%m-%dT%H:%M:%SZ', started_at, 'unixepoch'),
        'finishedAt', strftime('%Y-%m-%dT%H:%M:%SZ', finished_at, 'unixepoch'), 'bytes', bytes, 'sha256', sha256, 'content', content,
        'keyId', key_id, 'trustedComment', trusted_comment, 'verdict', verdict, 'reason', reason, 'previous', previous, 'hash', hash) AS object
    FROM provenance WHERE id IN (
        SELECT id FROM (SELECT id FROM provenance WHERE path = ?1 ORDER BY id DESC LIMIT 256)
        UNION
        SELECT max(p.id) FROM entry e JOIN provenance p ON p.path = e.path AND p.sha256 = e.sha256
        WHERE e.path = ?1 AND p.http_status <> 0 AND p.verdict NOT IN ('changed', 'bad'))
    ORDER BY id DESC);

-- name: attest_statement
-- The in-toto statement about the file that is stored at ?1; ?2 is the mirror's URL, ?3 the transfers. Upstream is the newest one that brought
-- just this content.
SELECT json_object('_type', 'https://in-toto.io/Statement/v1',
    'subject', json_array(json_object('name', e.path, 'digest', json_object('sha256', e.sha256, 'blake2b', e.blake2b))),
    'predicateType', 'urn:pkgmirror:provenance:1',
    'predicate', json_object('mirror', ?2, 'url', ?2 || '/' || e.path, 'kind', e.kind, 'class', e.class, 'version', e.version,
        'size', e.size, 'verdict', e.verdict, 'zigHash', e.zig_hash, 'zigMultihash', e.zig_multihash,
        'storedAt', strftime('%Y-%m-%dT%H:%M:%SZ', e.stored_at, 'unixepoch'),
        'upstream', json((SELECT value FROM json_each(?3) WHERE value ->> '$.sha256' = e.sha256 AND value ->> '$.httpStatus' <> 0
            AND value ->> '$.verdict' NOT IN ('changed', 'bad') ORDER BY key LIMIT 1)),
        'transfers', json(?3), 'transfersTotal', (SELECT count(*) FROM provenance WHERE path = ?1)))
FROM entry e WHERE e.path = ?1;

-- name: attest_document
-- The document about ?1: ?2 the mirror's URL, ?3 the transfers, ?4 the statement; ?5 its base64, ?6 the key's id and ?7 the signature of the
-- envelope.
SELECT json_object('version', 1, 'path', ?1, 'url', ?2 || '/' || ?1, 'statement', json(?4),
    'envelope', iif(?5 IS NULL, NULL, json_object('payloadType', 'application/vnd.in-toto+json', 'payload', ?5,
        'signatures', json_array(json_object('keyid', ?6, 'sig', ?7)))),
    'transfers', json(?3), 'transfersTotal', (SELECT count(*) FROM provenance WHERE path = ?1))
WHERE ?4 IS NOT NULL OR EXISTS (SELECT 1 FROM provenance WHERE path = ?1);
