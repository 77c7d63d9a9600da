-- Every statement that the programs run, by name. build-aux/embed-sql.awk makes C constants of them.

-- name: setup_checks
PRAGMA cell_size_check = ON;

-- name: setup_temporary
PRAGMA temp_store = MEMORY;

-- name: setup_reader
PRAGMA query_only = ON;

-- name: setup_wal
PRAGMA journal_mode = WAL;

-- name: setup_truncate
-- On a network file system, where WAL does not work.
PRAGMA journal_mode = TRUNCATE;

-- name: setup_writer
PRAGMA synchronous = NORMAL;

-- name: setup_lasting
-- Of one transaction: what it commits must outlast a power cut.
PRAGMA synchronous = FULL;

-- name: setup_leaving
-- Before a writer closes: the write-ahead log, which stays, is cut to nothing.
PRAGMA journal_size_limit = 0;

-- name: application_id
PRAGMA application_id;

-- name: user_version
PRAGMA user_version;

-- name: schema_count
SELECT count(*) FROM sqlite_schema;

-- name: begin
BEGIN IMMEDIATE;

-- name: begin_read
BEGIN;

-- name: commit
COMMIT;

-- name: rollback
ROLLBACK;

-- name: entry_put
-- Inserts an entry; a file that came again keeps its hits.
INSERT INTO entry (path, kind, class, version, size, sha256, blake2b, zig_hash, zig_multihash, verdict, stored_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT (path) DO UPDATE SET kind = excluded.kind, class = excluded.class, version = excluded.version,
    size = excluded.size, sha256 = excluded.sha256, blake2b = excluded.blake2b, zig_hash = excluded.zig_hash,
    zig_multihash = excluded.zig_multihash, verdict = excluded.verdict, stored_at = excluded.stored_at;

-- name: entry_remove
DELETE FROM entry WHERE path = ?1;

-- name: provenance_add
-- Appends a row to the ledger, chained to the last one: its hash is made of the hash before it, a line feed, and its columns as SQL
-- literals. queries/ledger.sql has the same text. What is no UTF-8 would make a broken JSON of it.
INSERT INTO provenance (path, requested_url, effective_url, remote_address, tls_issuer, tls_sha256, http_status, etag,
    last_modified, started_at, finished_at, bytes, sha256, content, key_id, trusted_comment, verdict, reason, previous, hash)
WITH row (path, requested_url, effective_url, remote_address, tls_issuer, tls_sha256, http_status, etag,
    last_modified, started_at, finished_at, bytes, sha256, content, key_id, trusted_comment, verdict, reason) AS (
    SELECT ?1, utf8_text(?2), utf8_text(?3), ?4, utf8_text(?5), ?6, ?7, utf8_text(?8), utf8_text(?9), ?10, ?11, ?12, ?13, ?14, ?15,
        utf8_text(?16), ?17, utf8_text(?18))
SELECT row.*, previous, chain_hash(previous,
        format('%Q,%Q,%Q,%Q,%Q,%Q,%d,%Q,%Q,%d,%d,%d,%Q,%Q,%Q,%Q,%Q,%Q', path, requested_url, effective_url,
            remote_address, tls_issuer, tls_sha256, http_status, etag, last_modified, started_at, finished_at, bytes, sha256,
            content, key_id, trusted_comment, verdict, reason))
FROM row, (SELECT coalesce((SELECT hash FROM provenance ORDER BY id DESC LIMIT 1), '') AS previous);

-- name: fetch_started
INSERT INTO fetch (path, url, etag, last_modified, size, state, started_at, updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, 'running', ?6, ?6)
ON CONFLICT (path) DO UPDATE SET url = excluded.url, etag = excluded.etag, last_modified = excluded.last_modified,
    size = excluded.size, state = 'running', class = '', reason = '', updated_at = excluded.updated_at, until = 0;

-- name: fetch_failed
INSERT INTO fetch (path, url, state, class, reason, started_at, updated_at, until)
VALUES (?1, ?2, 'failed', ?3, ?4, ?5, ?5, ?6)
ON CONFLICT (path) DO UPDATE SET state = 'failed', class = excluded.class, reason = excluded.reason,
    updated_at = excluded.updated_at, until = excluded.until;

-- name: fetch_trim
-- Keeps the table small whatever strangers ask for: failures that are over, the oldest first.
DELETE FROM fetch WHERE path IN (
    SELECT path FROM fetch WHERE state = 'failed' AND updated_at < ?1 ORDER BY updated_at LIMIT 64);

-- name: fetch_bound
DELETE FROM fetch WHERE path IN (
    SELECT path FROM fetch WHERE state = 'failed' ORDER BY updated_at DESC LIMIT 64 OFFSET ?1);

-- name: fetch_forget
DELETE FROM fetch WHERE path = ?1;

-- name: fetch_get
SELECT url, etag, last_modified, size, state, class, reason, until FROM fetch WHERE path = ?1;

-- name: want_put
INSERT INTO want (path, why, priority, added_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (path) DO UPDATE SET priority = min(priority, excluded.priority) WHERE excluded.priority < priority;

-- name: want_remove
DELETE FROM want WHERE path = ?1;

-- name: artifact_get
-- What an index says of a file: what is listed now before what was, a release before master, upstream before the nominated index; and
-- whether the nominated index gives it, or gave it, a key of its own: who was nominated stays so.
SELECT a.url, a.sha256, a.size, EXISTS (
    SELECT 1 FROM artifact n JOIN release r ON r.source = n.source AND r.key = n.key
    WHERE n.file = ?1 AND n.source = 'nominated' AND r.class = 'nominated')
FROM artifact a WHERE a.file = ?1
ORDER BY a.retired, a.source, a.key = 'master' LIMIT 1;

-- name: version_files
SELECT DISTINCT file FROM artifact WHERE version = ?1 AND NOT retired;

-- name: source_get
SELECT etag, last_modified, fetched_at, failures, next_try, url FROM source WHERE name = ?1;

-- name: source_checked
INSERT INTO source (name, url, etag, last_modified, fetched_at)
VALUES (?1, ?2, nullif(?3, ''), nullif(?4, ''), ?5)
ON CONFLICT (name) DO UPDATE SET url = excluded.url, etag = coalesce(excluded.etag, etag),
    last_modified = coalesce(excluded.last_modified, last_modified), fetched_at = excluded.fetched_at, failures = 0,
    next_try = 0;

-- name: source_failed
-- The URL stays that of the last good document.
INSERT INTO source (name, url, failures, next_try) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (name) DO UPDATE SET failures = excluded.failures, next_try = excluded.next_try;

-- name: source_put
-- Stores a document that was judged good.
INSERT INTO source (name, url, etag, last_modified, fetched_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (name) DO UPDATE SET url = excluded.url, etag = excluded.etag, last_modified = excluded.last_modified,
    fetched_at = excluded.fetched_at, failures = 0, next_try = 0, body = excluded.body;

-- name: document_is_json
SELECT CASE WHEN json_valid(?1) THEN json_type(?1) = 'object' ELSE 0 END;

-- name: document_duplicate
-- A key that stands twice in one object.
SELECT substr(max(fullkey), 3) FROM json_tree(?1) WHERE typeof(key) = 'text' GROUP BY parent, key HAVING count(*) > 1 LIMIT 1;

-- name: document_not_object
SELECT key FROM json_each(?1) WHERE type <> 'object' LIMIT 1;

-- name: document_releases
SELECT key, value, CASE WHEN json_type(value, '$.version') = 'text' THEN value ->> '$.version' ELSE key END,
    CASE WHEN json_type(value, '$.date') = 'text' THEN value ->> '$.date' END
FROM json_each(?1) WHERE type = 'object' ORDER BY id;

-- name: document_artifacts
SELECT v.key, p.key,
    CASE WHEN json_type(p.value, '$.tarball') = 'text' THEN p.value ->> '$.tarball' END,
    CASE WHEN json_type(p.value, '$.zigTarball') = 'text' THEN p.value ->> '$.zigTarball' END,
    CASE WHEN json_type(p.value, '$.shasum') = 'text' THEN p.value ->> '$.shasum' END,
    CASE WHEN json_type(p.value, '$.size') IN ('text', 'integer') THEN p.value ->> '$.size' END
FROM json_each(?1) v, json_each(v.value) p
WHERE v.type = 'object' AND p.type = 'object' AND json_type(p.value, '$.tarball') IS NOT NULL ORDER BY v.id, p.id;

-- name: release_dropped
SELECT key, version FROM release
WHERE source = ?1 AND NOT retired AND key NOT IN (SELECT key FROM json_each(?2)) ORDER BY position;

-- name: release_retire
UPDATE release SET retired = 1 WHERE source = ?1 AND NOT retired;

-- name: release_put
INSERT INTO release (source, key, position, version, date, class, fields) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (source, key) DO UPDATE SET position = excluded.position, version = excluded.version, date = excluded.date,
    class = excluded.class, retired = 0, fields = excluded.fields;

-- name: artifact_count
SELECT count(*) FROM artifact WHERE source = ?1 AND NOT retired AND key <> 'master'
    AND EXISTS (SELECT 1 FROM source WHERE name = ?1 AND url = ?2);

-- name: artifact_retire
UPDATE artifact SET retired = 1 WHERE source = ?1 AND NOT retired;

-- name: artifact_put
INSERT INTO artifact (file, source, key, target, version, url, sha256, size) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (file, source, key, target) DO UPDATE SET version = excluded.version, url = excluded.url,
    sha256 = excluded.sha256, size = excluded.size, retired = 0;

-- name: index_build
-- This mirror's index.json: upstream's releases in its order, those that upstream dropped while we have a file of theirs, then what
-- only the nominated index has. Each tarball is on this mirror (?1 is its base), the original stays as zigTarball; a file that was refused at
-- the import is left out. Numbers are taken as they are written, not as they are read: those of any size stay what they are.
WITH upstream (rank, position, source, key, retired, fields) AS (
    SELECT r.retired, r.position, r.source, r.key, r.retired, r.fields FROM release r
    WHERE r.source = 'index' AND (NOT r.retired OR r.key <> 'master' AND EXISTS (
        SELECT 1 FROM artifact a JOIN entry e ON e.path = ?2 || a.file
        WHERE a.source = r.source AND a.key = r.key))
), part AS (
    SELECT * FROM upstream
    UNION ALL
    SELECT 2, r.position, r.source, r.key, r.retired, r.fields FROM release r
    WHERE r.source = 'nominated' AND NOT r.retired AND r.key NOT IN (SELECT key FROM upstream)
)
SELECT json_group_object(key, json(object)) FROM (
    SELECT part.key AS key, (
        -- The outer json() is needed: a sorted subquery hands on text, not JSON.
        SELECT json_group_object(field.key, CASE WHEN field.is_text THEN field.value ELSE json(field.value) END) FROM (
            SELECT f.key AS key, f.type = 'text' AS is_text, CASE
                WHEN f.type = 'object' AND a.file IS NOT NULL THEN json_set(
                    CASE WHEN json_type(f.value, '$.zigTarball') IS NULL
                        THEN json_set(f.value, '$.zigTarball', f.value ->> '$.tarball') ELSE f.value END,
                    '$.tarball', ?1 || a.file)
                WHEN f.type IN ('true', 'false', 'null') THEN f.type
                WHEN f.type IN ('integer', 'real') AND f.key NOT GLOB '*["\]*' THEN part.fields -> ('$."' || f.key || '"')
                ELSE f.value END AS value
            FROM json_each(part.fields) f
            LEFT JOIN artifact a ON f.type = 'object' AND a.source = part.source AND a.key = part.key AND a.target = f.key
                AND a.retired <= part.retired
                AND substr(f.value ->> '$.tarball', -length(a.file) - 1) = '/' || a.file
            WHERE f.type <> 'object' OR a.file IS NOT NULL OR json_type(f.value, '$.tarball') IS NULL
            ORDER BY f.id
        ) field
    ) AS object
    FROM part ORDER BY rank, position
);

-- name: index_any
SELECT 1 FROM release WHERE source = 'index' LIMIT 1;
