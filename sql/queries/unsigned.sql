-- unsigned: files that no signature vouches for.
--
-- Parameters:
--   class  text = ''    only this class: stable, nominated, dev, package or artifact; empty: all
--   limit  number = 50  rows at most
--
-- Columns:
--   class    its class
--   path     where it is served
--   verdict  what does vouch for it: digest (the index), pinned (it is what came first), tls (only the transport)
--   size     bytes
SELECT class, path, verdict, size FROM entry WHERE verdict <> 'signed' AND (:class = '' OR class = :class)
ORDER BY class, version, path LIMIT :limit;
