/* load.c - submit tasks over many connections kept open, and look at every answer
 *
 *   load --address HOST:PORT --token-file FILE [--connections 64] [--seconds 10]
 *        [--tasks N] [--batch N]
 *
 * Each connection has one request under way: write, read the whole answer, check it, write
 * the next.  Every task has a name of its own.  Ends after so many seconds or so many tasks;
 * what is under way then is waited for and not counted.  Prints one JSON object.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
	CONNS_MAX = 4096,
	BATCH_MAX = 1000,
	IN_MAX = 1 << 20,
	TASK_MAX = 256,
	SLOTS = 1 << 20, /* latencies kept: 10 s at 100,000/s */
};

struct conn {
	int fd;
	bool busy;
	char *out, *in;
	size_t out_len, out_at, in_len;
	int64_t began_us;
};

static struct {
	const char *address;
	char token[256];
	unsigned conns, batch;
	double seconds;
	uint64_t tasks_max;
	int epoll;
	bool ending;
	uint64_t named, busy, requests, tasks, wrong, refused;
	int64_t began_us, end_us, over_us;
	int first_bad;
	uint32_t *latency_us;
	uint64_t nlatency;
} g = { .conns = 64, .seconds = 10, .tasks_max = UINT64_MAX };

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static size_t put_task(char *at)
{
	return (size_t)sprintf(at,
			       "{\"name\":\"bench-%" PRIu64 "\",\"command\":[\"true\"],"
			       "\"cpus\":1,\"memory_mb\":256}",
			       g.named++);
}

/* Head and body in one buffer; the head is written last, when the body's length is known. */
static void compose(struct conn *c)
{
	static char body[BATCH_MAX * TASK_MAX];
	size_t n = 0;

	if (!g.batch) {
		n = put_task(body);
	} else {
		n = (size_t)sprintf(body, "{\"tasks\":[");
		for (unsigned i = 0; i < g.batch; i++) {
			if (i)
				body[n++] = ',';
			n += put_task(body + n);
		}
		n += (size_t)sprintf(body + n, "]}");
	}
	c->out_len = (size_t)sprintf(c->out,
				     "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: "
				     "Bearer %s\r\nContent-Type: application/json\r\n"
				     "Content-Length: %zu\r\n\r\n",
				     g.batch ? "/v1/batches" : "/v1/tasks", g.address, g.token, n);
	memcpy(c->out + c->out_len, body, n);
	c->out_len += n;
	c->out_at = c->in_len = 0;
}

static void wish(struct conn *c, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = c };

	if (epoll_ctl(g.epoll, EPOLL_CTL_MOD, c->fd, &e))
		die("epoll_ctl");
}

static void push(struct conn *c)
{
	while (c->out_at < c->out_len) {
		ssize_t n = write(c->fd, c->out + c->out_at, c->out_len - c->out_at);

		if (n < 0 && errno == EAGAIN) {
			wish(c, EPOLLIN | EPOLLOUT);
			return;
		}
		if (n < 0)
			die("write");
		c->out_at += (size_t)n;
		if (c->out_at == c->out_len && c->out_len > 65536)
			wish(c, EPOLLIN);
	}
}

static void ask(struct conn *c)
{
	if (g.ending || g.named >= g.tasks_max)
		return;
	compose(c);
	c->began_us = now_us();
	c->busy = true;
	g.busy++;
	push(c);
}

/* Ids that an answer holds at the top: one of a task, as many as there are in a batch. */
static unsigned ids_in(const char *body)
{
	unsigned n = 0;

	if (!g.batch)
		return strncmp(body, "{\"id\":\"", 7) == 0;
	for (const char *p = body; (p = strstr(p, "{\"id\":\"")) != NULL; p += 7)
		n++;
	return n;
}

static void judge(struct conn *c, int status, const char *body)
{
	unsigned expected = g.batch ? g.batch : 1;
	int64_t now = now_us();

	c->busy = false;
	g.busy--;
	if (status != 201 || ids_in(body) != expected) {
		if (!g.wrong++)
			fprintf(stderr, "load: answer %d: %.300s\n", status, body);
		if (!g.first_bad)
			g.first_bad = status;
		g.refused += status == 429 || status == 503;
		if (g.wrong > 1000 || status == 404 || status == 405)
			g.ending = true;
	} else if (!g.ending) {
		g.requests++;
		g.tasks += expected;
		g.over_us = now;
		if (g.nlatency < SLOTS)
			g.latency_us[g.nlatency++] = (uint32_t)(now - c->began_us);
	}
	if (now >= g.end_us)
		g.ending = true;
	ask(c);
}

