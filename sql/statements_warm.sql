-- What the warmer plans from and writes down.

-- name: warm_files
-- Each file that an index lists now, with whether a nominated index vouches for its version: a nightly that it calls
-- master is nominated by nobody. Source and bootstrap are asked for seldom.
SELECT a.file, max(a.size), max(r.class = 'nominated' AND a.key <> 'master'), min(a.target IN ('src', 'bootstrap'))
FROM artifact a JOIN release r ON r.source = a.source AND r.key = a.key
WHERE NOT a.retired GROUP BY a.file;

-- name: warm_wants
SELECT path, why, priority, added_at, attempts, next_try FROM want;

-- name: warm_failed
-- A file could not be had (or has no signature); ?2 is when to try again.
INSERT INTO want (path, why, priority, added_at, attempts, next_try, reason) VALUES (?1, 'warm', ?5, ?4, 1, ?2, ?3)
ON CONFLICT (path) DO UPDATE SET attempts = attempts + 1, next_try = excluded.next_try, reason = excluded.reason;

-- name: warm_wants_state
-- Changes when somebody wants something new; what the warmer itself put off is not counted.
SELECT count(*), coalesce(max(added_at), 0), coalesce(min(path) || max(path), '') FROM want WHERE why <> 'warm' AND attempts = 0;

-- name: warm_used
-- What the stored files take, and what of it are development builds.
SELECT coalesce(sum(size), 0), coalesce(sum(size) FILTER (WHERE class = 'dev'), 0) FROM entry;
