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
CREATE INDEX entry_by_class ON entry (class, version);

-- The ledger: one row a whole transfer, published or refused. Append-only; each row holds the hash of the one before it.
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
    hash            TEXT NOT NULL
) STRICT;
CREATE INDEX provenance_by_path ON provenance (path, id);
CREATE TRIGGER provenance_no_update BEFORE UPDATE ON provenance
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER provenance_no_delete BEFORE DELETE ON provenance
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

-- Who asked for what, a day. Addresses of clients are not stored.
CREATE TABLE hit (
    day    TEXT NOT NULL,                   -- YYYY-MM-DD, UTC
    path   TEXT NOT NULL,
    source TEXT NOT NULL,                   -- the client's tool, '-' when it did not say
    count  INTEGER NOT NULL DEFAULT 0,
    bytes  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, path, source)
) STRICT, WITHOUT ROWID;