/* A whole answer in the buffer?  Every answer of ours has a Content-Length. */
static void digest(struct conn *c)
{
	char *end, *length;
	size_t head, n;

	c->in[c->in_len] = 0;
	end = strstr(c->in, "\r\n\r\n");
	if (!end)
		return;
	length = strcasestr(c->in, "\r\ncontent-length:");
	if (!length || length > end) {
		fprintf(stderr, "load: an answer without a length: %.200s\n", c->in);
		exit(1);
	}
	head = (size_t)(end - c->in) + 4;
	n = strtoul(length + 17, NULL, 10);
	if (c->in_len < head + n)
		return;
	judge(c, atoi(c->in + 9), c->in + head);
}

static void pull(struct conn *c)
{
	ssize_t n = read(c->fd, c->in + c->in_len, IN_MAX - c->in_len);

	if (n == 0) {
		fprintf(stderr, "load: the daemon closed a connection\n");
		exit(1);
	}
	if (n < 0 && errno != EAGAIN)
		die("read");
	if (n > 0) {
		c->in_len += (size_t)n;
		if (c->busy)
			digest(c);
	}
}

static void open_conn(struct conn *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	char host[64];
	const char *colon = strrchr(g.address, ':');
	int one = 1;

	snprintf(host, sizeof(host), "%.*s", (int)(colon - g.address), g.address);
	inet_pton(AF_INET, host, &to.sin_addr);
	to.sin_port = htons((uint16_t)atoi(colon + 1));
	c->out = malloc((g.batch + 1) * TASK_MAX + 1024);
	c->in = malloc(IN_MAX + 1);
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl(g.epoll, EPOLL_CTL_ADD, c->fd, &e))
		die("epoll_ctl");
}

static void run(struct conn *conns)
{
	struct epoll_event events[256];

	g.began_us = g.over_us = now_us();
	g.end_us = g.began_us + (int64_t)(g.seconds * 1e6);
	for (unsigned i = 0; i < g.conns; i++)
		ask(&conns[i]);
	while (g.busy) {
		int n = epoll_wait(g.epoll, events, 256, 30000);

		if (n == 0) {
			fprintf(stderr, "load: no answer for 30 s\n");
			exit(1);
		}
		for (int i = 0; i < n; i++) {
			if (events[i].events & EPOLLOUT)
				push(events[i].data.ptr);
			if (events[i].events & ~(uint32_t)EPOLLOUT)
				pull(events[i].data.ptr);
		}
	}
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void report(void)
{
	double s = (double)(g.over_us - g.began_us) / 1e6;
	struct timespec cpu;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	qsort(g.latency_us, g.nlatency, sizeof(*g.latency_us), by_size);
	printf("{\"tasks\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"seconds\":%.3f,\"per_s\":%.1f,"
	       "\"wrong\":%" PRIu64
	       ",\"first_bad\":%d,\"p50_us\":%u,\"p99_us\":%u,\"cpu_s\":%.2f}\n",
	       g.tasks, g.requests, s, s > 0 ? (double)g.tasks / s : 0, g.wrong, g.first_bad,
	       g.nlatency ? g.latency_us[g.nlatency / 2] : 0,
	       g.nlatency ? g.latency_us[g.nlatency * 99 / 100] : 0,
	       (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
}

static void read_token(const char *path)
{
	FILE *f = fopen(path, "re");

	if (!f || fscanf(f, "%255s", g.token) != 1)
		die(path);
	fclose(f);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "address", 1, NULL, 'a' },
		{ "token-file", 1, NULL, 't' },
		{ "connections", 1, NULL, 'c' },
		{ "seconds", 1, NULL, 's' },
		{ "tasks", 1, NULL, 'n' },
		{ "batch", 1, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	static struct conn conns[CONNS_MAX];
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 'a':
			g.address = optarg;
			break;
		case 't':
			read_token(optarg);
			break;
		case 'c':
			g.conns = (unsigned)atoi(optarg);
			break;
		case 's':
			g.seconds = atof(optarg);
			break;
		case 'n':
			g.tasks_max = strtoull(optarg, NULL, 10);
			break;
		case 'b':
			g.batch = (unsigned)atoi(optarg);
			break;
		default:
			return 2;
		}
	}
	if (!g.address || !strchr(g.address, ':') || !g.token[0] || !g.conns ||
	    g.conns > CONNS_MAX || g.batch > BATCH_MAX) {
		fprintf(stderr, "usage: load --address HOST:PORT --token-file FILE ...\n");
		return 2;
	}
	g.latency_us = malloc(SLOTS * sizeof(*g.latency_us));
	g.epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < g.conns; i++)
		open_conn(&conns[i]);
	run(conns);
	report();
	return g.wrong ? 1 : 0;
}
