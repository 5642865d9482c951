/* procs.c - find the processes of a run where no control group holds them */

#include "engine/procs.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STAT_MAX = 1024, ENVIRON_MAX = 256 << 10 };

struct wanted {
	pid_t parent;                   /* or */
	const char *mark;               /* "SUANLU_GROUP=…" */
	char *text;                     /* ENVIRON_MAX bytes to read into */
};

static ssize_t read_proc(const char *pid, const char *file, char *out, size_t size)
{
	char path[64];
	ssize_t n = 0, got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while ((got = read(fd, out + n, size - 1 - (size_t)n)) > 0)
		n += got;
	close(fd);
	out[n] = '\0';
	return n;
}

/* "12 (a name) with) brackets) S 7 …": the parent is the second field after the last ')'. */
static bool is_child(const char *pid, pid_t parent)
{
	char text[STAT_MAX], *p;
	long ppid;

	if (read_proc(pid, "stat", text, sizeof(text)) <= 0)
		return false;
	p = strrchr(text, ')');
	return p && sscanf(p + 1, " %*c %ld", &ppid) == 1 && ppid == parent;
}

static bool is_marked(const char *pid, const struct wanted *w)
{
	ssize_t n = read_proc(pid, "environ", w->text, ENVIRON_MAX);

	for (const char *p = w->text; n > 0 && p < w->text + n; p += strlen(p) + 1)
		if (strcmp(p, w->mark) == 0)
			return true;
	return false;
}

static int kill_wanted(const struct wanted *w)
{
	struct dirent *d;
	DIR *dir = opendir("/proc");
	int n = 0;

	while (dir && (d = readdir(dir))) {
		if (d->d_name[0] < '1' || d->d_name[0] > '9')
			continue;
		if (w->mark ? !is_marked(d->d_name, w) : !is_child(d->d_name, w->parent))
			continue;
		n += kill((pid_t)atol(d->d_name), SIGKILL) == 0;
	}
	if (dir)
		closedir(dir);
	return n;
}

int procs_kill_children(pid_t parent)
{
	struct wanted w = { .parent = parent };

	return kill_wanted(&w);
}

int procs_kill_marked(const char *group)
{
	char mark[256];
	struct wanted w = { .mark = mark, .text = malloc(ENVIRON_MAX) };
	int n = 0;

	snprintf(mark, sizeof(mark), "SUANLU_GROUP=%s", group);
	if (w.text)
		n = kill_wanted(&w);
	free(w.text);
	return n;
}
