-- Fills an empty catalogue (sql/schema.sql) with :entries files as a mirror of some years has them, their ledger, 90 days of hits,
-- an index, failures and wishes. Run by tests/bench/catalogue and tests/e2e/test_inspect.py. Needs sha3() and generate_series() of the sqlite3 shell.
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -400000;
BEGIN;

-- What a file is, by its number: of ten, four are nightlies, one a release, four packages, one an artifact.
CREATE TEMP TABLE made AS
SELECT value AS n, unixepoch() - 86400 * 900 + CAST(value * (86400.0 * 899 / :entries) AS INTEGER) AS at,
    lower(hex(sha3('file ' || value, 256))) AS sha256, 1000 + value * 7919 % 60000000 AS size,
    CASE value % 10 WHEN 0 THEN 'stable' WHEN 1 THEN 'nominated' WHEN 2 THEN 'artifact' WHEN 3 THEN 'package' WHEN 4 THEN 'package'
        WHEN 5 THEN 'package' ELSE 'dev' END AS class,
    CASE WHEN value % 10 IN (0) THEN '0.' || (value / 400) || '.0'
        WHEN value % 10 IN (1) THEN '0.' || (value / 400) || '.0-dev.' || (value / 100) || '+' || printf('%09x', value / 100)
        WHEN value % 10 > 5 THEN '0.' || (value / 40000) || '.0-dev.' || (value / 100) || '+' || printf('%09x', value / 100)
        ELSE printf('%040x', value) END AS version,
    'x' || (value % 97) || '-os' || (value % 11) AS target
FROM generate_series(1, :entries);

CREATE TEMP TABLE placed AS
SELECT n, at, sha256, size, class, version, target,
    CASE WHEN class = 'package' THEN 'git/owner' || (n % 500) || '/repo' || (n % 5000) || '/' || version || '.tar.gz'
        WHEN class = 'artifact' THEN 'tools/' || (n % 50) || '/v' || n || '/tool-' || n || '.tar.gz'
        ELSE 'zig/zig-' || target || '-' || n || '-' || version || '.tar.xz' END AS path,
    CASE WHEN class = 'package' THEN 'https://' || CASE n % 3 WHEN 0 THEN 'git' WHEN 1 THEN 'code' ELSE 'forge' END || '.example/'
        WHEN class = 'artifact' THEN 'https://tools.example/'
        WHEN n % 50 = 0 THEN 'https://flat' || (n % 7) || '.example/zig/' ELSE 'https://zig.example/builds/' END AS base,
    CASE WHEN class IN ('stable', 'nominated', 'dev') THEN 'signed' ELSE 'tls' END AS verdict
FROM made;

INSERT INTO entry (path, kind, class, version, size, sha256, blake2b, zig_hash, verdict, stored_at, last_hit_at, hits)
SELECT path, CASE WHEN class IN ('package', 'artifact') THEN class ELSE 'toolchain' END, class, version, size, sha256, sha256 || sha256,
    iif(class = 'package', 'name-1.0.0-' || substr(sha256, 1, 44), NULL), verdict, at,
    iif(n % 3 = 0, at + n % 8640000, NULL), iif(n % 3 = 0, 1 + n % 400, 0)
FROM placed ORDER BY path;

-- The ledger: each file, and after every hundredth one a refusal.
CREATE TEMP TABLE moved (id INTEGER PRIMARY KEY, path, requested_url, effective_url, remote_address, tls_issuer, tls_sha256, http_status,
    etag, last_modified, started_at, finished_at, bytes, sha256, content, key_id, trusted_comment, verdict, reason);
INSERT INTO moved
SELECT NULL, path, base || path, base || path, '192.0.2.' || (n % 200), 'C = XX, O = Example Trust, CN = R' || (n % 12), sha256, 200,
    '"' || substr(sha256, 1, 32) || '"', 'Tue, 04 Mar 2025 10:11:12 GMT', at, at + 1 + n * 13 % 90, size, sha256,
    iif(class = 'package', 'name-1.0.0-' || substr(sha256, 1, 44), NULL), iif(verdict = 'signed', 'd54b9c7c3a6c1e2f', NULL),
    iif(verdict = 'signed', 'timestamp:' || at || char(9) || 'file:zig-' || n || '.tar.xz' || char(9) || 'hashed', NULL),
    CASE again WHEN 0 THEN verdict WHEN 1 THEN 'bad' ELSE 'changed' END, iif(again = 0, NULL, 'it has another digest than the index says')
