/* fault: see fault.h. */
#include "fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const NAMES[FAULT_CLASSES] = {
    [FAULT_NONE] = "none",
    [FAULT_CLIENT] = "client",
    [FAULT_METHOD] = "method",
    [FAULT_ABSENT] = "absent",
    [FAULT_LIMIT] = "limit",
    [FAULT_BUSY] = "busy",
    [FAULT_UPSTREAM] = "upstream",
    [FAULT_INTEGRITY] = "integrity",
    [FAULT_FULL] = "full",
    [FAULT_SYSTEM] = "system",
    [FAULT_CONFIG] = "config",
};

/* The text goes into one log line and one header-free body: whatever a remote put in stays on that line. */
static void clean(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
}

bool fault_set(struct fault *f, enum fault_class class, const char *format, ...)
{
	va_list arguments;
	if (f == NULL)
		return false;
	f->class = class;
	va_start(arguments, format);
	vsnprintf(f->text, sizeof f->text, format, arguments);
	va_end(arguments);
	clean(f->text);
	return false;
}

/* No room: on the disk, in the quota, in the largest file that this process may write. */
static bool is_full(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

bool fault_errno(struct fault *f, enum fault_class class, int error, const char *format, ...)
{
	va_list arguments;
	char reason[96];
	if (f == NULL)
		return false;
	f->class = class == FAULT_SYSTEM && is_full(error) ? FAULT_FULL : class;
	va_start(arguments, format);
	vsnprintf(f->text, sizeof f->text, format, arguments);
	va_end(arguments);
	size_t len = strlen(f->text);
	snprintf(f->text + len, sizeof f->text - len, ": %s", strerror_r(error, reason, sizeof reason));
	clean(f->text);
	return false;
}

const char *fault_class_name(enum fault_class class)
{
	return (unsigned)class < FAULT_CLASSES ? NAMES[class] : NAMES[FAULT_NONE];
}

enum fault_class fault_class_parse(const char *name, size_t len)
{
	for (int i = FAULT_NONE + 1; i < FAULT_CLASSES; i++)
		if (strlen(NAMES[i]) == len && memcmp(NAMES[i], name, len) == 0)
			return (enum fault_class)i;
	return FAULT_NONE;
}
