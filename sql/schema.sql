-- The catalogue, version 1. The files are the truth; these tables describe them and say where every byte came from.
-- Times are UTC seconds, digests lower-case hex, `path` is the URL path without its first slash.

PRAGMA application_id = 1886087021;         -- "pkgm"; mirror/catalog_sql.c knows it
PRAGMA user_version = 1;

-- One row a stored file.
CREATE TABLE entry (
    path        TEXT PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('toolchain', 'package', 'artifact')),
    class       TEXT NOT NULL CHECK (class IN ('stable', 'nominated', 'dev', 'package', 'artifact')),
    version     TEXT,
    size        INTEGER NOT NULL CHECK (size >= 0),
    sha256      TEXT NOT NULL CHECK (length(sha256) = 64 AND sha256 NOT GLOB '*[^0-9a-f]*'),
    blake2b     TEXT NOT NULL CHECK (length(blake2b) = 128 AND blake2b NOT GLOB '*[^0-9a-f]*'),
    zig_hash    TEXT,                       -- what zig fetch prints for a package
    zig_multihash TEXT,                     -- what it printed before Zig 0.14: 1220 and a SHA-256
    verdict     TEXT NOT NULL CHECK (verdict IN ('signed', 'digest', 'pinned', 'tls')),
    stored_at   INTEGER NOT NULL,
    last_hit_at INTEGER,
    hits        INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
-- Hold what is summed up, so that a question about the whole does not read every row (the column of a condition included: SQLite
-- looks it up else).
CREATE INDEX entry_by_class ON entry (class, version, size, verdict);
CREATE INDEX entry_by_time ON entry (stored_at, size);
CREATE INDEX entry_asked ON entry (class, hits) WHERE hits > 0;
CREATE INDEX entry_never_asked ON entry (stored_at, hits) WHERE hits = 0;
CREATE INDEX entry_nightly ON entry (version, stored_at, last_hit_at, size, hits, class) WHERE class = 'dev';

-- The ledger: one row a whole transfer, published or refused. Append-only; each row holds the hash of the one before it. How a
-- hash is made: statement provenance_add, docs/catalogue.md; queries/ledger.sql verifies it.
CREATE TABLE provenance (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    path            TEXT NOT NULL,
    requested_url   TEXT NOT NULL,
    effective_url   TEXT NOT NULL,
    remote_address  TEXT NOT NULL,
    tls_issuer      TEXT,
    tls_sha256      TEXT,
    http_status     INTEGER NOT NULL,
    etag            TEXT,
    last_modified   TEXT,
    started_at      INTEGER NOT NULL,
    finished_at     INTEGER NOT NULL,
    bytes           INTEGER NOT NULL,
    sha256          TEXT NOT NULL CHECK (length(sha256) = 64 AND sha256 NOT GLOB '*[^0-9a-f]*'),
    content         TEXT,                   -- of a package: its Zig hash, else the digest of its unpacked tree; of an unsigned artifact: sha256
    key_id          TEXT,
    trusted_comment TEXT,
    verdict         TEXT NOT NULL CHECK (verdict IN ('signed', 'digest', 'pinned', 'tls', 'changed', 'bad')),
    reason          TEXT,                   -- of a refusal, or who accepted a changed content
    previous        TEXT NOT NULL,          -- hash of the row before; '' in the first
    hash            TEXT NOT NULL,
    upstream        TEXT AS (substr(requested_url, 1, instr(substr(requested_url, 9) || '/', '/') + 7)), -- scheme, host and port
    seconds         INTEGER AS (finished_at - started_at)
) STRICT;
CREATE INDEX provenance_by_path ON provenance (path, id);
CREATE INDEX provenance_refused ON provenance (finished_at) WHERE verdict IN ('changed', 'bad');
-- A row without an HTTP status is no transfer: an operator accepted a content.
CREATE INDEX provenance_by_upstream ON provenance (upstream, seconds, finished_at, bytes, verdict, http_status)
    WHERE http_status <> 0;
CREATE TRIGGER provenance_no_update BEFORE UPDATE ON provenance
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER provenance_no_delete BEFORE DELETE ON provenance
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
-- REPLACE deletes without the trigger for that.
CREATE TRIGGER provenance_no_replace BEFORE INSERT ON provenance WHEN EXISTS (SELECT 1 FROM provenance WHERE id = new.id)
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;

CREATE INDEX provenance_changed ON provenance (path, id) WHERE verdict = 'changed';

-- What was refused since its content is another than what its path is known by, and nothing was published or accepted after it: for
-- an operator to judge.
CREATE VIEW changed AS
SELECT p.path, p.content, (
        SELECT k.content FROM provenance k
        WHERE k.path = p.path AND k.content IS NOT NULL AND k.verdict NOT IN ('changed', 'bad')
        ORDER BY k.id DESC LIMIT 1) AS known,
    p.sha256, p.requested_url, p.bytes, p.finished_at
FROM provenance p
WHERE p.verdict = 'changed' AND NOT EXISTS (
    SELECT 1 FROM provenance n
    WHERE n.path = p.path AND n.id > p.id AND n.verdict <> 'bad');

