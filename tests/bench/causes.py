"""Why a goal is not met, by goal: said in docs/performance.md as long as it is not, and without numbers, which the tables have."""

CAUSES = {
    "large": "The web server sends the same bytes by the same call. What differs is how the file lies in the page cache: in pieces as large as the "
             "writes that made it.",
    "small-static": "The web server serves the file by itself, no process of ours takes part; what it does more than for its plain static file is "
                    "to follow a symbolic link and to name a media type and an expiry.",
    "small-offload": "The hop is the same; behind it the web server opens and sends a file, which the hello has not: against a hello that names a file for "
                     "X-Sendfile, too, it is what that costs. What the responder itself does more is in the section of counts.",
    "miss-warm": "Ours has two hops more than nginx: web server to responder, responder to service. On a machine whose processors are all busy each of "
                 "them waits for its turn.",
    "miss-cold": "The service has to be started, which links libcurl and OpenSSL, and to make a new connection with its handshake before it asks; the "
                 "index, which says what the file must be, comes beside it.",
    "miss-whole": "With an upstream that has no limit the processors are the limit: the service decrypts, writes and digests twice (SHA-256 and BLAKE2b, "
                  "as the ledger and minisign want them), and the content passes the responder and the web server; upstream, web server, responder, "
                  "service and client share them. With an upstream at a rate of the world outside it is hidden behind the transfer.",
    "herd": "All clients together take more bytes a second than the processors carry through a responder and a web server, so the crowd is "
            "bound by the processors and not by upstream; with a gentler upstream, whose bytes they can carry, the slowest client is as near to a single "
            "one as it gets. Varnish has no second process between itself and the clients.",
    "memory": "See the lines of the processes.",
    "warm": "With an upstream without a limit it is the processor time of the service: each file is digested twice, verified, and written to the disk with an "
            "fsync before it is published, which curl does not do; the same list with curl, fsync and both digests is the line beside it.",
    "catalogue": "The queries that are over their limit read the whole table or the whole ledger.",
}
