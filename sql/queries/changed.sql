-- changed: files that came with another content than what their path is known by, and wait for an operator's judgement
-- (pkgmirror-warm accept).
--
-- Columns:
--   path     where it would be served
--   known    the content that the path is known by
--   content  what came
--   url      from where
--   sha256   the digest of what came
--   came     when (UTC)
SELECT path, known, content, requested_url AS url, sha256, datetime(finished_at, 'unixepoch') AS came
FROM changed ORDER BY finished_at DESC, path;
