/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/curl_multi.c - another library's descriptors: libcurl's transfers by fibers.
 *
 *	curl_multi [-b epoll|poll|kqueue] [-t MILLISECONDS] DIRECTORY URL...
 *
 * Fetches all at the same time, each into DIRECTORY/1, 2, ..., with a fiber that waits for it; then
 * prints "number status bytes url" of each, in their order. A transfer takes @MILLISECONDS at most.
 *
 * libcurl's multi interface says which sockets it wants to know about, and until when it wants to
 * be called in any case; whoever uses it does the waiting. It opens and closes the sockets itself:
 *
 *  - Handles are NP_FD_BORROWED, and closed, by np_close(), when libcurl says that it is done with
 *    a socket: it closes that next. np_close() returns when nobody is inside any more.
 *  - libcurl is one for all and may be called by one at a time: by who has the lock. np_close()
 *    is called with it; who it waits for is in np_wait(), without.
 */
#include <netpark.h>

#include <curl/curl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	CURLM *multi;
	struct np_mutex lock; /* of libcurl, and of everything here */
	int64_t call_at;      /* libcurl wants to be called then; 0: no */
	struct np_cond call_at_changed;
	bool is_over;
	struct np_group watchers;
	int running;
	long timeout_ms;
} all;

/* A socket that libcurl wants to know about. */
struct watch {
	struct np_fd *fd;     /* NULL: libcurl is done with it */
	curl_socket_t socket; /* libcurl's */
	int wanted;           /* CURL_POLL_IN, CURL_POLL_OUT */
	int watched;          /* there is a fiber for it */
	int users;
};

/* The fiber that waits for one of its directions. */
struct watcher {
	struct watch *watch;
	struct np_fd *fd;
	int direction;
};

/* One transfer, and the fiber that waits for it. */
struct transfer {
	const char *url;
	FILE *file;
	CURLcode result;
	long status;
	long bytes;
	struct np_semaphore done;
};

static void release(struct watch *watch)
{
	if (--watch->users == 0)
		free(watch);
}

/* Whose transfers have ended? By who has the lock and called libcurl. */
static void look_for_ends(void)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(all.multi, &left))) {
		struct transfer *transfer = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
		transfer->result = message->data.result;
		np_semaphore_release(&transfer->done, 1);
	}
}

static void call_curl(curl_socket_t socket, int events)
{
	curl_multi_socket_action(all.multi, socket, events, &all.running);
	look_for_ends();
}

/* ---- sockets ------------------------------------------------------------------------------ */

static int watch_direction(void *arg)
{
	struct watcher watcher = *(struct watcher *)arg;
	struct watch *watch = watcher.watch;
	bool is_in = watcher.direction == CURL_POLL_IN;
	bool goes_on = true;

	free(arg);
	while (goes_on) {
		int error = np_wait(watcher.fd, is_in ? NP_READ : NP_WRITE);

		np_mutex_lock(&all.lock);
		/* By now libcurl may have changed its mind. */
		goes_on = !error && watch->fd == watcher.fd && watch->wanted & watcher.direction;
		if (goes_on)
			call_curl(watch->socket, is_in ? CURL_CSELECT_IN : CURL_CSELECT_OUT);
		else
			watch->watched &= ~watcher.direction;
		if (!goes_on)
			release(watch);
		np_mutex_unlock(&all.lock);
	}
	np_unref(watcher.fd);
	return 0;
}

static void start_watcher(struct watch *watch, int direction)
{
	struct watcher *watcher;

	if (!(watch->wanted & direction) || watch->watched & direction)
		return;
	watcher = malloc(sizeof(*watcher));
	if (!watcher)
		return;
	*watcher = (struct watcher){ watch, np_ref(watch->fd), direction };
	if (np_group_go(&all.watchers, watch_direction, watcher)) {
		np_unref(watcher->fd);
		free(watcher);
		return;
	}
	watch->users++;
	watch->watched |= direction;
}

static struct watch *create_watch(curl_socket_t socket)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->socket = socket;
	watch->users = 1;
	if (np_fd_open(socket, NP_FD_BORROWED, &watch->fd)) {
		free(watch);
		return NULL;
	}
	curl_multi_assign(all.multi, socket, watch);
	return watch;
}

/* libcurl is going to close it as soon as this returns, or to use it again later. */
static void end_watch(struct watch *watch)
{
	np_close(watch->fd);
	watch->fd = NULL;
	watch->wanted = 0;
	curl_multi_assign(all.multi, watch->socket, NULL);
	release(watch);
}

/* Called by libcurl, which was called by who has the lock. */
static int on_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *of_socket)
{
	struct watch *watch = of_socket;

	(void)easy;
	(void)arg;
	if (what == CURL_POLL_REMOVE) {
		if (watch)
			end_watch(watch);
		return 0;
	}
	if (!watch)
		watch = create_watch(socket);
	if (!watch)
		return -1;
	watch->wanted = what & CURL_POLL_INOUT;
	start_watcher(watch, CURL_POLL_IN);
	start_watcher(watch, CURL_POLL_OUT);
	return 0;
}

