-- popular: the files that were asked for most.
--
-- Parameters:
--   days    number = 30  within the last so many days, today included
--   day     day = ''     only on this day
--   source  text = ''    only by this tool, as it names itself; - is who does not
--   limit   number = 20  rows at most
--
-- Columns:
--   path      where it is served
--   requests  how often it was asked for
--   bytes     what was sent
--   sources   how many tools asked
SELECT path, sum(count) AS requests, sum(bytes) AS bytes, count(DISTINCT source) AS sources
FROM hit
WHERE day >= iif(:day = '', date('now', '-' || (:days - 1) || ' days'), :day) AND day <= iif(:day = '', '9999-12-31', :day)
    AND (:source = '' OR source = :source)
GROUP BY path ORDER BY requests DESC, path LIMIT :limit;
