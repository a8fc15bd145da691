// SPDX-License-Identifier: GPL-2.0-only
/*
 * What YAML has in store for those who write configs, and those who read them: each trap on its
 * own. And files that nobody would write: whatever stands there, it is told, and soon.
 */
#include "config_file.h"

#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <linux/qwamos_gpu.h>

#include "qemu/args.h"
#include "util/mem.h"

#define DATA "tests/data/vm-configs/"

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* A MAC without quotes, after a program of YAML 1.1 has written it. */
static void mac_as_number(void **state)
{
	assert_error("vm: {name: a}\nnetwork:\n  mac: 41135085296\n", "network.mac", 3, 8,
		     "'41135085296' found; accepted: \"52:54:00:12:34:56\"");
	assert_error("vm: {name: a}\nnetwork:\n  mac: 41135085300\n", "network.mac", 3, 8,
		     "\"52:54:00:12:35:00\"");
	assert_error("vm: {name: a}\nnetwork:\n  mac: 41135085296\n", "network.mac", 3, 8,
		     "in quotes");
	/* Not what six numbers of two digits come to. */
	assert_error("vm: {name: a}\nnetwork:\n  mac: 46656000000\n", "network.mac", 3, 8,
		     "six pairs of hex digits");
}

static void mac(void **state)
{
	struct loaded l = load_text("vm: {name: a}\nnetwork:\n  mac: 52:54:00:12:34:56\n");

	assert_int_equal(l.ret, 0);
	assert_string_equal(l.c.mac, "52:54:00:12:34:56");
	unload(&l);
	assert_error("vm: {name: a}\nnetwork: {mac: \"52:54:00:12:34\"}\n", "network.mac", 2, 16,
		     "six pairs");
	assert_error("vm: {name: a}\nnetwork: {mac: \"52:54:00:12:34:5g\"}\n", "network.mac", 2, 16,
		     "six pairs");
	assert_error("vm: {name: a}\nnetwork: {mac: \"52:54:00:12:34:56:78\"}\n", "network.mac", 2,
		     16, "six pairs");
	assert_error("vm: {name: a}\nnetwork: {mac: \"53:54:00:12:34:56\"}\n", "network.mac", 2, 16,
		     "the first pair must be even");
	assert_error("vm: {name: a}\nnetwork: {mac: \"00:00:00:00:00:00\"}\n", "network.mac", 2, 16,
		     "'00:00:00:00:00:00' found; accepted: an address that is not all zeros");
	assert_error("vm: {name: a}\nnetwork: {mac: 0}\n", "network.mac", 2, 16,
		     "accepted: six pairs of hex digits");
	assert_error("vm: {name: a}\nnetwork: {mac: [1]}\n", "network.mac", 2, 16, "a list found");
}

static void yes_and_no(void **state)
{
	static const struct {
		const char *text;
		int value;
	} words[] = { { "yes", 1 },  { "no", 0 },   { "on", 1 },    { "off", 0 },
		      { "true", 1 }, { "True", 1 }, { "FALSE", 0 }, { "No", 0 } };
	struct loaded l;
	char text[80];
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		snprintf(text, sizeof(text), "vm: {name: a}\ngpu: {fallback: %s}\n", words[i].text);
		l = load_text(text);
		assert_int_equal(l.ret, 0);
		assert_int_equal(l.c.fallback, words[i].value);
		unload(&l);
	}
	/* A text stays one: this VM is called "no", and not "false". */
	l = load_text("vm: {name: no}\n");
	assert_int_equal(l.ret, 0);
	assert_string_equal(l.c.name, "no");
	unload(&l);
	assert_error("vm: {name: a}\ngpu: {fallback: y}\n", "gpu.fallback", 2, 17, "'y' found");
	assert_error("vm: {name: a}\ngpu: {fallback: \"no\"}\n", "gpu.fallback", 2, 17,
		     "accepted: true, false");
	assert_error("vm: {name: a}\ngpu: {fallback: 0}\n", "gpu.fallback", 2, 17, "'0' found");
	assert_error("vm: {name: a}\ngpu: {access_mode: no}\n", "gpu.access_mode", 2, 20,
		     "'no' found; accepted: virtio, passthrough, software, none");
}

