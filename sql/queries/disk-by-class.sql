-- disk-by-class: what each class of files takes.
--
-- Columns:
--   class     the class; below store/ it has a folder of its own
--   versions  how many versions
--   files     how many files
--   bytes     their size
--   share     of the whole, in percent
--   signed    how many of the files are signed
SELECT class, sum(versions) AS versions, sum(files) AS files, sum(bytes) AS bytes,
    round(100.0 * sum(bytes) / max(1, sum(sum(bytes)) OVER ()), 1) AS share, sum(signed) AS signed
FROM (
    SELECT class, version IS NOT NULL AS versions, count(*) AS files, sum(size) AS bytes, sum(verdict = 'signed') AS signed
    FROM entry GROUP BY class, version)
GROUP BY class ORDER BY bytes DESC, class;
