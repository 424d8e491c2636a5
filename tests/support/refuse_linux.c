/* SPDX-License-Identifier: MIT */
/* tests/support/refuse_linux.c - see refuse.h: from the list to a program for the kernel. */
#include "tests/support/refuse.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#else
#define ARCHITECTURE 0 /* not known, or socketcall(2) */
#endif

/* Newer than some headers; the same everywhere. */
enum {
	NR_CLONE3 = 435,
	NR_CLOSE_RANGE = 436,
	NR_EPOLL_PWAIT2 = 441,
	GUARD_INSTALL = 102,
	ZEROCOPY_OPTION = 60,
	ZEROCOPY_FLAG = 0x4000000,
	ULP_OPTION = 31,
};

/* Of one argument of a call: these of its bits, and what they are. */
struct condition {
	int argument;
	uint32_t mask; /* 0: there is no such condition */
	uint32_t value;
};

/* One system call, with conditions on it, all of which hold. A feature may have several. */
struct rule {
	const char *feature;
	int usual;
	long call;
	struct condition conditions[2];
};

#define WHOLE UINT32_MAX
#define OPTION(level, name)                                                                        \
	{                                                                                          \
		{ 1, WHOLE, level },                                                               \
		{                                                                                  \
			2, WHOLE, name                                                             \
		}                                                                                  \
	}

/* Those of one feature together, in the order of README.md's table. Not in "all": the first two. */
static const struct rule rules[] = {
	{ "epoll_create1", ENOSYS, SYS_epoll_create1, { { 0 } } },
	{ "bind", EINVAL, SYS_bind, { { 0 } } },
	{ "epoll_pwait2", ENOSYS, NR_EPOLL_PWAIT2, { { 0 } } },
	{ "eventfd2", ENOSYS, SYS_eventfd2, { { 0 } } },
	{ "pipe2", ENOSYS, SYS_pipe2, { { 1, O_CLOEXEC, O_CLOEXEC } } },
	{ "accept4", ENOSYS, SYS_accept4, { { 0 } } },
	/* And not SOCK_CLOEXEC, which is as old, but without which glibc knows no interfaces. */
	{ "SOCK_NONBLOCK", EINVAL, SYS_socket, { { 1, SOCK_NONBLOCK, SOCK_NONBLOCK } } },
	{ "SOCK_NONBLOCK", EINVAL, SYS_socketpair, { { 1, SOCK_NONBLOCK, SOCK_NONBLOCK } } },
	{ "splice", ENOSYS, SYS_splice, { { 0 } } },
	{ "sendfile", ENOSYS, SYS_sendfile, { { 0 } } },
	{ "preadv2", ENOSYS, SYS_preadv2, { { 0 } } },
	{ "recvmmsg", ENOSYS, SYS_recvmmsg, { { 0 } } },
	{ "sendmmsg", ENOSYS, SYS_sendmmsg, { { 0 } } },
	{ "SO_ZEROCOPY", ENOPROTOOPT, SYS_setsockopt, OPTION(SOL_SOCKET, ZEROCOPY_OPTION) },
	{ "MSG_ZEROCOPY", EOPNOTSUPP, SYS_sendto, { { 3, ZEROCOPY_FLAG, ZEROCOPY_FLAG } } },
	{ "SO_REUSEPORT", ENOPROTOOPT, SYS_setsockopt, OPTION(SOL_SOCKET, SO_REUSEPORT) },
	{ "SO_PEERCRED", ENOPROTOOPT, SYS_getsockopt, OPTION(SOL_SOCKET, SO_PEERCRED) },
	{ "SO_PROTOCOL", ENOPROTOOPT, SYS_getsockopt, OPTION(SOL_SOCKET, SO_PROTOCOL) },
	{ "TCP_ULP", ENOPROTOOPT, SYS_getsockopt, OPTION(IPPROTO_TCP, ULP_OPTION) },
	{ "TCP_KEEPIDLE", ENOPROTOOPT, SYS_setsockopt, OPTION(IPPROTO_TCP, TCP_KEEPIDLE) },
	{ "AF_INET6", EAFNOSUPPORT, SYS_socket, { { 0, WHOLE, AF_INET6 } } },
	{ "IPV6_V6ONLY", ENOPROTOOPT, SYS_setsockopt, OPTION(IPPROTO_IPV6, IPV6_V6ONLY) },
	{ "AF_NETLINK", EAFNOSUPPORT, SYS_socket, { { 0, WHOLE, AF_NETLINK } } },
	{ "MADV_GUARD_INSTALL", EINVAL, SYS_madvise, { { 2, WHOLE, GUARD_INSTALL } } },
	{ "madvise", ENOSYS, SYS_madvise, { { 0 } } },
	{ "mincore", ENOSYS, SYS_mincore, { { 0 } } },
	{ "sched_getaffinity", ENOSYS, SYS_sched_getaffinity, { { 0 } } },
	{ "sched_setaffinity", ENOSYS, SYS_sched_setaffinity, { { 0 } } },
	/* These the C library may try. */
	{ "clone3", ENOSYS, NR_CLONE3, { { 0 } } },
	{ "close_range", ENOSYS, NR_CLOSE_RANGE, { { 0 } } },
	{ "getrandom", ENOSYS, SYS_getrandom, { { 0 } } },
	{ "membarrier", ENOSYS, SYS_membarrier, { { 0 } } },
};

enum { NEEDED = 2, RULES = sizeof(rules) / sizeof(rules[0]) };

