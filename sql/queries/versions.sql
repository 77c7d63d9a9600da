-- versions: the versions of the toolchain, the newest first: what the index lists of them, and what is here.
--
-- Parameters:
--   class  text = ''     only this class: stable, nominated or dev; empty: all three
--   limit  number = 100  rows at most
--
-- Columns:
--   version  the version
--   class    its class
--   date     its date, when an index has it
--   listed   how many files an index lists
--   files    how many files are here, signatures included
--   bytes    their size
SELECT version, max(class) AS class, max(date) AS date, sum(listed) AS listed, sum(files) AS files, sum(bytes) AS bytes
FROM (
    SELECT version, class, NULL AS date, 0 AS listed, count(*) AS files, sum(size) AS bytes FROM entry
    WHERE class IN ('stable', 'nominated', 'dev') AND (:class = '' OR class = :class) GROUP BY class, version
    UNION ALL
    SELECT version, max(class), max(date), 0, 0, 0 FROM release WHERE NOT retired AND (:class = '' OR class = :class) GROUP BY version
    UNION ALL
    SELECT a.version, max(r.class), NULL, count(DISTINCT a.file), 0, 0
    FROM release r JOIN artifact a ON a.source = r.source AND a.key = r.key
    WHERE NOT a.retired AND NOT r.retired AND (:class = '' OR r.class = :class) GROUP BY a.version)
GROUP BY version ORDER BY max(date) IS NULL, max(date) DESC, version DESC LIMIT :limit;
