/* layout: which file of this mirror a file of another mirror's folder is. Pure: by its path alone.
 *
 * Known are our own store (zig/CLASS/VERSION/FILE, package/RULE/PATH, artifact/RULE/PATH), wrench's cache
 * (cache/zig/CLASS/VERSION/FILE), go-mirror-zig's (download/VERSION/FILE, builds/FILE), a flat folder (FILE), and any
 * folder that has files where their URL paths on this mirror are. Nothing here says what the file is worth. Called by
 * adopt. */
#ifndef PKGMIRROR_WARMER_LAYOUT_H
#define PKGMIRROR_WARMER_LAYOUT_H

#include "mirror/route.h"

/* Finds the route of a file from its path relative to the folder that was given. FAULT_ABSENT with a reason when it is
 * none that this mirror serves, or lies in the folder of another version. */
bool layout_route(const struct config *c, const char *relative, struct route *out, struct fault *f)
    __attribute__((warn_unused_result));

#endif
