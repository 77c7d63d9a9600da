-- ledger: verifies the chain of the ledger, and names the first row that does not fit.
--
-- The hash of a row is the SHA3-256 of the hash of the row before it (nothing before the first), a line feed, and its columns as SQL
-- literals with commas between them. A row cannot be altered, removed or put in without a change of all that follow. Keep the last
-- hash elsewhere (to=ROW shows that of any row again) and you will see that too.
--
-- Parameters:
--   from  number = 0  the row to begin at, whose own place is judged too; 0: 100,000 rows before the last; 1: the whole ledger
--   to    number = 0  the row to end at; 0: the last
--
-- Columns:
--   result  ok, or BROKEN
--   row     the first row that does not fit; when all do, the last one
--   hash    the hash of that row
--   begun   the row that was begun at
--   rows    how many rows were read and fit
--   reason  what does not fit
--
-- Fails: BROKEN
WITH span (first, last) AS (
    SELECT iif(:from = 0, max(1, max(id) - 99999), :from), iif(:to = 0, max(id), :to) FROM provenance),
judged AS (
    SELECT id, hash, CASE
        WHEN previous IS NOT coalesce((SELECT b.hash FROM provenance b WHERE b.id < p.id ORDER BY b.id DESC LIMIT 1), '')
            THEN 'it does not follow the row before it'
        WHEN hash IS NOT lower(hex(sha3(previous || char(10) ||
        format('%Q,%Q,%Q,%Q,%Q,%Q,%d,%Q,%Q,%d,%d,%d,%Q,%Q,%Q,%Q,%Q,%Q', path, requested_url, effective_url,
            remote_address, tls_issuer, tls_sha256, http_status, etag, last_modified, started_at, finished_at, bytes, sha256,
            content, key_id, trusted_comment, verdict, reason), 256)))
            THEN 'its columns are not those that its hash was made of' END AS reason
    FROM provenance p WHERE id BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)),
broken AS MATERIALIZED (SELECT id, hash, reason FROM judged WHERE reason IS NOT NULL ORDER BY id LIMIT 1),
lost AS MATERIALIZED (
    -- A number is never given twice: SQLite keeps the highest.
    SELECT kept + 1 AS id FROM (SELECT coalesce((SELECT max(id) FROM provenance), 0) AS kept)
    WHERE :to = 0 AND NOT EXISTS (SELECT 1 FROM broken) AND kept < (SELECT seq FROM sqlite_sequence WHERE name = 'provenance'))
SELECT iif(b.id IS NULL AND l.id IS NULL, 'ok', 'BROKEN') AS result,
    coalesce(b.id, l.id, (SELECT max(id) FROM provenance WHERE id <= s.last)) AS row,
    CASE WHEN b.id IS NOT NULL THEN b.hash WHEN l.id IS NULL THEN
        (SELECT hash FROM provenance WHERE id <= s.last ORDER BY id DESC LIMIT 1) END AS hash,
    s.first AS begun,
    (SELECT count(*) FROM provenance WHERE id BETWEEN s.first AND coalesce(b.id - 1, s.last)) AS rows,
    coalesce(b.reason, iif(l.id IS NULL, NULL, 'it and what followed it was removed')) AS reason
FROM span s LEFT JOIN broken b LEFT JOIN lost l;
