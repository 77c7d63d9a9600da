-- growth: how the mirror grew: what was stored in each month that is still here.
--
-- Parameters:
--   months  number = 24  the last so many months, this one included
--
-- Columns:
--   month  the month (UTC)
--   files  files stored
--   bytes  their size
--   total  bytes at the end of the month
SELECT month, files, bytes, total FROM (
    SELECT month, files, bytes, sum(bytes) OVER (ORDER BY month) AS total FROM (
        SELECT strftime('%Y-%m', day * 86400, 'unixepoch') AS month, sum(files) AS files, sum(bytes) AS bytes
        FROM (SELECT stored_at / 86400 AS day, count(*) AS files, sum(size) AS bytes FROM entry GROUP BY 1)
        GROUP BY 1))
WHERE month >= strftime('%Y-%m', 'now', 'start of month', '-' || (:months - 1) || ' months') ORDER BY month;
