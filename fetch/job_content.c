/* job_content: what is in a file that is proved: whether it is whole, and whether it is what the path is known by. See
 * job.h. */
#include "fetch/job_internal.h"
#include "mirror/archive.h"
#include "mirror/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_package(const struct job *j)
{
	return j->route.kind == ROUTE_PACKAGE && !j->route.signature;
}

/* A signature or a listed digest vouches for all the bytes; a package is unpacked all the same, for its content, and
 * whatever its path is called. */
static bool must_unpack(const struct job *j)
{
	return is_package(j) || (archive_is_known(j->route.path) && strcmp(j->verdict.verdict, "tls") == 0);
}

/* Trust on first use is for what nobody else vouches for, and for the content of packages. */
static bool is_pinned(const struct job *j)
{
	return is_package(j) || (j->route.kind == ROUTE_ARTIFACT && strcmp(j->verdict.verdict, "tls") == 0);
}

/* The file is good: is it the one that this path is known by? */
static void judge_trust(struct job *j)
{
	struct fault f;
	char known[CATALOG_CONTENT_CAP] = "";
	if (!is_pinned(j)) {
		job_publish(j);
		return;
	}
	if (j->content[0] == '\0')
		snprintf(j->content, sizeof j->content, "%s", j->digested.sha256_hex);
	if (j->fetch->catalog != NULL && !catalog_trusted_content(j->fetch->catalog, j->route.path, known, &f))
		fetch_catalog_fault(&f, j->route.path);
	if (known[0] != '\0' && strcmp(known, j->content) != 0) {
		j->verdict.verdict = "changed";
		fault_set(&f, FAULT_INTEGRITY, "%s: has another content (%s) than what is known of it (%s)",
		    j->route.path, j->content, known);
		job_refuse(j, &f);
		return;
	}
	if (known[0] != '\0' && strcmp(j->verdict.verdict, "tls") == 0)
		j->verdict.verdict = "pinned";
	job_publish(j);
}

void job_judge_content(struct job *j)
{
	struct fault f;
	char part[ROUTE_STORE_CAP];
	if (!must_unpack(j)) {
		judge_trust(j);
		return;
	}
	snprintf(part, sizeof part, "part/%s", j->route.path);
	/* A descriptor of its own that can only read. */
	int fd = store_open_file(j->fetch->store, j->recovering ? j->recovered : part, NULL, &f);
	if (fd >= 0) {
		j->unpack = unpack_start(fd, is_package(j), &f);
		close(fd);
	}
	if (j->unpack == NULL)
		job_next_source(j, &f);
	else
		job_phase(j, JOB_UNPACK);
}

void job_turn_unpack(struct job *j)
{
	struct unpack_result r;
	if (!unpack_done(j->unpack, &r))
		return;
	unpack_stop(j->unpack);
	j->unpack = NULL;
	/* Whoever was killed has said nothing of the archive: once more, then a later job finds the part. One that died
	 * by itself may have been denied memory by the machine: the second one's death is the archive's. */
	if ((r.fault.class == FAULT_SYSTEM || r.died) && j->unpack_killed++ == 0) {
		log_fault(&r.fault, "unpack", "path", j->route.path, NULL);
		job_judge_content(j);
		return;
	}
	if (r.fault.class == FAULT_SYSTEM) {
		j->failure = r.fault;
		job_fail(j);
		return;
	}
	if (r.fault.class != FAULT_NONE) {
		j->verdict.verdict = "bad";
		job_refuse(j, &r.fault);
		return;
	}
	j->zig = r.zig;
	if (is_package(j) && r.zig.reason[0] != '\0')
		log_event(LOG_INFO_LEVEL, "no_zig_hash", "path", j->route.path, "reason", r.zig.reason, NULL);
	snprintf(j->content, sizeof j->content, "%s",
	    r.zig.hash[0] != '\0'        ? r.zig.hash
	    : r.zig.multihash[0] != '\0' ? r.zig.multihash
	                                 : r.zig.tree);
	judge_trust(j);
}