-- What is being fetched, what can be resumed, what failed lately and until when that is remembered.
CREATE TABLE fetch (
    path          TEXT PRIMARY KEY,
    url           TEXT NOT NULL,
    etag          TEXT,
    last_modified TEXT,
    size          INTEGER,                  -- NULL: unknown
    state         TEXT NOT NULL CHECK (state IN ('running', 'failed')),
    class         TEXT NOT NULL DEFAULT '',
    reason        TEXT NOT NULL DEFAULT '',
    started_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    until         INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX fetch_by_update ON fetch (state, updated_at);

-- What the warmer should get, and why. Lower priorities go first.
CREATE TABLE want (
    path     TEXT PRIMARY KEY,
    why      TEXT NOT NULL,
    priority INTEGER NOT NULL,
    added_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_try INTEGER NOT NULL DEFAULT 0,
    reason   TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX want_by_priority ON want (priority, next_try);

-- The index documents as they came.
CREATE TABLE source (
    name          TEXT PRIMARY KEY CHECK (name IN ('index', 'nominated', 'mirrors')),
    url           TEXT NOT NULL,
    etag          TEXT,
    last_modified TEXT,
    fetched_at    INTEGER NOT NULL DEFAULT 0, -- last success, a 304 is noted once an hour; 0: never
    failures      INTEGER NOT NULL DEFAULT 0, -- in a row since
    next_try      INTEGER NOT NULL DEFAULT 0,
    body          TEXT                        -- the last good document
) STRICT, WITHOUT ROWID;

-- The imported documents: a release a key, an artifact a file. What an index names no more is `retired`: it is in no document of
-- ours, but its files can still be had and proved.
CREATE TABLE release (
    source   TEXT NOT NULL,
    key      TEXT NOT NULL,
    position INTEGER NOT NULL,
    version  TEXT NOT NULL,
    date     TEXT,
    class    TEXT NOT NULL CHECK (class IN ('stable', 'nominated', 'dev')),
    retired  INTEGER NOT NULL DEFAULT 0,
    fields   TEXT NOT NULL,
    PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifact (
    file    TEXT NOT NULL,
    source  TEXT NOT NULL,
    key     TEXT NOT NULL,                  -- of the release
    target  TEXT NOT NULL,
    version TEXT NOT NULL,                  -- of the file
    url     TEXT NOT NULL,
    sha256  TEXT NOT NULL CHECK (length(sha256) = 64 AND sha256 NOT GLOB '*[^0-9a-f]*'),
    size    INTEGER NOT NULL CHECK (size >= 0),
    retired INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (file, source, key, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX artifact_by_version ON artifact (version, source);
CREATE INDEX artifact_by_release ON artifact (source, key, target);

-- Who asked for what, a day. Addresses of clients are not stored. The same answer may stand in the journal of the responder and in an
-- access log of the web server, which has the files that it sent by itself, and tells robots apart: so what counts is what the log has, or
-- what the journal has without the robots, whichever is more.
CREATE TABLE hit (
    day           TEXT NOT NULL,            -- YYYY-MM-DD, UTC
    path          TEXT NOT NULL,
    source        TEXT NOT NULL,            -- the client's tool, '-' when it did not say
    count         INTEGER NOT NULL DEFAULT 0,
    bytes         INTEGER NOT NULL DEFAULT 0,
    journal_count INTEGER NOT NULL DEFAULT 0,
    journal_bytes INTEGER NOT NULL DEFAULT 0,
    log_count     INTEGER NOT NULL DEFAULT 0,
    log_bytes     INTEGER NOT NULL DEFAULT 0,
    bot_count     INTEGER NOT NULL DEFAULT 0,
    bot_bytes     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, path, source)
) STRICT, WITHOUT ROWID;

-- What access logs have beside hits: answers to robots, and errors.
CREATE TABLE hit_apart (
    day    TEXT NOT NULL,
    kind   TEXT NOT NULL CHECK (kind IN ('bot', 'error')),
    status INTEGER NOT NULL,
    count  INTEGER NOT NULL DEFAULT 0,
    bytes  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, kind, status)
) STRICT, WITHOUT ROWID;

-- How far each log was folded. A log is known by its first line and by what stands before the place, so that one that was renamed or
-- copied by a rotation is still known, and one that began anew is not taken for the old.
CREATE TABLE log_place (
    head    TEXT NOT NULL,                  -- SHA-256 of the first line
    device  INTEGER NOT NULL,
    inode   INTEGER NOT NULL,
    place   INTEGER NOT NULL,
    tail    TEXT NOT NULL,                  -- SHA-256 of the bytes before the place
    name    TEXT NOT NULL,
    read_at INTEGER NOT NULL,
    PRIMARY KEY (head, device, inode)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_place_by_time ON log_place (read_at);

-- Where work that takes several runs goes on.
CREATE TABLE cursor (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What people read: times as UTC text. `pkgmirror-inspect` and docs/catalogue.md have more.
CREATE VIEW file AS
SELECT path, class, version, size, verdict, sha256, zig_hash, datetime(stored_at, 'unixepoch') AS stored,
    datetime(last_hit_at, 'unixepoch') AS last_asked, hits
FROM entry;

CREATE VIEW transfer AS
SELECT id, path, upstream, requested_url, effective_url, remote_address, datetime(started_at, 'unixepoch') AS started, seconds, bytes,
    verdict, reason, sha256, key_id, trusted_comment, tls_issuer
FROM provenance;

CREATE VIEW traffic AS
SELECT day, source, sum(count) AS requests, sum(bytes) AS bytes, count(*) AS files FROM hit GROUP BY day, source;
