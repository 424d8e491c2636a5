/* SPDX-License-Identifier: MIT */
/* tests/bench/load_window.c - when counting starts and ends, and what was counted. */
#include "load.h"

#include <stdio.h>
#include <time.h>

int64_t load_time_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void open_window(struct window *window, int64_t now_ns)
{
	window->is_open = true;
	window->start_ns = now_ns;
	window->end_ns = now_ns + window->options->duration_ns;
	histogram_clear(&window->latency);
	window->cpu = cpu_clock_read(window->options->server);
}

void window_init(struct window *window, const struct load_options *options)
{
	int64_t now_ns = load_time_ns();

	*window = (struct window){ .options = options };
	if (options->requests)
		open_window(window, now_ns);
	else
		window->start_ns = now_ns + options->duration_ns / 8;
}

bool window_begin_request(struct window *window)
{
	if (window->options->requests && window->begun == window->options->requests)
		return false;
	window->begun++;
	return true;
}

static void close_window(struct window *window, int64_t now_ns)
{
	struct cpu_time now = cpu_clock_read(window->options->server);

	window->end_ns = now_ns;
	window->cpu.total_ns = now.total_ns - window->cpu.total_ns;
	window->cpu.user_ns = now.user_ns - window->cpu.user_ns;
	window->cpu.ticked_ns = now.ticked_ns - window->cpu.ticked_ns;
}

static bool is_last(const struct window *window, int64_t now_ns)
{
	if (window->options->requests)
		return window->latency.count == window->options->requests;
	return now_ns >= window->end_ns;
}

bool window_end_request(struct window *window, int64_t now_ns, int64_t latency_ns)
{
	if (!window->is_open) {
		if (now_ns >= window->start_ns)
			open_window(window, now_ns);
		return true;
	}
	histogram_add(&window->latency, (uint64_t)latency_ns);
	if (!is_last(window, now_ns))
		return true;
	close_window(window, now_ns);
	return false;
}

bool window_pass_time(struct window *window, int64_t now_ns)
{
	if (window->options->requests)
		return true;
	if (!window->is_open && now_ns >= window->start_ns)
		open_window(window, now_ns);
	if (!window->is_open || now_ns < window->end_ns)
		return true;
	close_window(window, now_ns);
	return false;
}

void window_report(const struct window *window)
{
	const struct histogram *latency = &window->latency;
	double seconds = (double)(window->end_ns - window->start_ns) / 1e9;
	double count = (double)latency->count;

	printf("requests=%.0f seconds=%.6f rate=%.1f p50=%.2f p99=%.2f p999=%.2f", count, seconds,
	       count / seconds, histogram_quantile(latency, 0.5) / 1e3,
	       histogram_quantile(latency, 0.99) / 1e3, histogram_quantile(latency, 0.999) / 1e3);
	if (window->options->server && latency->count) {
		double cpu_ns = (double)window->cpu.total_ns / count;
		double user = window->cpu.ticked_ns
				      ? (double)window->cpu.user_ns / (double)window->cpu.ticked_ns
				      : 0;

		printf(" cpu=%.1f user=%.1f system=%.1f", cpu_ns, cpu_ns * user,
		       cpu_ns * (1 - user));
	}
	printf("\n");
}
