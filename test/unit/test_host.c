/* test_host.c - which hosts are of an inner network, however they are written; C and sh alike */

#include "base/buf.h"
#include "base/mem.h"
#include "domain/host.h"
#include "engine/wrapper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const inner[] = {
	"0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.0", "100.100.100.200", "100.127.255.255", "127.0.0.1",
	"168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.168.1.1",
	"198.18.0.1", "198.19.255.255", "224.0.0.1", "255.255.255.255", "[::]", "[::1]", "[::ffff:10.0.0.1]",
	"[64:ff9b::a9fe:a9fe]", "[64:ff9b::7f00:1]", "[2002:7f00:1::1]", "[fd00:ec2::254]", "[fe80::1]", "[ff02::1]",
	"[100::1]",
};
static const char *const outer[] = {
	"1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.0", "126.0.0.1", "128.0.0.1",
	"168.63.129.17", "169.253.0.1", "172.15.0.1", "172.32.0.1", "172.2.0.1", "192.0.1.1", "192.167.0.1",
	"192.169.0.1", "198.17.0.1", "198.20.0.1", "223.255.255.255", "[2400:3200::1]", "[3fff::1]",
	"[::ffff:1.1.1.1]", "[64:ff9b::101:101]",
};

static void check(const char *host, bool is)
{
	char url[120];

	snprintf(url, sizeof(url), "http://%s:8080/x", host);
	if (host_inner(url) != is)
		fail_msg("%s", url);
	snprintf(url, sizeof(url), "https://%s", host);
	if (host_inner(url) != is)
		fail_msg("%s", url);
}

static void an_address_of_an_inner_network_is_known(void **state)
{
	for (size_t i = 0; i < sizeof(inner) / sizeof(*inner); i++)
		check(inner[i], true);
	for (size_t i = 0; i < sizeof(outer) / sizeof(*outer); i++)
		check(outer[i], false);
}

static void so_it_is_however_it_is_written(void **state)
{
	static const char *const same[] = {
		"127.1", "0", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "169.254.169.254.",
		"localhost", "LOCALHOST.", "x.localhost", "[0:0:0:0:0:ffff:a9fe:a9fe]", "[FE80::1]",
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		check(same[i], true);
	check("mylocalhost", false);
	check("10.example", false);
	assert_false(host_inner("file:///127.0.0.1/x"));
}

static void a_listed_host_is_found_in_any_spelling_and_no_other(void **state)
{
	static const char *const list[] = { "Store.example", "10.0.0.5:9000", "[::1]:81", NULL };

	assert_true(host_listed(list, "http://store.example./x"));
	assert_true(host_listed(list, "https://store.example:9000/x"));
	assert_true(host_listed(list, "http://10.5:9000/x"));
	assert_true(host_listed(list, "http://127.0.0.1:81"));
	assert_false(host_listed(list, "http://10.0.0.5/x"));
	assert_false(host_listed(list, "http://10.0.0.6:9000/x"));
	assert_false(host_listed(list, "http://store.example.com/x"));
	assert_false(host_listed(list, "http://a.store.example/x"));
	assert_false(host_listed(list, "http://127.0.0.1"));
	assert_false(host_listed(list, "file:///store.example"));
	assert_false(host_listed(NULL, "http://store.example"));
	assert_true(host_ok("10.1.2.3") && host_ok("[::1]:80") && host_ok("a.example:9000"));
	assert_false(host_ok("") || host_ok("http://a") || host_ok("a/b") || host_ok("a b") || host_ok("u@a") ||
		     host_ok("10.0.0.0/8") || host_ok("a:0"));
}

/* The part of a run's script that judges, with a line of its own behind it. */
static bool sh_inner(const char *address)
{
	static const char *const command[] = { "true", NULL };
	static struct place_node node;
	static const struct placement place = { .n = 1, .nodes = &node };
	struct task_input item = { .url = "http://a.example", .path = "x" };
	struct task_spec t = { .command = command, .ncommand = 1, .walltime_s = 60, .ninputs = 1, .inputs = &item };
	const struct run_input in = { .url = item.url };
	struct run_spec r = { .run_id = "n-1-1", .spec = &t, .place = &place, .ninputs = 1, .inputs = &in };
	_cleanup_(mem_freep) char *line = NULL;
	const char *from, *end;
	struct buf b;
	int said;

	buf_init(&b, 1 << 16);
	assert_int_equal(wrapper_write(&r, &b, NULL), 0);
	from = strstr(b.data, "suanlu_inner() {");
	end = from ? strstr(from, "\n}\n") : NULL;
	assert_non_null(end);
	assert_true(asprintf(&line, "%.*s\n}\nsuanlu_inner '%.*s'", (int)(end - from), from,
			     (int)strcspn(address, "]"), address) > 0);
	setenv("SCRIPT", line, 1);
	said = system("exec sh -c \"$SCRIPT\"");
	buf_done(&b);
	assert_true(said == 0 || said == 256);
	return !said;
}

static void the_script_of_a_run_judges_alike(void **state)
{
	for (size_t i = 0; i < sizeof(inner) / sizeof(*inner); i++)
		if (!sh_inner(inner[i] + (inner[i][0] == '[')))
			fail_msg("%s", inner[i]);
	for (size_t i = 0; i < sizeof(outer) / sizeof(*outer); i++)
		if (sh_inner(outer[i] + (outer[i][0] == '[')))
			fail_msg("%s", outer[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_of_an_inner_network_is_known),
		cmocka_unit_test(so_it_is_however_it_is_written),
		cmocka_unit_test(a_listed_host_is_found_in_any_spelling_and_no_other),
		cmocka_unit_test(the_script_of_a_run_judges_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
