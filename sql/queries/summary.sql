-- summary: what the mirror has, does and lacks, one fact a row.
--
-- Columns:
--   fact   what it is
--   value  how much, or when (UTC)
SELECT 'files' AS fact, count(*) AS value FROM entry
UNION ALL SELECT 'bytes', coalesce(sum(size), 0) FROM entry
UNION ALL SELECT 'files signed', count(*) FROM entry WHERE verdict = 'signed'
UNION ALL SELECT 'files never asked for', count(*) FROM entry WHERE hits = 0
UNION ALL SELECT 'newest file stored', datetime(max(stored_at), 'unixepoch') FROM entry
UNION ALL SELECT 'files stored in 24 hours', count(*) FROM entry WHERE stored_at >= unixepoch() - 86400
UNION ALL SELECT 'rows of the ledger', count(*) FROM provenance
UNION ALL SELECT 'files refused in 30 days', count(*) FROM provenance
    WHERE verdict IN ('changed', 'bad') AND finished_at >= unixepoch() - 30 * 86400
UNION ALL SELECT 'changed files that wait for an operator', count(*) FROM changed
UNION ALL SELECT 'transfers in flight', count(*) FROM fetch WHERE state = 'running'
UNION ALL SELECT 'fetches failed in 24 hours', count(*) FROM fetch
    WHERE state = 'failed' AND updated_at >= unixepoch() - 86400 AND class <> 'absent'
UNION ALL SELECT 'files wanted', count(*) FROM want
UNION ALL SELECT 'requests in 30 days', coalesce(sum(count), 0) FROM hit WHERE day > date('now', '-30 days')
UNION ALL SELECT 'bytes sent in 30 days', coalesce(sum(bytes), 0) FROM hit WHERE day > date('now', '-30 days')
UNION ALL SELECT 'document ' || name || ' fetched', iif(fetched_at = 0, 'never', datetime(fetched_at, 'unixepoch')) FROM source;