/* ---- time --------------------------------------------------------------------------------- */

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	(void)multi;
	(void)arg;
	all.call_at = timeout_ms < 0 ? 0 : np_deadline(timeout_ms * INT64_C(1000000));
	np_cond_signal(&all.call_at_changed);
	return 0;
}

static int keep_time(void *arg)
{
	(void)arg;
	np_mutex_lock(&all.lock);
	while (!all.is_over) {
		if (all.call_at != 0 && all.call_at <= np_time()) {
			all.call_at = 0;
			call_curl(CURL_SOCKET_TIMEOUT, 0);
		} else {
			np_cond_wait_until(&all.call_at_changed, &all.lock, all.call_at);
		}
	}
	np_mutex_unlock(&all.lock);
	return 0;
}

/* ---- transfers ---------------------------------------------------------------------------- */

/* curl_easy_perform(), but for the fiber alone. */
static void perform(CURL *easy, struct transfer *transfer)
{
	np_mutex_lock(&all.lock);
	curl_multi_add_handle(all.multi, easy);
	np_mutex_unlock(&all.lock);
	np_semaphore_acquire(&transfer->done, 1);
	np_mutex_lock(&all.lock);
	curl_multi_remove_handle(all.multi, easy);
	np_mutex_unlock(&all.lock);
}

static size_t write_file(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;

	transfer->bytes += (long)(size * count);
	return fwrite(data, size, count, transfer->file);
}

static int fetch(void *arg)
{
	struct transfer *transfer = arg;
	CURL *easy = curl_easy_init();

	if (!easy)
		return 0;
	curl_easy_setopt(easy, CURLOPT_URL, transfer->url);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *)transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_file);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, all.timeout_ms);
	perform(easy, transfer);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &transfer->status);
	curl_easy_cleanup(easy);
	return 0;
}

/* ---- the program -------------------------------------------------------------------------- */

struct request {
	struct transfer *transfers;
	int count;
};

static int fetch_all(void *arg)
{
	const struct request *request = arg;
	struct np_group transfers = { 0 };

	all.multi = curl_multi_init();
	curl_multi_setopt(all.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(all.multi, CURLMOPT_TIMERFUNCTION, on_timer);
	np_group_go(&all.watchers, keep_time, NULL);
	for (int i = 0; i < request->count; i++)
		np_group_go(&transfers, fetch, &request->transfers[i]);
	np_group_join(&transfers);

	np_mutex_lock(&all.lock);
	curl_multi_cleanup(all.multi); /* closes what was kept for more */
	all.is_over = true;
	np_cond_signal(&all.call_at_changed);
	np_mutex_unlock(&all.lock);
	return np_group_join(&all.watchers);
}

/* Returns how many failed. */
static int report(const struct request *request)
{
	int failed = 0;

	for (int i = 0; i < request->count; i++) {
		const struct transfer *transfer = &request->transfers[i];

		if (transfer->result == CURLE_OK)
			printf("%d %ld %ld %s\n", i + 1, transfer->status, transfer->bytes,
			       transfer->url);
		else
			printf("%d failed: %s: %s\n", i + 1, curl_easy_strerror(transfer->result),
			       transfer->url);
		failed += transfer->result != CURLE_OK;
	}
	return failed;
}

static struct transfer *prepare(const char *dir, int count, char **urls)
{
	struct transfer *transfers = calloc((size_t)count, sizeof(*transfers));

	for (int i = 0; transfers && i < count; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%d", dir, i + 1);
		transfers[i].url = urls[i];
		transfers[i].result = CURLE_FAILED_INIT;
		transfers[i].file = fopen(path, "w");
		if (!transfers[i].file) {
			perror(path);
			exit(1);
		}
	}
	return transfers;
}

int main(int argc, char **argv)
{
	struct np_run_options options = { .workers = 1 };
	struct request request;
	int option, failed;

	while ((option = getopt(argc, argv, "b:t:")) != -1) {
		if (option == 'b')
			options.backend = runtime_poll_find(optarg);
		else if (option == 't')
			all.timeout_ms = strtol(optarg, NULL, 10);
		if (option == '?' || (option == 'b' && !options.backend))
			return 2;
	}
	if (argc - optind < 2) {
		fprintf(stderr, "usage: curl_multi [-b epoll|poll|kqueue] [-t MILLISECONDS] "
				"DIRECTORY URL...\n");
		return 2;
	}
	request.count = argc - optind - 1;
	request.transfers = prepare(argv[optind], request.count, argv + optind + 1);
	if (!request.transfers || curl_global_init(CURL_GLOBAL_DEFAULT))
		return 1;
	failed = np_run(fetch_all, &request, &options);
	if (failed)
		fprintf(stderr, "curl_multi: %s\n", np_strerror(failed));
	else
		failed = report(&request);
	for (int i = 0; i < request.count; i++)
		fclose(request.transfers[i].file);
	free(request.transfers);
	curl_global_cleanup();
	return failed ? 1 : 0;
}
