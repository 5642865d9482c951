/* keyfile.c - files that hold a token or a key: found, judged and read in one place */

#include "base/keyfile.h"

#include "base/mem.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CREDENTIAL "credential:"

enum { NAME_LEN_MAX = 255, ACL_MAX = 4096 };

static bool is_credential_name(const char *s)
{
	return *s && *s != '.' && strlen(s) <= NAME_LEN_MAX &&
		!s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")];
}

int keyfile_path(const char *name, char out[KEYFILE_PATH_MAX], struct err *err)
{
	bool ours = !strncmp(name, CREDENTIAL, strlen(CREDENTIAL));
	const char *file = ours ? name + strlen(CREDENTIAL) : name;
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	int n;

	if (ours && !is_credential_name(file))
		return err_set(err, KEYFILE_E_NAME, "%.200s is no name of a credential", name);
	if (ours && (!dir || *dir != '/')) {
		err_set(err, KEYFILE_E_NAME, "there are no credentials here for %.100s", name);
		err_hint(err, "systemd sets CREDENTIALS_DIRECTORY for a unit with LoadCredential=");
		return KEYFILE_E_NAME;
	}
	n = snprintf(out, KEYFILE_PATH_MAX, "%s%s%s", ours ? dir : "", ours ? "/" : "", file);
	return n < KEYFILE_PATH_MAX ? 0 : err_set(err, KEYFILE_E_NAME, "the path is too long");
}

/* POSIX.1e in its extended attribute: version 2, then entries of tag, permissions and id, all
 * little-endian (linux/posix_acl_xattr.h).  Does it let nobody in but the owner and us? */
static bool acl_is_ours(int fd)
{
	enum { USER_OBJ = 1, USER = 2, MASK = 0x10 };
	struct acl_entry {
		uint16_t tag, perm;
		uint32_t id;
	} e;
	unsigned char acl[ACL_MAX];
	ssize_t n = fgetxattr(fd, "system.posix_acl_access", acl, sizeof(acl));
	uint32_t version;

	if (n < (ssize_t)sizeof(version))
		return false;
	memcpy(&version, acl, sizeof(version));
	if (le32toh(version) != 2 || (size_t)n % sizeof(e) != sizeof(version))
		return false;
	for (size_t at = sizeof(version); at < (size_t)n; at += sizeof(e)) {
		memcpy(&e, acl + at, sizeof(e));
		if (!e.perm || le16toh(e.tag) == USER_OBJ || le16toh(e.tag) == MASK)
			continue;
		if (le16toh(e.tag) != USER || le32toh(e.id) != geteuid() || le16toh(e.perm) & ~4)
			return false;
	}
	return true;
}

static int judge(const char *name, int fd, const struct stat *st, struct err *err)
{
	int r = 0;

	if (!S_ISREG(st->st_mode))
		return err_set(err, KEYFILE_E_KIND, "%.160s is not a plain file", name);
	if (st->st_mode & 07 || (st->st_mode & 070 && !acl_is_ours(fd)))
		r = err_set(err, KEYFILE_E_OPEN, "%.120s can be read or changed by others than its "
			    "owner (mode %03o), so it is not used", name, (unsigned)(st->st_mode & 0777));
	else if (st->st_uid != geteuid() && st->st_uid && geteuid())
		r = err_set(err, KEYFILE_E_OWNER, "%.120s belongs to another user, so it is not used",
			    name);
	if (r)
		err_hint(err, "run: chmod 600 %.120s; its owner must be who reads it, or root", name);
	return r;
}

int keyfile_open(const char *name, int *ret_fd, struct stat *ret_st, struct err *err)
{
	_cleanup_(mem_closep) int fd = -1;
	char path[KEYFILE_PATH_MAX];
	struct stat st;
	int r = keyfile_path(name, path, err);

	if (r)
		return r;
	/* Not to wait for the other end of what turns out to be a pipe. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st)) {
		r = -errno;
		return err_set(err, r, "could not open %.120s: %s", name, strerror(-r));
	}
	if (ret_st)
		*ret_st = st;
	r = judge(name, fd, &st, err);
	if (r)
		return r;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int keyfile_read(const char *name, char *out, size_t size, size_t *ret_n, struct err *err)
{
	_cleanup_(mem_closep) int fd = -1;
	size_t n = 0;
	ssize_t got = 0;
	int r = keyfile_open(name, &fd, NULL, err);

	if (r)
		return r;
	while (n < size && (got = read(fd, out + n, size - n)) > 0)
		n += (size_t)got;
	if (got < 0)
		r = err_set(err, -errno, "could not read %.120s: %s", name, strerror(errno));
	else if (!n || n == size)
		r = err_set(err, KEYFILE_E_SIZE, "%.120s is empty, or larger than %zu bytes", name,
			    size - 1);
	if (r) {
		explicit_bzero(out, size);
		return r;
	}
	out[n] = '\0';
	*ret_n = n;
	return 0;
}
