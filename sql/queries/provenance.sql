-- provenance: where a file came from: its rows of the ledger, the newest first.
--
-- Parameters:
--   path   path         where it is served, such as zig/zig-x86_64-linux-0.14.1.tar.xz
--   limit  number = 20  rows at most
--
-- Columns:
--   row       its number in the ledger
--   finished  when the last byte came (UTC)
--   seconds   how long it took
--   url       the URL that was asked for
--   address   who answered
--   issuer    who issued the certificate
--   bytes     the size
--   sha256    the digest
--   verdict   what vouches for it, or why it was refused: bad, changed
--   key       the key that signed it
--   reason    of a refusal, or who accepted a changed content
--   hash      of the row
SELECT id AS row, datetime(finished_at, 'unixepoch') AS finished, seconds, requested_url AS url, remote_address AS address,
    tls_issuer AS issuer, bytes, sha256, verdict, key_id AS key, reason, hash
FROM provenance WHERE path = :path ORDER BY id DESC LIMIT :limit;