static void numbers(void **state)
{
	static const char *const wrong[] = { "0x10", "0o10", "1_0",  "1e1", "10.0",
					     "+10",  "1:10", " 1 0", ".5",  ".inf" };
	char text[80];
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "vm: {name: a}\ngpu:\n  priority: %s\n", wrong[i]);
		assert_error(text, "gpu.priority", 3, wrong[i][0] == ' ' ? 14 : 13,
			     "accepted: a whole number");
	}
	/* Eight, or ten? */
	assert_error("vm: {name: a}\ngpu:\n  priority: 010\n", "gpu.priority", 3, 13,
		     "'010' found; accepted: a whole number without a 0 before it");
	assert_error("vm: {name: a}\nresources: {ram: 0512}\n", "resources.ram", 2, 18,
		     "'0512' found");
}

static void duplicates(void **state)
{
	assert_error("vm: {name: a}\ngpu:\n  enabled: true\n  enabled: false\n", "", 4, 3,
		     "'enabled' stands here a second time");
	assert_error("vm: {name: a, \"name\": b}\n", "", 1, 15, "'name' stands here a second time");
}

static void anchors(void **state)
{
	assert_error("vm: &a {name: a}\n", "", 1, 5, "anchors");
	assert_error("vm: {name: a}\ngpu: *a\n", "", 2, 6, "aliases");
	assert_error("vm: {name: a}\n&k gpu: {}\n", "", 2, 1, "anchors");
	assert_error("vm: {name: a}\ngpu: !!map {}\n", "", 2, 6, "tags");
}

static void merge_keys(void **state)
{
	assert_error("vm: {name: a}\n<<: {gpu: {enabled: true}}\n", "", 2, 1,
		     "merge keys (<<) are not accepted");
	assert_error("x: {y: 1}\nvm:\n  name: a\n  <<: *x\n", "", 4, 3, "merge keys");
}

/* Nothing is expanded: the first anchor ends it. */
static void alias_bomb(void **state)
{
	double start = seconds();

	assert_error("a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\n"
		     "c: &c [*b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c]\n",
		     "", 1, 4, "anchors");
	assert_true(seconds() - start < 1);
}

static void tabs(void **state)
{
	assert_error("vm:\n\tname: a\n", "", 2, 1, "a tab; accepted before a key: blanks");
	assert_error("vm:\n  name: a\ngpu:\n  \tenabled: true\n", "", 4, 3, "a tab");
}

static void byte_order_mark(void **state)
{
	static const char utf16[] = "\xff\xfev\0m\0:\0 \0{\0n\0a\0m\0e\0:\0 \0a\0}\0\n";
	struct loaded l = load_text("\xef\xbb\xbfvm: {name: a}\ngpu: {priority: 7}\n");

	assert_int_equal(l.ret, 0);
	assert_string_equal(l.c.name, "a");
	assert_int_equal(l.c.priority, 7);
	unload(&l);
	l = load_bytes(utf16, sizeof(utf16));
	assert_int_equal(l.ret, 0);
	assert_string_equal(l.c.name, "a");
	unload(&l);
	assert_error("vm: {name: a}\n\xef\xbb\xbfgpu: {}\n", "", 2, 2, "expected key");
}

static void nul(void **state)
{
	static const char raw[] = "vm: {name: a}\nboot: {cmdline: \"a\0b\"}\n";
	struct loaded l = load_bytes(raw, sizeof(raw) - 1);

	assert_int_equal(l.ret, -EINVAL);
	assert_diag(&l, QDIAG_ERROR, "", 2, 19, "a NUL character is not accepted");
	unload(&l);
	assert_error("vm: {name: a}\nboot: {cmdline: \"a\\0b\"}\n", "", 2, 17, "NUL");
	assert_error("vm: {name: a}\n\"b\\0c\": 1\n", "", 2, 1, "NUL");
}

