/* SPDX-License-Identifier: MIT */
/*
 * tests/fuzz/fuzz.h - what the fuzz targets share: one input each time, and the answer that
 * others than the code under test have for it.
 *
 * A target is one file with LLVMFuzzerTestOneInput(). The build links each with corpus_main.c,
 * which runs through the inputs kept in corpus/, and where the compiler has libFuzzer with that,
 * which makes more of them:
 *
 *	mkdir new && build/tests/fuzz/fuzz-addr -max_len=400 new tests/fuzz/corpus/addr
 *
 * Inputs are named for what they are; those called found-... came out of a search, and each reaches
 * code that the others do not.
 */
#ifndef NETPARK_TESTS_FUZZ_FUZZ_H
#define NETPARK_TESTS_FUZZ_FUZZ_H

#include <netpark.h>

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's name for it. Aborts where the code is wrong. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Say what does not hold, and abort. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

_Noreturn void fuzz_fail(const char *file, int line, const char *condition);

/*
 * The input as a text, up to its first NUL, to be freed. On the heap and no longer than need be:
 * AddressSanitizer sees who reads beyond.
 */
char *fuzz_text(const uint8_t *data, size_t size);

/* What has to hold when a parser failed with @error: it says why. */
void fuzz_check_refusal(int error);

/* What has to hold of an address: it is written and read back, and so is the kernel's form. */
void fuzz_check_addr(const char *network, const struct np_addr *addr);

/*
 * The IP literal as inet_pton(3) reads it, with a zone as if_nametoindex(3) does or a number.
 * Returns whether it is one.
 */
bool fuzz_read_ip(const char *text, struct np_addr *ret);

/*
 * Host and port of host:port or [host]:port where neither has a bracket, and only a host in
 * brackets a colon: they are pointed to and cut off in @text itself. Returns whether it is such.
 */
bool fuzz_split(char *text, char **ret_host, char **ret_port);

#endif /* NETPARK_TESTS_FUZZ_FUZZ_H */