static const struct {
	const char *name;
	int value;
} errors[] = {
	{ "EACCES", EACCES },
	{ "EINVAL", EINVAL },
	{ "ENOPROTOOPT", ENOPROTOOPT },
	{ "ENOSYS", ENOSYS },
	{ "EXDEV", EXDEV },
	{ "EOPNOTSUPP", EOPNOTSUPP },
	{ "EPERM", EPERM },
	{ "EPROTONOSUPPORT", EPROTONOSUPPORT },
};

enum { ERRORS = sizeof(errors) / sizeof(errors[0]) };

/* ---- the list ----------------------------------------------------------------------------- */

const char *refuse_feature(size_t index)
{
	for (size_t i = 0; i < RULES; i++) {
		bool is_next = i == 0 || strcmp(rules[i].feature, rules[i - 1].feature) != 0;

		if (is_next && index-- == 0)
			return rules[i].feature;
	}
	return NULL;
}

static bool is_name(const char *word, size_t length, const char *name)
{
	return strlen(name) == length && strncmp(word, name, length) == 0;
}

/* A word of the list: the length of its name, and of the error's that may follow. */
struct word {
	const char *name;
	size_t length;
	const char *error;
	size_t error_length;
};

static struct word read_word(const char **list)
{
	size_t length = strcspn(*list, ",");
	struct word word = { *list, strcspn(*list, ",="), NULL, 0 };

	if (word.length < length) {
		word.error = word.name + word.length + 1;
		word.error_length = length - word.length - 1;
	}
	*list += length + ((*list)[length] == ',');
	return word;
}

/* What the word says of the rule: 0, its errno, or -EINVAL for an error of no known name. */
static int judge(const struct word *word, const struct rule *rule)
{
	bool is_all = is_name(word->name, word->length, "all") && rule >= &rules[NEEDED];

	if (!is_all && !is_name(word->name, word->length, rule->feature))
		return 0;
	if (!word->error)
		return rule->usual;
	for (size_t i = 0; i < ERRORS; i++)
		if (is_name(word->error, word->error_length, errors[i].name))
			return errors[i].value;
	return -EINVAL;
}

int refuse_errno(const char *list, const char *feature)
{
	while (*list) {
		struct word word = read_word(&list);

		for (size_t i = 0; i < RULES; i++) {
			int error = strcmp(rules[i].feature, feature) == 0 ? judge(&word, &rules[i])
									   : 0;

			if (error > 0)
				return error;
		}
	}
	return 0;
}

/* ---- the filter --------------------------------------------------------------------------- */

/* A call and two conditions: the first of them to fail leads past the rest of the rule. */
enum { RULE_MOST = 2 + 2 * 3 + 1, FILTER_MOST = 4 + 2 * RULES * RULE_MOST };

struct filter {
	struct sock_filter code[FILTER_MOST];
	unsigned short length;
};

static void add(struct filter *filter, unsigned short code, uint32_t value, unsigned char if_false)
{
	filter->code[filter->length++] =
		(struct sock_filter){ .code = code, .jf = if_false, .k = value };
}

/* The half of an argument that an int is in. */
static uint32_t low_half(int argument)
{
	uint32_t offset = (uint32_t)(offsetof(struct seccomp_data, args) +
				     (size_t)argument * sizeof(uint64_t));

	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? offset : offset + 4;
}

static void add_rule(struct filter *filter, const struct rule *rule, int error)
{
	unsigned char left = 1; /* instructions of this rule after the next comparison */

	for (int i = 0; i < 2; i++)
		left = (unsigned char)(left + (rule->conditions[i].mask ? 3 : 0));
	add(filter, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0);
	add(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)rule->call, left);
	for (int i = 0; i < 2; i++) {
		const struct condition *condition = &rule->conditions[i];

		if (!condition->mask)
			continue;
		left = (unsigned char)(left - 3);
		add(filter, BPF_LD | BPF_W | BPF_ABS, low_half(condition->argument), 0);
		add(filter, BPF_ALU | BPF_AND | BPF_K, condition->mask, 0);
		add(filter, BPF_JMP | BPF_JEQ | BPF_K, condition->value, left);
	}
	add(filter, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error, 0);
}

/* All rules that one word means. How many, or -EINVAL, also where there is no room for more. */
static int add_word(struct filter *filter, const struct word *word)
{
	int count = 0;

	for (size_t i = 0; i < RULES; i++) {
		int error = judge(word, &rules[i]);

		if (error < 0)
			return error;
		if (error == 0)
			continue;
		if (filter->length + RULE_MOST >= FILTER_MOST)
			return -EINVAL;
		add_rule(filter, &rules[i], error);
		count++;
	}
	return count > 0 ? count : -EINVAL;
}

/* The first rule that a call meets decides. Programs for another architecture are left alone. */
static int translate(const char *list, struct filter *filter)
{
	filter->length = 0;
	add(filter, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0);
	filter->code[filter->length++] = (struct sock_filter){ .code = BPF_JMP | BPF_JEQ | BPF_K,
							       .jt = 1,
							       .k = ARCHITECTURE };
	add(filter, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0);
	while (*list) {
		struct word word = read_word(&list);
		int count = add_word(filter, &word);

		if (count < 0)
			return count;
	}
	add(filter, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0);
	return 0;
}

int refuse(const char *list)
{
	struct filter filter;
	struct sock_fprog program = { .filter = filter.code };
	int error = translate(list, &filter);

	if (error)
		return error;
	program.len = filter.length;
	if (ARCHITECTURE == 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return -ENOTSUP;
	return 0;
}
