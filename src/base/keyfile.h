/* keyfile.h - files that hold a token or a key: found, judged and read in one place
 *
 * A name is a path, or "credential:NAME": the file NAME of the directory that systemd fills for
 * a service (LoadCredential=, LoadCredentialEncrypted=) and names in CREDENTIALS_DIRECTORY.
 * A file that anybody but us and root can read is refused, by mode or by an access list.
 * A group that only root's access list calls so is none: systemd gives a service its
 * credentials as root's files, with a list of one user.
 */
#ifndef BASE_KEYFILE_H
#define BASE_KEYFILE_H

#include "base/err.h"

#include <stddef.h>
#include <sys/stat.h>

enum { KEYFILE_PATH_MAX = 4200 };

/* The answer is no: */
enum {
	KEYFILE_E_NAME = 1,      /* no name of a credential, or no directory for them */
	KEYFILE_E_KIND,          /* not a plain file */
	KEYFILE_E_OPEN,          /* others can read or change it */
	KEYFILE_E_OWNER,         /* it belongs to somebody else (not asked of a file that root reads) */
	KEYFILE_E_SIZE,          /* empty, or more than there is room for */
};

/* Where it is. 0, or KEYFILE_E_NAME. */
int keyfile_path(const char *name, char out[KEYFILE_PATH_MAX], struct err *err);

/* Open it for reading: 0, one of the above, or -errno of open.  *ret_st (NULL: not wanted) tells of a
 * file that was refused, too. */
int keyfile_open(const char *name, int *ret_fd, struct stat *ret_st, struct err *err);

/* All of it, with a NUL behind it; wipe `out` after use. */
int keyfile_read(const char *name, char *out, size_t size, size_t *ret_n, struct err *err);

#endif
