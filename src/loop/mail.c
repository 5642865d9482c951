/* mail.c - wake the loop thread from another thread */

#include "loop/mail.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

struct mail {
	uv_async_t uv;
	void (*fn)(void *arg);
	void *arg;
};

static void arrived(uv_async_t *uv)
{
	struct mail *m = uv->data;

	m->fn(m->arg);
}

static void release(uv_handle_t *uv)
{
	free(uv->data);
}

struct mail *mail_new(uv_loop_t *loop, void (*fn)(void *arg), void *arg)
{
	struct mail *m = mem_alloc(sizeof(*m));
	int r = uv_async_init(loop, &m->uv, arrived);

	/* Fails only when the machine has no descriptor left at start: our own mistake. */
	assert(!r);
	(void)r;
	m->uv.data = m;
	m->fn = fn;
	m->arg = arg;
	return m;
}

void mail_send(struct mail *m)
{
	uv_async_send(&m->uv);
}

struct mail *mail_free(struct mail *m)
{
	if (m)
		uv_close((uv_handle_t *)&m->uv, release);
	return NULL;
}
