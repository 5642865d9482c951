/* test_keyfile.c - a file with a secret is ours alone, or it is not read */

#include "base/keyfile.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char dir[] = "/tmp/suanlu-keyfile-XXXXXX";

static const char *in(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text, mode_t mode)
{
	_cleanup_(mem_closep) int fd = open(in(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
}

/* An access list, as systemd gives one to the credentials of a unit with User=. */

struct entry {
	uint16_t tag, perm;
	uint32_t id;
};

static bool set_acl(const char *name, const struct entry *e, size_t n)
{
	unsigned char acl[256] = { 2 };

	memcpy(acl + 4, e, n * sizeof(*e));
	return setxattr(in(name), "system.posix_acl_access", acl, 4 + n * sizeof(*e), 0) == 0;
}

#define NOBODY ((uint32_t)-1)

static int get(const char *name, char out[64], struct err *err)
{
	size_t n = 0;
	int r = keyfile_read(name, out, 64, &n, err);

	if (!r)
		assert_int_equal(n, strlen(out));
	return r;
}

static void what_is_ours_alone_is_read(void **state)
{
	static const mode_t modes[] = { 0600, 0400, 0700 };
	char text[64];
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		put("key", "secret\n", modes[i]);
		assert_int_equal(get(in("key"), text, &err), 0);
		assert_string_equal(text, "secret\n");
	}
}

static void what_others_can_read_or_change_is_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0601, 0444 };
	char text[64] = "";
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		put("key", "secret", modes[i]);
		assert_int_equal(get(in("key"), text, &err), KEYFILE_E_OPEN);
		assert_non_null(strstr(err.text, "by others"));
		assert_non_null(strstr(err.hint, "chmod 600"));
		assert_string_equal(text, "");
	}
}

static void what_is_no_file_is_refused_and_nobody_waits_for_a_pipe(void **state)
{
	char text[64];
	struct err err;

	assert_int_equal(mkfifo(in("pipe"), 0600), 0);
	assert_int_equal(get(in("pipe"), text, &err), KEYFILE_E_KIND);
	assert_int_equal(get(dir, text, &err), KEYFILE_E_KIND);
	assert_int_equal(get(in("nothing"), text, &err), -ENOENT);
	unlink(in("pipe"));
}

static void a_file_of_somebody_else_is_refused(void **state)
{
	const struct entry list[] = {
		{ 1, 4, NOBODY }, { 2, 4, 12345 }, { 4, 0, NOBODY }, { 0x10, 4, NOBODY }, { 0x20, 0, NOBODY },
	};
	char text[64];
	struct err err;
	int r;

	if (geteuid())
		skip();         /* only root can give a file away */
	put("key", "secret", 0600);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(chown(in("key"), 12345, (gid_t)-1), 0);
	assert_int_equal(get(in("key"), text, &err), 0);        /* root reads what it likes */
	assert_int_equal(chown(in("key"), 12346, (gid_t)-1), 0);
	/* The kernel alone would let a reader in whom the owner's list names. */
	if (!set_acl("key", list, ARRAY_LEN(list)))
		skip();
	assert_int_equal(seteuid(12345), 0);
	r = get(in("key"), text, &err);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(r, KEYFILE_E_OWNER);
	unlink(in("key"));
}

static void an_empty_file_and_one_that_is_too_large_are_refused(void **state)
{
	char text[64], big[65];
	struct err err;

	put("key", "", 0600);
	assert_int_equal(get(in("key"), text, &err), KEYFILE_E_SIZE);
	memset(big, 'x', 64);
	big[64] = '\0';
	put("key", big, 0600);
	assert_int_equal(get(in("key"), text, &err), KEYFILE_E_SIZE);
	for (size_t i = 0; i < sizeof(text); i++)
		assert_int_equal(text[i], 0);
	big[63] = '\0';
	put("key", big, 0600);
	assert_int_equal(get(in("key"), text, &err), 0);
}

