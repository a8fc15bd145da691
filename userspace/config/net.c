// SPDX-License-Identifier: GPL-2.0-only
/* Values of the network section. */
#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/values.h"
#include "util/mem.h"

#define MAC_LEN 18
/* 60^6: what six numbers of two digits come to at most, as YAML 1.1 reads them. */
#define MAC_SIXTIES 46656000000ULL

static bool is_mac(const char *text)
{
	size_t i;

	for (i = 0; i < MAC_LEN - 1; i++)
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			return false;
	return !text[i];
}

/* Ethernet has no such device: QEMU gives it an address of its own, and libvirt refuses it. */
static bool is_zero(const char *mac)
{
	return !mac[strspn(mac, "0:")];
}

/*
 * YAML 1.1 takes 52:54:00:12:34:56 for a number with the base of 60, if it is not in quotes; a file
 * that such a program has written holds that number. Return: whether @text may be one; @mac: what
 * it was
 */
static bool was_mac(const char *text, char mac[MAC_LEN])
{
	unsigned int part[6];
	uint64_t value;
	int i;

	if (!*text || strlen(text) > 11 || text[strspn(text, "0123456789")])
		return false;
	value = strtoull(text, NULL, 10);
	if (value >= MAC_SIXTIES)
		return false;
	for (i = 5; i >= 0; i--, value /= 60)
		part[i] = value % 60;
	snprintf(mac, MAC_LEN, "%02u:%02u:%02u:%02u:%02u:%02u", part[0], part[1], part[2], part[3],
		 part[4], part[5]);
	/* What would be refused is no advice. */
	return !is_zero(mac);
}

void qvalue_mac(const struct qkey *k, const struct qnode *n, char **field, struct qdiags *d)
{
	char mac[MAC_LEN], accepted[160];

	if (n->type != QNODE_SCALAR || !is_mac(n->value)) {
		if (n->type == QNODE_SCALAR && was_mac(n->value, mac)) {
			snprintf(accepted, sizeof(accepted),
				 "\"%s\", which YAML 1.1 makes this number of; keep it in quotes",
				 mac);
			qvalue_wrong(d, k, n, accepted);
		} else {
			qvalue_wrong(d, k, n,
				     "six pairs of hex digits, such as \"52:54:00:12:34:56\"");
		}
	} else if (is_zero(n->value)) {
		qvalue_wrong(d, k, n, "an address that is not all zeros");
	} else if (strtoul((char[]){ n->value[0], n->value[1], 0 }, NULL, 16) & 1) {
		qvalue_wrong(d, k, n, "an address of one device; the first pair must be even");
	} else {
		free(*field);
		*field = qmem_strdup(n->value);
	}
}

void qvalue_ifname(const struct qkey *k, const struct qnode *n, char **field, struct qdiags *d)
{
	size_t len, i;
	bool ok;

	if (n->type == QNODE_SCALAR) {
		len = strlen(n->value);
		ok = len > 0 && len < IFNAMSIZ && strcmp(n->value, ".") && strcmp(n->value, "..");
		/* What the kernel takes for a name. */
		for (i = 0; ok && i < len; i++)
			ok = isgraph((unsigned char)n->value[i]) && !strchr("/:", n->value[i]);
		if (ok) {
			free(*field);
			*field = qmem_strdup(n->value);
			return;
		}
	}
	qvalue_wrong(d, k, n, "the name of a network interface, of 1 to 15 characters");
}

static bool read_port(const struct qnode *n, int *port)
{
	if (n->type != QNODE_SCALAR || !isdigit((unsigned char)n->value[0]) || n->value[0] == '0' ||
	    strlen(n->value) > 5 || n->value[strspn(n->value, "0123456789")])
		return false;
	*port = atoi(n->value);
	return *port <= 65535;
}

/* One rule; what is wrong is told under the rule's own key. */
static bool read_rule(const struct qnode *rule, struct qconfig_nat *r, struct qdiags *d)
{
	size_t before = qdiags_count(d, QDIAG_ERROR);
	struct qkey k = { 0 };
	const struct qnode *n;
	struct in_addr addr;
	char path[64];

	for (n = rule->child; n; n = n->next) {
		snprintf(path, sizeof(path), "network.nat_rules.%s", n->key);
		k.path = path;
		if (!strcmp(n->key, "host_port")) {
			if (!read_port(n, &r->host_port))
				qvalue_wrong(d, &k, n, "a port, from 1 to 65535");
		} else if (!strcmp(n->key, "guest_port")) {
			if (!read_port(n, &r->guest_port))
				qvalue_wrong(d, &k, n, "a port, from 1 to 65535");
		} else if (!strcmp(n->key, "protocol")) {
			r->udp = n->type == QNODE_SCALAR && !strcmp(n->value, "udp");
			if (!r->udp && (n->type != QNODE_SCALAR || strcmp(n->value, "tcp")))
				qvalue_wrong(d, &k, n, "tcp, udp");
		} else if (!strcmp(n->key, "host_address")) {
			if (n->type == QNODE_SCALAR && inet_pton(AF_INET, n->value, &addr) == 1) {
				free(r->address);
				r->address = qmem_strdup(n->value);
			} else {
				qvalue_wrong(d, &k, n,
					     "an IPv4 address of the host, such as 127.0.0.1");
			}
		} else if (strcmp(n->key, "description")) {
			qdiag_add(d, QDIAG_ERROR, n->at, path,
				  "no such key; accepted in a rule: protocol, host_port, "
				  "guest_port, host_address, description");
		}
	}
	if (qdiags_count(d, QDIAG_ERROR) > before)
		return false;
	if (r->host_port && r->guest_port)
		return true;
	qdiag_add(d, QDIAG_ERROR, rule->at, "network.nat_rules",
		  "a rule without %s; accepted: a rule with both ports",
		  r->host_port ? "guest_port" : "host_port");
	return false;
}

void qvalue_nat(const struct qkey *k, const struct qnode *n, struct qconfig_nats *list,
		struct qdiags *d)
{
	const struct qnode *rule;

	if (n->type != QNODE_SEQ) {
		qvalue_wrong(d, k, n, "a list of rules");
		return;
	}
	for (rule = n->child; rule; rule = rule->next) {
		struct qconfig_nat r = { .at = rule->at };

		if (rule->type != QNODE_MAP)
			qvalue_wrong(d, k, rule, "a rule: a map with host_port and guest_port");
		else if (read_rule(rule, &r, d))
			*QMEM_GROW(list->v, list->n) = r;
		else
			free(r.address);
	}
}
