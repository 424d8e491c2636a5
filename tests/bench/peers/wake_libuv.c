/* SPDX-License-Identifier: MIT */
/* tests/bench/peers/wake_libuv.c - libuv, uv_async_send. */
#include "wake.h"

#include "../die.h"

#include <uv.h>

static uv_loop_t loop;
static uv_async_t async;

static void on_wake(uv_async_t *handle)
{
	if (!wake_answer())
		uv_close((uv_handle_t *)handle, NULL);
}

void wake_run(void)
{
	if (uv_loop_init(&loop) != 0 || uv_async_init(&loop, &async, on_wake) != 0)
		die("uv_async_init");
	wake_ready();
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
}

void wake(void)
{
	uv_async_send(&async);
}
