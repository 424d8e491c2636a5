/* SPDX-License-Identifier: MIT */
/*
 * criterion/criterion.h - as much of Criterion as our tests use, for where there is none:
 * processors that are emulated, C libraries that it is not packaged for.
 *
 * For tests only (-Dcriterion=standin). Names and meanings are Criterion's: each test runs in a
 * process of its own, between .init and .fini of its suite and then of its own, for .timeout
 * seconds at most, and must end by .signal if it has one. A process is a fork of the program, which
 * has done nothing yet. runner.c says how to call the program, and what it prints.
 */
#ifndef NETPARK_TESTS_CRITERION_H
#define NETPARK_TESTS_CRITERION_H

#include <stdbool.h>
#include <string.h>

struct standin_options {
	void (*init)(void);
	void (*fini)(void);
	double timeout; /* seconds; 0 for none */
	int signal;     /* that ends it; 0 for none */
	int line;       /* where it is; set here, so that the list of options is never empty */
};

struct standin_suite {
	const char *name;
	struct standin_options options;
	struct standin_suite *next;
};

struct standin_test {
	const char *suite;
	const char *name;
	void (*run)(void);
	struct standin_options options;
	struct standin_test *next;
};

/* Before main(). */
void standin_add_suite(struct standin_suite *suite);
void standin_add_test(struct standin_test *test);

/*
 * For this test. @format may be NULL; checks put a NULL behind all that it names, so compilers must
 * not count.
 */
void standin_fail(const char *file, int line, const char *check, const char *format, ...);
_Noreturn void standin_give_up(const char *file, int line, const char *check, const char *format,
			       ...);
__attribute__((format(printf, 1, 2))) _Noreturn void standin_skip(const char *format, ...);

/* ---- suites and tests --------------------------------------------------------------------- */

#define TestSuite(...)        STANDIN_SUITE(__VA_ARGS__, .line = __LINE__)
#define Test(suite_name, ...) STANDIN_TEST(suite_name, __VA_ARGS__, .line = __LINE__)

#define STANDIN_SUITE(suite_name, ...)                                                             \
	__attribute__((constructor)) static void standin_suite_##suite_name(void)                  \
	{                                                                                          \
		static struct standin_suite suite = { .name = #suite_name,                         \
						      .options = { __VA_ARGS__ } };                \
		standin_add_suite(&suite);                                                         \
	}                                                                                          \
	_Static_assert(true, "a semicolon follows")

#define STANDIN_TEST(suite_name, test_name, ...)                                                   \
	static void suite_name##_##test_name##_test(void);                                         \
	__attribute__((constructor)) static void suite_name##_##test_name##_add(void)              \
	{                                                                                          \
		static struct standin_test test = { .suite = #suite_name,                          \
						    .name = #test_name,                            \
						    .run = suite_name##_##test_name##_test,        \
						    .options = { __VA_ARGS__ } };                  \
		standin_add_test(&test);                                                           \
	}                                                                                          \
	static void suite_name##_##test_name##_test(void)

/* ---- checks: what is checked, and then a format with its arguments, or nothing ------------- */

/* Of a list that NULL was put behind: the first, and the others; NULL is the format if none is
 * there. */
#define STANDIN_FIRST(first, ...)  first
#define STANDIN_OTHERS(first, ...) __VA_ARGS__

#define STANDIN_CHECK(is_so, otherwise, text, ...)                                                 \
	((is_so) ? (void)0 : otherwise(__FILE__, __LINE__, text, STANDIN_OTHERS(__VA_ARGS__, NULL)))

#define STANDIN_ONE(otherwise, expected, ...)                                                      \
	STANDIN_CHECK(!!(STANDIN_FIRST(__VA_ARGS__, 0)) == (expected), otherwise,                  \
		      (expected) ? "(" #__VA_ARGS__ ") is not so" : "(" #__VA_ARGS__ ") is so",    \
		      __VA_ARGS__)
#define STANDIN_TWO(otherwise, left, relation, ...)                                                \
	STANDIN_CHECK((left)relation(STANDIN_FIRST(__VA_ARGS__, 0)), otherwise,                    \
		      "not: (" #left ") " #relation " (" #__VA_ARGS__ ")", __VA_ARGS__)
#define STANDIN_STRINGS(otherwise, left, relation, ...)                                            \
	STANDIN_CHECK(strcmp(left, STANDIN_FIRST(__VA_ARGS__, "")) relation 0, otherwise,          \
		      "strings: not: (" #left ") " #relation " (" #__VA_ARGS__ ")", __VA_ARGS__)
#define STANDIN_ARRAYS(left, right, ...)                                                           \
	STANDIN_CHECK(memcmp(left, right, STANDIN_FIRST(__VA_ARGS__, 0)) == 0, standin_give_up,    \
		      "bytes: not: (" #left ") == (" #right "), " #__VA_ARGS__, __VA_ARGS__)

#define cr_assert(...)                     STANDIN_ONE(standin_give_up, true, __VA_ARGS__)
#define cr_assert_not(...)                 STANDIN_ONE(standin_give_up, false, __VA_ARGS__)
#define cr_assert_null(...)                STANDIN_ONE(standin_give_up, false, __VA_ARGS__)
#define cr_assert_not_null(...)            STANDIN_ONE(standin_give_up, true, __VA_ARGS__)
#define cr_assert_eq(left, ...)            STANDIN_TWO(standin_give_up, left, ==, __VA_ARGS__)
#define cr_assert_neq(left, ...)           STANDIN_TWO(standin_give_up, left, !=, __VA_ARGS__)
#define cr_assert_lt(left, ...)            STANDIN_TWO(standin_give_up, left, <, __VA_ARGS__)
#define cr_assert_leq(left, ...)           STANDIN_TWO(standin_give_up, left, <=, __VA_ARGS__)
#define cr_assert_gt(left, ...)            STANDIN_TWO(standin_give_up, left, >, __VA_ARGS__)
#define cr_assert_geq(left, ...)           STANDIN_TWO(standin_give_up, left, >=, __VA_ARGS__)
#define cr_assert_str_eq(left, ...)        STANDIN_STRINGS(standin_give_up, left, ==, __VA_ARGS__)
#define cr_assert_str_neq(left, ...)       STANDIN_STRINGS(standin_give_up, left, !=, __VA_ARGS__)
#define cr_assert_arr_eq(left, right, ...) STANDIN_ARRAYS(left, right, __VA_ARGS__)
#define cr_assert_fail(...)                                                                        \
	standin_give_up(__FILE__, __LINE__, "should not be reached", __VA_ARGS__)

/* The test goes on, and has failed. */
#define cr_expect(...)              STANDIN_ONE(standin_fail, true, __VA_ARGS__)
#define cr_expect_not(...)          STANDIN_ONE(standin_fail, false, __VA_ARGS__)
#define cr_expect_eq(left, ...)     STANDIN_TWO(standin_fail, left, ==, __VA_ARGS__)
#define cr_expect_str_eq(left, ...) STANDIN_STRINGS(standin_fail, left, ==, __VA_ARGS__)

#define cr_skip_test(...)           standin_skip(__VA_ARGS__)

#endif /* NETPARK_TESTS_CRITERION_H */