static void a_credential_of_systemd_is_found_by_its_name(void **state)
{
	char text[64];
	struct err err;

	put("west.jwt", "token", 0400);
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	assert_int_equal(get("credential:west.jwt", text, &err), 0);
	assert_string_equal(text, "token");
	put("west.jwt", "token", 0440);
	assert_int_equal(get("credential:west.jwt", text, &err), KEYFILE_E_OPEN);
	assert_int_equal(get("credential:east.jwt", text, &err), -ENOENT);
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void a_name_does_not_lead_out_of_the_credentials(void **state)
{
	static const char *const names[] = {
		"credential:", "credential:.", "credential:..", "credential:../key", "credential:/etc/passwd",
		"credential:a/b", "credential:.hidden", "credential:a b", "credential:a\n",
	};
	char text[64];
	struct err err;

	put("key", "secret", 0600);
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(get(names[i], text, &err), KEYFILE_E_NAME);
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void without_a_directory_there_are_no_credentials(void **state)
{
	char text[64];
	struct err err;

	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(get("credential:key", text, &err), KEYFILE_E_NAME);
	assert_non_null(strstr(err.hint, "LoadCredential"));
	setenv("CREDENTIALS_DIRECTORY", "relative", 1);
	assert_int_equal(get("credential:key", text, &err), KEYFILE_E_NAME);
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void a_list_that_names_us_alone_makes_no_group(void **state)
{
	const struct entry mine[] = {
		{ 1, 4, NOBODY }, { 2, 4, geteuid() }, { 4, 0, NOBODY }, { 0x10, 4, NOBODY },
		{ 0x20, 0, NOBODY },
	};
	struct stat st;
	char text[64];
	struct err err;

	put("key", "secret", 0400);
	if (!set_acl("key", mine, ARRAY_LEN(mine)))
		skip();         /* this file system has no lists */
	assert_int_equal(stat(in("key"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0440);
	assert_int_equal(get(in("key"), text, &err), 0);
	assert_string_equal(text, "secret");
}

static void a_list_that_names_others_is_refused(void **state)
{
	const struct entry other[] = {
		{ 1, 4, NOBODY }, { 2, 4, geteuid() + 1 }, { 4, 0, NOBODY }, { 0x10, 4, NOBODY },
		{ 0x20, 0, NOBODY },
	}, group[] = {
		{ 1, 4, NOBODY }, { 2, 4, geteuid() }, { 4, 4, NOBODY }, { 0x10, 4, NOBODY },
		{ 0x20, 0, NOBODY },
	}, second[] = {
		{ 1, 4, NOBODY }, { 2, 4, geteuid() }, { 4, 0, NOBODY }, { 8, 4, 7 },
		{ 0x10, 4, NOBODY }, { 0x20, 0, NOBODY },
	}, write[] = {
		{ 1, 4, NOBODY }, { 2, 6, geteuid() }, { 4, 0, NOBODY }, { 0x10, 6, NOBODY },
		{ 0x20, 0, NOBODY },
	};
	char text[64];
	struct err err;

	put("key", "secret", 0400);
	if (!set_acl("key", other, ARRAY_LEN(other)))
		skip();
	assert_int_equal(get(in("key"), text, &err), KEYFILE_E_OPEN);
	assert_true(set_acl("key", group, ARRAY_LEN(group)));
	assert_int_equal(get(in("key"), text, &err), KEYFILE_E_OPEN);
	assert_true(set_acl("key", second, ARRAY_LEN(second)));
	assert_int_equal(get(in("key"), text, &err), KEYFILE_E_OPEN);
	assert_true(set_acl("key", write, ARRAY_LEN(write)));
	assert_int_equal(get(in("key"), text, &err), KEYFILE_E_OPEN);
}

static int make_dir(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	unlink(in("key"));
	unlink(in("west.jwt"));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_ours_alone_is_read),
		cmocka_unit_test(what_others_can_read_or_change_is_refused),
		cmocka_unit_test(what_is_no_file_is_refused_and_nobody_waits_for_a_pipe),
		cmocka_unit_test(a_file_of_somebody_else_is_refused),
		cmocka_unit_test(an_empty_file_and_one_that_is_too_large_are_refused),
		cmocka_unit_test(a_credential_of_systemd_is_found_by_its_name),
		cmocka_unit_test(a_name_does_not_lead_out_of_the_credentials),
		cmocka_unit_test(without_a_directory_there_are_no_credentials),
		cmocka_unit_test(a_list_that_names_us_alone_makes_no_group),
		cmocka_unit_test(a_list_that_names_others_is_refused),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
