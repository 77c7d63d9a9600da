-- The lists of the pages for people: a template says {{each page_NAME}} and has the columns as values. They get their parameters as text.
-- size_text(bytes) and duration_text(seconds) are functions of mirror/catalog_sql.c.

-- name: page_releases
-- The newest stable, the newest nominated and the master release, as far as there is an index.
SELECT role, id, source, key, version, date FROM (
    SELECT 1 AS rank, 'Stable' AS role, 'stable' AS id, source, key, version, date FROM (
        SELECT source, key, version, date FROM release
        WHERE source = 'index' AND class = 'stable' AND NOT retired AND key <> 'master' ORDER BY position LIMIT 1)
    UNION ALL
    SELECT 2, 'Nominated', 'nominated', source, key, version, date FROM (
        SELECT r.source, r.key, r.version, r.date FROM release r
        WHERE r.source = 'nominated' AND r.class = 'nominated' AND NOT r.retired
            AND NOT EXISTS (SELECT 1 FROM release u WHERE u.source = 'index' AND u.key = r.key)
        ORDER BY r.date DESC, r.position LIMIT 1)
    UNION ALL
    SELECT 3, 'Development', 'master', source, key, version, date FROM release
    WHERE source = 'index' AND key = 'master' AND NOT retired
) ORDER BY rank;

-- name: page_files
-- The files of a release (?1 source, ?2 key), the visitor's platform (?3) first, source and bootstrap last.
SELECT a.target, a.file, size_text(a.size) AS size, a.sha256, iif(a.target = ?3, 'yes', '') AS yours
FROM artifact a WHERE a.source = ?1 AND a.key = ?2 AND NOT a.retired
ORDER BY a.target <> ?3, a.target IN ('src', 'bootstrap'), a.target;

-- name: page_yours
-- The newest stable release for the visitor's platform (?1).
SELECT a.target, a.file, r.version, size_text(a.size) AS size, a.sha256 FROM (
    SELECT source, key, version FROM release
    WHERE source = 'index' AND class = 'stable' AND NOT retired AND key <> 'master' ORDER BY position LIMIT 1) r
JOIN artifact a ON a.source = r.source AND a.key = r.key AND NOT a.retired WHERE a.target = ?1;

-- name: page_example
-- What the commands on the landing page name: the newest stable release, its file for a usual platform.
SELECT r.version, a.file FROM (
    SELECT source, key, version FROM release
    WHERE source = 'index' AND class = 'stable' AND NOT retired AND key <> 'master' ORDER BY position LIMIT 1) r
JOIN artifact a ON a.source = r.source AND a.key = r.key AND NOT a.retired
ORDER BY a.target <> ?1, a.target <> 'x86_64-linux', a.target LIMIT 1;

-- name: page_documents
-- How fresh the index documents are.
SELECT name, url, iif(fetched_at > 0, duration_text(unixepoch() - fetched_at), '') AS age,
    iif(failures > 0, CAST(failures AS TEXT), '') AS failures FROM source ORDER BY name;

-- name: page_classes
SELECT class, count(*) AS files, size_text(sum(size)) AS size,
    (SELECT coalesce(sum(a.hits), 0) FROM entry a WHERE a.class = e.class AND a.hits > 0) AS hits
FROM entry e GROUP BY class ORDER BY class;

-- name: page_total
SELECT count(*) AS files, size_text(coalesce(sum(size), 0)) AS size FROM entry;

-- name: page_growth
-- What was stored a day in the last 90 days, as bars of a chart 900 wide and 160 high.
WITH RECURSIVE past (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM past WHERE n < 89),
stored (day, files, bytes) AS (
    SELECT date(stored_at, 'unixepoch'), count(*), sum(size) FROM entry
    WHERE stored_at >= unixepoch('now', 'start of day', '-89 days') GROUP BY 1),
most (bytes) AS (SELECT max(1, coalesce(max(bytes), 0)) FROM stored)
SELECT s.day, s.files, size_text(s.bytes) AS size, p.n * 10 + 1 AS x,
    CAST(round(160 - 158.0 * s.bytes / most.bytes) AS INTEGER) AS y,
    CAST(round(158.0 * s.bytes / most.bytes) AS INTEGER) AS height
FROM past p CROSS JOIN most JOIN stored s ON s.day = date('now', printf('-%d days', 89 - p.n)) ORDER BY p.n;

-- name: page_traffic
-- Answers a day in the last 90 days, likewise.
WITH RECURSIVE past (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM past WHERE n < 89),
used (day, count, bytes) AS (
    SELECT day, sum(count), sum(bytes) FROM hit WHERE day >= date('now', '-89 days') GROUP BY day),
most (count) AS (SELECT max(1, coalesce(max(count), 0)) FROM used)
SELECT u.day, u.count, size_text(u.bytes) AS size, p.n * 10 + 1 AS x,
    CAST(round(160 - 158.0 * u.count / most.count) AS INTEGER) AS y,
    CAST(round(158.0 * u.count / most.count) AS INTEGER) AS height
FROM past p CROSS JOIN most JOIN used u ON u.day = date('now', printf('-%d days', 89 - p.n)) ORDER BY p.n;

-- name: page_sources
-- Who asked in the last 30 days.
SELECT source, sum(count) AS count, size_text(sum(bytes)) AS size FROM hit WHERE day >= date('now', '-29 days')
GROUP BY source ORDER BY sum(count) DESC LIMIT 12;

-- name: page_flight
SELECT path, url, duration_text(unixepoch() - started_at) AS age, iif(size IS NULL, '', size_text(size)) AS size
FROM fetch WHERE state = 'running' ORDER BY updated_at DESC LIMIT 32;

-- name: page_failures
SELECT path, class, reason, duration_text(unixepoch() - updated_at) AS age
FROM fetch WHERE state = 'failed' ORDER BY updated_at DESC LIMIT 20;

-- name: page_wanted
SELECT count(*) AS files FROM want;
