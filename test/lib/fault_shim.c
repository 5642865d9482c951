/* fault_shim.c - preloaded into a daemon under test: a clock that jumps, a disk that fails
 *
 * SUANLU_FAULTS names a file of three 64-bit numbers, which the test changes while the daemon
 * runs: how many milliseconds the wall clock is off, whether writing gives EIO, and how many
 * milliseconds the monotonic clock is ahead.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static const volatile struct faults {
	int64_t clock_off_ms, disk_fails, mono_off_ms;
} none, *faults = &none;

__attribute__((constructor)) static void find(void)
{
	const char *path = getenv("SUANLU_FAULTS");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(none), PROT_READ, MAP_SHARED, fd, 0);

	if (p != MAP_FAILED)
		faults = p;
	if (fd >= 0)
		close(fd);
}

static void shift(struct timespec *ts, int64_t off_ms)
{
	int64_t ms = off_ms + ts->tv_nsec / 1000000;
	int64_t s = ms / 1000;

	ms %= 1000;
	if (ms < 0) {
		ms += 1000;
		s--;
	}
	ts->tv_sec += s;
	ts->tv_nsec = ms * 1000000 + ts->tv_nsec % 1000000;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, id, ts);

	if (!r && id == CLOCK_REALTIME)
		shift(ts, faults->clock_off_ms);
	if (!r && (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE))
		shift(ts, faults->mono_off_ms);
	return r;
}

static int broken(void)
{
	if (faults->disk_fails)
		errno = EIO;
	return faults->disk_fails != 0;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return broken() ? -1 : syscall(SYS_pwrite64, fd, p, n, at);
}

int fsync(int fd)
{
	return broken() ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return broken() ? -1 : (int)syscall(SYS_fdatasync, fd);
}