FROM placed JOIN (SELECT 0 AS again UNION ALL SELECT 1 UNION ALL SELECT 2)
    ON again = 0 OR (again = 1 AND n % 100 = 0) OR (again = 2 AND n % 1000 = 3)
ORDER BY n, again;

CREATE TEMP TABLE line (id INTEGER PRIMARY KEY, text);
INSERT INTO line SELECT id,
        format('%Q,%Q,%Q,%Q,%Q,%Q,%d,%Q,%Q,%d,%d,%d,%Q,%Q,%Q,%Q,%Q,%Q', path, requested_url, effective_url,
            remote_address, tls_issuer, tls_sha256, http_status, etag, last_modified, started_at, finished_at, bytes, sha256,
            content, key_id, trusted_comment, verdict, reason)
FROM moved;

INSERT INTO provenance (path, requested_url, effective_url, remote_address, tls_issuer, tls_sha256, http_status, etag, last_modified,
    started_at, finished_at, bytes, sha256, content, key_id, trusted_comment, verdict, reason, previous, hash)
WITH RECURSIVE chain (id, previous, hash) AS (
    SELECT 1, '', lower(hex(sha3(char(10) || (SELECT text FROM line WHERE id = 1), 256)))
    UNION ALL
    SELECT c.id + 1, c.hash, lower(hex(sha3(c.hash || char(10) || r.text, 256))) FROM chain c CROSS JOIN line r ON r.id = c.id + 1)
SELECT m.path, m.requested_url, m.effective_url, m.remote_address, m.tls_issuer, m.tls_sha256, m.http_status, m.etag, m.last_modified,
    m.started_at, m.finished_at, m.bytes, m.sha256, m.content, m.key_id, m.trusted_comment, m.verdict, m.reason, c.previous, c.hash
FROM chain c JOIN moved m ON m.id = c.id;

-- 90 days of hits: as many rows as there are entries.
INSERT INTO hit (day, path, source, count, bytes)
SELECT date('now', -(p.n % 90) || ' days'), path,
    CASE p.n % 7 WHEN 0 THEN '-' WHEN 1 THEN 'setup-zig' WHEN 2 THEN 'anyzig' WHEN 3 THEN 'zvm' WHEN 4 THEN 'zigup' WHEN 5 THEN 'nix' ELSE 'curl' END,
    1 + p.n % 40, size * (1 + p.n % 40)
FROM placed p ORDER BY 1, 2;

-- The index: the releases and nightlies of which the mirror has files, and as many files again that it lacks.
INSERT INTO release (source, key, position, version, date, class, fields)
SELECT iif(class = 'nominated', 'nominated', 'index'), version, row_number() OVER (ORDER BY version), version, date(min(at), 'unixepoch'), class, '{}'
FROM (SELECT * FROM placed WHERE class IN ('stable', 'nominated') ORDER BY n LIMIT 20000) GROUP BY version;
INSERT INTO artifact (file, source, key, target, version, url, sha256, size)
SELECT substr(path, 5) || iif(again, '.zip', ''), iif(class = 'nominated', 'nominated', 'index'), version, target || '-' || n || again, version, base || path, sha256, size
FROM (SELECT * FROM placed WHERE class IN ('stable', 'nominated') ORDER BY n LIMIT 20000) JOIN (SELECT 0 AS again UNION ALL SELECT 1);
INSERT INTO source (name, url, fetched_at) VALUES
    ('index', 'https://zig.example/download/index.json', unixepoch()), ('nominated', 'https://flat1.example/zig/index.json', unixepoch());

-- What is being fetched, what failed, what is wanted.
INSERT INTO fetch (path, url, size, state, class, reason, started_at, updated_at, until)
SELECT 'zig/zig-asked-' || value || '.tar.xz', 'https://zig.example/builds/zig-asked-' || value || '.tar.xz', NULL,
    iif(value % 500 = 0, 'running', 'failed'), CASE WHEN value % 500 = 0 THEN '' WHEN value % 2 THEN 'absent' ELSE 'upstream' END,
    iif(value % 500 = 0, '', 'upstream answered 404'), unixepoch() - value, unixepoch() - value, unixepoch() - value + 60
FROM generate_series(1, 10000);
INSERT INTO want (path, why, priority, added_at) SELECT 'zig/' || file, 'version', 50, unixepoch() FROM artifact WHERE file LIKE '%.zip' LIMIT 5000;
COMMIT;
PRAGMA journal_mode = WAL;
