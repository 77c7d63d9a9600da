/* respond: see respond.h. */
#include "respond.h"

#include "cgi/buffer.h"
#include "mirror/httpdate.h"
#include "mirror/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HEAD_CAP = 6144, BLOCK_BYTES = 64 * 1024 };

static const struct {
	int status;
	int retry_sec; /* Retry-After when nobody knows better */
	bool logged;   /* the rest is the client's affair, and in the web server's access log */
} CLASSES[FAULT_CLASSES] = {
    [FAULT_NONE] = {500, 0, true},
    [FAULT_CLIENT] = {400, 0, false},
    [FAULT_METHOD] = {405, 0, false},
    [FAULT_ABSENT] = {404, 0, false},
    [FAULT_LIMIT] = {429, 60, true},
    [FAULT_BUSY] = {503, 5, true},
    [FAULT_UPSTREAM] = {504, 30, true},
    [FAULT_INTEGRITY] = {502, 0, true},
    [FAULT_FULL] = {507, 0, true},
    [FAULT_SYSTEM] = {500, 0, true},
    [FAULT_CONFIG] = {500, 0, true},
};

static const struct {
	int status;
	const char *reason;
} REASONS[] = {{200, "OK"}, {206, "Partial Content"}, {304, "Not Modified"}, {400, "Bad Request"}, {404, "Not Found"},
    {405, "Method Not Allowed"}, {416, "Range Not Satisfiable"}, {429, "Too Many Requests"},
    {500, "Internal Server Error"}, {502, "Bad Gateway"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"},
    {507, "Insufficient Storage"}};

static const char *reason_of(int status)
{
	for (size_t i = 0; i < sizeof REASONS / sizeof REASONS[0]; i++)
		if (REASONS[i].status == status)
			return REASONS[i].reason;
	return "Error";
}

int respond_status(enum fault_class class)
{
	return (unsigned)class < FAULT_CLASSES ? CLASSES[class].status : 500;
}

static void add_line(struct buffer *b, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buffer_text(b, name);
	buffer_text(b, value);
	buffer_text(b, "\r\n");
}

static void add_number(struct buffer *b, const char *name, int64_t value)
{
	buffer_text(b, name);
	buffer_int(b, value);
	buffer_text(b, "\r\n");
}

/* What describes the content. */
static void add_content(struct buffer *b, const struct response *r)
{
	char date[HTTPDATE_CAP];
	add_line(b, "Content-Type: ", r->type);
	if (r->has_length)
		add_number(b, "Content-Length: ", r->length);
	if (r->status == 206)
		buffer_format(b, "Content-Range: bytes %lld-%lld/%lld\r\n", (long long)r->first, (long long)r->last,
		    (long long)r->size);
	else if (r->status == 416)
		buffer_format(b, "Content-Range: bytes */%lld\r\n", (long long)r->size);
	add_line(b, "ETag: ", r->etag);
	if (r->modified > 0) {
		httpdate_format(r->modified, date);
		add_line(b, "Last-Modified: ", date);
	}
}

bool respond_head(struct exchange *x, const struct response *r)
{
	char memory[HEAD_CAP];
	struct buffer b;
	exchange_set_status(x, r->status);
	buffer_over(&b, memory, sizeof memory);
	buffer_text(&b, "Status: ");
	buffer_int(&b, r->status);
	add_line(&b, " ", reason_of(r->status));
	add_content(&b, r);
	add_line(&b, "Cache-Control: ", r->cache_control);
	if (r->ranges)
		add_line(&b, "Accept-Ranges: ", "bytes");
	if (r->retry_sec > 0)
		add_number(&b, "Retry-After: ", r->retry_sec);
	add_line(&b, "X-Content-Type-Options: ", "nosniff");
	if (r->offload_header != NULL) {
		buffer_text(&b, r->offload_header);
		buffer_text(&b, r->offload_root);
		buffer_text(&b, r->offload_prefix);
		add_line(&b, "", r->offload_path);
	}
	if (r->more != NULL)
		buffer_text(&b, r->more);
	buffer_text(&b, "\r\n");
	/* Too long is a mistake of ours, and half a head a lie. */
	return !b.failed && exchange_send(x, b.data, b.len);
}

bool respond_whole(struct exchange *x, struct response *r, const char *body, size_t len, bool head)
{
	r->has_length = true;
	r->length = (int64_t)len;
	return respond_head(x, r) && (head || exchange_send(x, body, len));
}

void respond_refusal(struct exchange *x, const struct fault *f, int retry_sec, bool head)
{
	enum fault_class class = (unsigned)f->class < FAULT_CLASSES ? f->class : FAULT_NONE;
	struct response r = {.status = CLASSES[class].status,
	    .type = "text/plain; charset=utf-8",
	    .cache_control = "no-store",
	    .retry_sec = retry_sec > 0 ? retry_sec : CLASSES[class].retry_sec,
	    .more = class == FAULT_METHOD ? "Allow: GET, HEAD\r\n" : NULL};
	char line[FAULT_TEXT_CAP + 1];

	/* What is wrong with this machine is for its log. */
	bool ours = class == FAULT_SYSTEM || class == FAULT_CONFIG || class == FAULT_NONE;
	snprintf(line, sizeof line, "%s\n", ours ? "this mirror has a fault; its log says which" : f->text);
	respond_whole(x, &r, line, strlen(line), head);
}

void respond_fault(struct exchange *x, const struct fault *f, int retry_sec, const char *path, bool head)
{
	if ((unsigned)f->class >= FAULT_CLASSES || CLASSES[f->class].logged)
		log_fault(f, "refused", "path", path, NULL);
	respond_refusal(x, f, retry_sec, head);
}

bool respond_bytes(struct exchange *x, int fd, int64_t first, int64_t last)
{
	char block[BLOCK_BYTES];
	while (first <= last) {
		int64_t want = last - first + 1 < BLOCK_BYTES ? last - first + 1 : BLOCK_BYTES;
		ssize_t n = pread(fd, block, (size_t)want, first);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			struct fault f;
			fault_errno(&f, FAULT_SYSTEM, errno, "cannot read a file that is being sent");
			log_fault(&f, "send", NULL);
		}
		if (n <= 0 || !exchange_send(x, block, (size_t)n))
			return false;
		first += n;
	}
	return true;
}
