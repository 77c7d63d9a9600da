-- Hits from the journal and from access logs: mirror/catalog_fold.h.

-- name: hit_count
SELECT count FROM hit WHERE day = ?1 AND path = ?2 AND source = ?3;

-- name: hit_add
-- Adds to what the journal has (?4 answers, ?5 bytes), to what the logs have (?6, ?7), to the robots of the logs (?8, ?9).
INSERT INTO hit (day, path, source, journal_count, journal_bytes, log_count, log_bytes, bot_count, bot_bytes, count, bytes)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, max(?6, ?4 - ?8), iif(?6 >= ?4 - ?8, ?7, ?5))
ON CONFLICT (day, path, source) DO UPDATE SET
    journal_count = journal_count + ?4, journal_bytes = journal_bytes + ?5, log_count = log_count + ?6,
    log_bytes = log_bytes + ?7, bot_count = bot_count + ?8, bot_bytes = bot_bytes + ?9,
    count = max(log_count + ?6, journal_count + ?4 - bot_count - ?8),
    bytes = iif(log_count + ?6 >= journal_count + ?4 - bot_count - ?8, log_bytes + ?7,
        max(0, journal_bytes + ?5 - bot_bytes - ?9));

-- name: hit_entry
UPDATE entry SET hits = max(0, hits + ?2), last_hit_at = nullif(max(coalesce(last_hit_at, 0), ?3), 0) WHERE path = ?1;

-- name: hit_apart_add
INSERT INTO hit_apart (day, kind, status, count, bytes) VALUES (?1, ?2, ?3, 1, ?4)
ON CONFLICT (day, kind, status) DO UPDATE SET count = count + 1, bytes = bytes + excluded.bytes;

-- name: log_place_get
SELECT place, tail FROM log_place WHERE head = ?1 ORDER BY place DESC;

-- name: log_place_put
INSERT INTO log_place (head, device, inode, place, tail, name, read_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (head, device, inode) DO UPDATE SET place = excluded.place, tail = excluded.tail, name = excluded.name,
    read_at = excluded.read_at;

-- name: log_place_trim
-- Forgets logs that nobody folded for a long time.
DELETE FROM log_place WHERE read_at < ?1;