static void no_utf8(void **state)
{
	assert_error("vm: {name: a}\nboot: {cmdline: \xc3\x28}\n", "", 2, 18, "UTF-8");
	/* Columns are characters, not bytes. */
	assert_error("vm: {name: a}\nboot: {cmdline: \xc3\xa4\xc3\xa4, \xff: 1}\n", "", 2, 21,
		     "UTF-8");
}

static void nesting(void **state)
{
	size_t n = 200000;
	char *text = qmem_calloc(1, n + 16);
	double start = seconds();

	memset(text, '[', n);
	memcpy(text, "a: ", 3);
	assert_error(text, "", 1, 36, "more than 32 levels");
	memset(text, '{', n);
	memcpy(text, "a: ", 3);
	assert_error(text, "", 1, 5, "a key must be one word");
	assert_true(seconds() - start < 5);
	free(text);
}

/* A file of 100 MB is not even read. */
static void large_file(void **state)
{
	int fd = memfd_create("config", 0);
	double start = seconds();
	struct loaded l;
	char path[64];

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 100 << 20), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	l = load_file(path);
	assert_int_equal(l.ret, -EINVAL);
	assert_int_equal(l.d.n, 1);
	assert_non_null(strstr(l.d.list[0].text, "more than 1 MiB"));
	unload(&l);
	close(fd);
	l = load_file("/dev/zero");
	assert_int_equal(l.ret, -EINVAL);
	assert_non_null(strstr(l.d.list[0].text, "no regular file"));
	unload(&l);
	assert_true(seconds() - start < 1);
}

/* Many keys of one map would be compared to each other. */
static void many_keys(void **state)
{
	char *text = qmem_calloc(1, 1 << 20), *p = text;
	double start = seconds();
	struct loaded l;
	int i;

	for (i = 0; p < text + (1 << 20) - 32; i++)
		p += snprintf(p, 32, "k%d:\n", i);
	assert_error(text, "", 2001, 1, "more than 2000 keys");
	p = text + snprintf(text, 64, "vm: {name: a}\nqemu_extra_args:\n");
	while (p < text + (1 << 20) - 32)
		p += snprintf(p, 32, "- -usb\n");
	l = load_text(text);
	assert_int_equal(l.ret, 0);
	assert_true(l.c.extra_args.n > 100000);
	unload(&l);
	assert_true(seconds() - start < 10);
	free(text);
}

static void directory(void **state)
{
	struct loaded l = load_file("/tmp");

	assert_int_equal(l.ret, -EINVAL);
	assert_string_equal(l.d.list[0].text, "Is a directory");
	unload(&l);
}

