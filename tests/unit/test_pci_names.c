// SPDX-License-Identifier: GPL-2.0-only
/* Names of PCI devices: of a list, of one that is damaged, of none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "detect/pci.h"

static const char good[] = "8086  Maker\n\t56a0  Card\n\t\t8086 1234  Board\nC 03  Display\n\t00  VGA\n";

static struct qpci_names *open_list(const char *text, char path[32])
{
	FILE *f;
	int fd;

	snprintf(path, 32, "/tmp/test_pci_names.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	fputs(text, f);
	fclose(f);
	return qpci_names_open_list(path);
}

static void names_are(struct qpci_names *n, const char *vendor, const char *device,
		      const char *class)
{
	const struct qpci_dev d = { .vendor = 0x8086, .device = 0x56a0, .class_code = 0x030000 };
	char buf[64];

	qpci_names_vendor(n, &d, buf, sizeof(buf));
	assert_string_equal(buf, vendor);
	qpci_names_device(n, &d, buf, sizeof(buf));
	assert_string_equal(buf, device);
	qpci_names_class(n, &d, buf, sizeof(buf));
	assert_string_equal(buf, class);
}

static void named(void **state)
{
	struct qpci_dev d = { .vendor = 0xffef, .device = 1 };
	struct qpci_names *n;
	char path[32], buf[4];

	n = open_list(good, path);
	names_are(n, "Maker", "Card", "VGA");
	/* No number for what has no name. */
	qpci_names_device(n, &d, buf, sizeof(buf));
	assert_string_equal(buf, "");
	/* And no more than there is room for. */
	d.vendor = 0x8086;
	qpci_names_vendor(n, &d, buf, sizeof(buf));
	assert_string_equal(buf, "Mak");
	qpci_names_close(n);
	unlink(path);
}

/* libpci gives up: the program does not. */
static void damaged(void **state)
{
	struct qpci_names *n, *other;
	char path[32], path2[32];

	n = open_list("8086  Maker\n\t56a0\nzzzz\n", path);
	other = open_list(good, path2);
	names_are(n, "", "", "");
	names_are(other, "Maker", "Card", "VGA");
	names_are(n, "", "", "");
	qpci_names_close(n);
	qpci_names_close(other);
	unlink(path);
	unlink(path2);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(named), cmocka_unit_test(damaged) };

	qpci_names_close(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
