-- popular-by-day: the traffic of each day.
--
-- Parameters:
--   days    number = 30  the last so many days, today included
--   source  text = ''    only by this tool, as it names itself; - is who does not
--
-- Columns:
--   day       the day (UTC)
--   requests  how many answers handed out a file
--   bytes     what was sent
--   files     how many files
--   top       the file that was asked for most
SELECT day, sum(requests) AS requests, sum(bytes) AS bytes, count(*) AS files,
    substr(max(printf('%012d', requests) || path), 13) AS top
FROM (
    SELECT day, path, sum(count) AS requests, sum(bytes) AS bytes FROM hit
    WHERE day >= date('now', '-' || (:days - 1) || ' days') AND (:source = '' OR source = :source) GROUP BY day, path)
GROUP BY day ORDER BY day;
