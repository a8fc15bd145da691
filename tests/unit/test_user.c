// SPDX-License-Identifier: GPL-2.0-only
/* Whom --user names; and the parts of an argument that may be paths. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vm/user.h"
#include "vm/words.h"

static void is_refused(const char *text, int err, const char *why)
{
	struct qvm_user u;
	struct qerr e;

	assert_int_equal(qvm_user_find(text, &u, &e), -err);
	assert_non_null(strstr(e.msg, why));
}

static void refused(void **state)
{
	static const char *const numbers[] = {
		"-1:1", "+1:1", "4294967295:1", "4294967296:1", "18446744073709551616:1",
		"99999999999999999999999999:1", "65533:-1", "65533:+1", "65533:4294967295",
		"65533:18446744073709551617",
	};
	static const char *const words[] = { "", ":", ":1", "65533:", "root:" };
	char text[512];
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		is_refused(numbers[i], EINVAL, "expected a number from 1 to 4294967294");
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		is_refused(words[i], EINVAL, "expected NAME or UID");
	is_refused("no such user", ENOENT, "unknown user 'no such user'");
	is_refused("1e3:1", ENOENT, "unknown user '1e3'");
	is_refused("65533:no such group", ENOENT, "unknown group 'no such group'");
	is_refused("3999999999", EINVAL, "expected 3999999999:GID");
	is_refused("65533:0", EPERM, "root's group");
	is_refused("0:65533", EINVAL, "root has its own group alone");
	is_refused("1879048192:1", EINVAL, "sandboxes");
	is_refused("1912602623:1", EINVAL, "sandboxes");
	is_refused("65533:1879048192", EINVAL, "sandboxes");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	is_refused(text, EINVAL, "expected NAME or UID");
	text[300] = ':';
	is_refused(text, EINVAL, "expected NAME or UID");
}

static void found(void **state)
{
	static const struct {
		const char *text;
		uid_t uid;
		gid_t gid;
		const char *name;
	} all[] = {
		{ "3999999999:3999999998", 3999999999U, 3999999998U, "" },
		{ "4294967294:4294967294", 4294967294U, 4294967294U, "" },
		{ "1879048191:1912602624", 1879048191U, 1912602624U, "" },
		{ "root", 0, 0, "root" },
		{ "0", 0, 0, "root" },
		{ "0:0", 0, 0, "root" },
	};
	struct qvm_user u;
	struct qerr e;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(qvm_user_find(all[i].text, &u, &e), 0);
		assert_false(u.same);
		assert_int_equal(u.uid, all[i].uid);
		assert_int_equal(u.gid, all[i].gid);
		assert_string_equal(u.name, all[i].name);
		assert_int_equal(u.n_groups, 0);
	}
}

static void chosen(void **state)
{
	struct qvm_user u;
	struct qerr e;
	int root = !geteuid();

	assert_int_equal(qvm_user_choose(NULL, false, &u, &e), root ? -EPERM : 0);
	assert_int_equal(qvm_user_choose(NULL, true, &u, &e), root ? 0 : -EPERM);
	assert_int_equal(qvm_user_choose("root", false, &u, &e), -EPERM);
	assert_int_equal(qvm_user_choose("root", true, &u, &e), root ? 0 : -EPERM);
	assert_int_equal(qvm_user_choose("3999999999:1", true, &u, &e), -EINVAL);
	assert_int_equal(qvm_user_choose("3999999999:1", false, &u, &e), root ? 0 : -EPERM);
	if (root)
		assert_false(u.same);
}

static void told(void **state)
{
	struct qvm_user u = { .uid = 107, .gid = 108, .groups = { 36, 78 }, .n_groups = 2 };
	char text[160];

	qvm_user_text(&u, text, sizeof(text));
	assert_string_equal(text, "user (uid 107, gid 108, supplementary groups: 36 78)");
	snprintf(u.name, sizeof(u.name), "qemu");
	u.n_groups = 0;
	qvm_user_text(&u, text, sizeof(text));
	assert_string_equal(text, "user qemu (uid 107, gid 108, supplementary groups: none)");
}

struct parts {
	char text[256];
	size_t len;
};

static void add(void *arg, const char *path)
{
	struct parts *p = arg;

	p->len += snprintf(p->text + p->len, sizeof(p->text) - p->len, "[%s]", path);
	assert_true(p->len < sizeof(p->text));
}

static void paths(void **state)
{
	static const char *const all[][2] = {
		{ "", "" },
		{ "/a", "[/a]" },
		{ "file=/a,format=raw", "[file=/a][/a][format=raw][raw]" },
		{ "/a=b,c", "[/a=b][c]" },
		{ "x=,=y", "[x=][=y][y]" },
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct parts got = { 0 };

		qvm_words_paths(all[i][0], add, &got);
		assert_string_equal(got.text, all[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused), cmocka_unit_test(found), cmocka_unit_test(chosen),
		cmocka_unit_test(told),	   cmocka_unit_test(paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