static void nat_rules(void **state)
{
	struct loaded l = load_text("vm: {name: a}\nnetwork:\n  mode: nat\n  nat_rules:\n"
				    "  - {host_port: 2226, guest_port: 22}\n"
				    "  - {host_port: 53, guest_port: 53, protocol: udp, "
				    "host_address: 10.0.0.1, description: x}\n");

	assert_int_equal(l.ret, 0);
	assert_int_equal(l.c.nat.n, 2);
	assert_false(l.c.nat.v[0].udp);
	assert_null(l.c.nat.v[0].address);
	assert_int_equal(l.c.nat.v[0].host_port, 2226);
	assert_true(l.c.nat.v[1].udp);
	assert_string_equal(l.c.nat.v[1].address, "10.0.0.1");
	unload(&l);
#define NAT(rule) "vm: {name: a}\nnetwork: {mode: nat, nat_rules: [" rule "]}\n"
	assert_error(NAT("{host_port: 1}"), "network.nat_rules", 2, 34, "without guest_port");
	assert_error(NAT("{guest_port: 1}"), "network.nat_rules", 2, 34, "without host_port");
	assert_error(NAT("{host_port: 0, guest_port: 1}"), "network.nat_rules.host_port", 2, 46,
		     "'0' found; accepted: a port, from 1 to 65535");
	assert_error(NAT("{host_port: 1, guest_port: 65536}"), "network.nat_rules.guest_port", 2,
		     61, "'65536' found");
	assert_error(NAT("{host_port: 1, guest_port: 022}"), "network.nat_rules.guest_port", 2, 61,
		     "'022' found");
	assert_error(NAT("{host_port: 1, guest_port: 2, protocol: icmp}"),
		     "network.nat_rules.protocol", 2, 74, "accepted: tcp, udp");
	assert_error(NAT("{host_port: 1, guest_port: 2, host_address: x}"),
		     "network.nat_rules.host_address", 2, 78, "an IPv4 address");
	assert_error(NAT("{host_port: 1, guest_port: 2, port: 3}"), "network.nat_rules.port", 2, 64,
		     "no such key");
	assert_error(NAT("22"), "network.nat_rules", 2, 34, "a rule: a map");
	assert_error(NAT("{host_port: 1, guest_port: 2}, {host_port: 1, guest_port: 3}"),
		     "network.nat_rules", 2, 65, "line 2 has that port already");
	/* The default is an address like any other, and 0.0.0.0 is all of them. */
	assert_error(NAT("{host_port: 1, guest_port: 2}, "
			 "{host_port: 1, guest_port: 3, host_address: 127.0.0.1}"),
		     "network.nat_rules", 2, 65, "line 2 has that port already");
	assert_error(NAT("{host_port: 1, guest_port: 2, host_address: 0.0.0.0}, "
			 "{host_port: 1, guest_port: 3, host_address: 10.0.0.1}"),
		     "network.nat_rules", 2, 88, "line 2 has that port already");
	l = load_text(NAT("{host_port: 1, guest_port: 2}, "
			  "{host_port: 1, guest_port: 2, host_address: 10.0.0.1}, "
			  "{host_port: 1, guest_port: 2, host_address: 10.0.0.2}"));
	assert_int_equal(l.ret, 0);
	assert_int_equal(l.c.nat.n, 3);
	unload(&l);
}

static void network(void **state)
{
	struct loaded l;

	assert_error("vm: {name: a}\nnetwork: {mode: bridge}\n", "network.bridge", 2, 17,
		     "missing");
	assert_error("vm: {name: a}\nnetwork: {mode: bridge, bridge: a/b}\n", "network.bridge", 2,
		     33, "1 to 15 characters");
	assert_error("vm: {name: a}\nnetwork: {mode: bridge, bridge: abcdefghijklmnop}\n",
		     "network.bridge", 2, 33, "1 to 15 characters");
	assert_error("vm: {name: a}\nnetwork: {device: e1001}\n", "network.device", 2, 19,
		     "'e1001' found; accepted: none, virtio-net-pci");
	l = load_text("vm: {name: a}\nnetwork: {mode: airgapped, bridge: b, "
		      "nat_rules: [{host_port: 1, guest_port: 2}]}\n");
	assert_int_equal(l.ret, 0);
	assert_diag(&l, QDIAG_WARNING, "network.bridge", 2, 36, "without effect");
	assert_diag(&l, QDIAG_WARNING, "network.nat_rules", 2, 50, "without effect");
	unload(&l);
}

static void choices(void **state)
{
	assert_error("vm: {name: a}\nhardware: {graphics: {type: e1000}}\n",
		     "hardware.graphics.type", 2, 29, "'e1000' found; accepted: none, virtio-gpu");
	assert_error("vm: {name: a}\nhardware: {disk: {primary: {format: qcow3}}}\n",
		     "hardware.disk.primary.format", 2, 37, "accepted: raw, qcow2");
	assert_error("vm: {name: a}\nhardware: {disk: {primary: {cache: fast}}}\n",
		     "hardware.disk.primary.cache", 2, 36, "accepted: none, writeback");
}

/* One to eight changes of a real config: bytes turned, taken out, doubled, or put in. */
static void mutate(char *text, size_t *len, size_t room)
{
	static const char *const bits[] = { "\t", "\n",	 "- ",	": ",	    "[",    "{",
					    "]",  "}",	 "&a ", "*a",	    "<<: ", "\"",
					    "'",  "|\n", "#",	"!!x ",	    "\xff", "\xef\xbb\xbf",
					    "? ", "%",	 "@",	"gpu:\n  ", "0",    "~" };
	int i, n = 1 + rand() % 8;

	for (i = 0; i<n && * len> 16; i++) {
		size_t at = rand() % *len, some = 1 + rand() % 12;
		const char *bit = bits[rand() % (sizeof(bits) / sizeof(bits[0]))];

		switch (rand() % 5) {
		case 0:
			text[at] = rand();
			break;
		case 1:
			some = some > *len - at ? *len - at : some;
			memmove(text + at, text + at + some, *len - at - some);
			*len -= some;
			break;
		case 2:
			*len = at + 1;
			break;
		default:
			some = strlen(bit);
			if (*len + some > room)
				break;
			memmove(text + at + some, text + at, *len - at);
			memcpy(text + at, bit, some);
			*len += some;
		}
	}
}

/* It ends, in one of two ways, and what is said has a place in the file. */
static void mutations(void **state)
{
	static const char *const files[] = { "android-vm",  "gateway-1", "kali-vm",
					     "test-gpu-vm", "vault-vm",	 "whonix-vm" };
	unsigned int seed = time(NULL), bad = 0, rounds;
	double end = seconds() + 3;
	char real[16384], text[20000], path[64];
	struct loaded l;
	size_t i, len;
	FILE *f;

	srand(seed);
	for (rounds = 0; rounds < 20000 && seconds() < end; rounds++) {
		snprintf(path, sizeof(path), DATA "%s.yaml",
			 files[rounds % (sizeof(files) / sizeof(files[0]))]);
		f = fopen(path, "r");
		assert_non_null(f);
		len = fread(real, 1, sizeof(real), f);
		fclose(f);
		memcpy(text, real, len);
		mutate(text, &len, sizeof(text));
		l = load_bytes(text, len);
		if (!l.ret)
			qemu_extra_check(&l.c, &l.d);
		else if (l.ret != -EINVAL || !qdiags_count(&l.d, QDIAG_ERROR))
			fail_msg("seed %u, round %u: %d without an error", seed, rounds, l.ret);
		bad += l.ret != 0;
		for (i = 0; i < l.d.n; i++)
			if (!l.d.list[i].text[0] ||
			    (!l.d.list[i].at.line && strcmp(l.d.list[i].key, "vm.name")))
				fail_msg("seed %u, round %u: no place or text: %s: %s", seed,
					 rounds, l.d.list[i].key, l.d.list[i].text);
		unload(&l);
	}
	/* Some were wrong and some were not, or this tests nothing. */
	assert_true(rounds > 100);
	assert_true(bad > rounds / 20);
	assert_true(bad < rounds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mac_as_number), cmocka_unit_test(mac),
		cmocka_unit_test(yes_and_no),	 cmocka_unit_test(numbers),
		cmocka_unit_test(duplicates),	 cmocka_unit_test(anchors),
		cmocka_unit_test(merge_keys),	 cmocka_unit_test(alias_bomb),
		cmocka_unit_test(tabs),		 cmocka_unit_test(byte_order_mark),
		cmocka_unit_test(nul),		 cmocka_unit_test(no_utf8),
		cmocka_unit_test(nesting),	 cmocka_unit_test(large_file),
		cmocka_unit_test(many_keys),	 cmocka_unit_test(directory),
		cmocka_unit_test(nat_rules),	 cmocka_unit_test(network),
		cmocka_unit_test(choices),	 cmocka_unit_test(mutations),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("config_traps", tests, NULL, NULL);
}
