/* curl_lazy.c - libcurl when it is needed: it brings forty libraries, and most programs need none
 *
 * These functions have the names and the contracts of libcurl's; the first call that makes a handle
 * loads the library.  Where it is not there, that call returns NULL, as it does without memory.
 * The optional argument of setopt and getinfo is a pointer, a long or a curl_off_t: each travels in
 * one register of 64 bits (checked below).
 */

#include "base/log.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

#define SONAME "libcurl.so.4"           /* since 2006 */

_Static_assert(sizeof(long) == 8 && sizeof(void *) == 8 && sizeof(curl_off_t) == 8,
	       "one register for all three");

#define ALL(X) \
	X(curl_easy_init) X(curl_easy_cleanup) X(curl_easy_reset) X(curl_easy_perform) \
	X(curl_easy_setopt) X(curl_easy_getinfo) X(curl_easy_strerror) \
	X(curl_multi_init) X(curl_multi_cleanup) X(curl_multi_add_handle) \
	X(curl_multi_remove_handle) X(curl_multi_info_read) X(curl_multi_setopt) \
	X(curl_multi_assign) X(curl_multi_socket_action) X(curl_slist_append) X(curl_slist_free_all)

#define SLOT(name) __typeof__(&name) name##_;
static struct { ALL(SLOT) } real;

#define FIND(name) \
	*(void **)&real.name##_ = dlsym(lib, #name); \
	if (!real.name##_) \
		return false;

static bool find_all(void *lib)
{
	ALL(FIND)
	return true;
}

/* On the loop thread, or in a program with one thread. */
static bool load(void)
{
	static bool tried, there;

	if (!tried) {
		void *lib = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);

		tried = true;
		there = lib && find_all(lib);
		if (!there)
			log_error("http", "could not load %s: %s", SONAME, dlerror());
	}
	return there;
}

static void *optional(va_list ap)
{
	return va_arg(ap, void *);
}

CURL *curl_easy_init(void)
{
	return load() ? real.curl_easy_init_() : NULL;
}

CURLM *curl_multi_init(void)
{
	return load() ? real.curl_multi_init_() : NULL;
}

struct curl_slist *curl_slist_append(struct curl_slist *l, const char *s)
{
	return load() ? real.curl_slist_append_(l, s) : NULL;
}

void curl_slist_free_all(struct curl_slist *l)
{
	if (l)
		real.curl_slist_free_all_(l);
}

CURLcode curl_easy_setopt(CURL *e, CURLoption o, ...)
{
	va_list ap;
	void *v;

	va_start(ap, o);
	v = optional(ap);
	va_end(ap);
	return real.curl_easy_setopt_(e, o, v);
}

CURLcode curl_easy_getinfo(CURL *e, CURLINFO i, ...)
{
	va_list ap;
	void *v;

	va_start(ap, i);
	v = optional(ap);
	va_end(ap);
	return real.curl_easy_getinfo_(e, i, v);
}

CURLMcode curl_multi_setopt(CURLM *m, CURLMoption o, ...)
{
	va_list ap;
	void *v;

	va_start(ap, o);
	v = optional(ap);
	va_end(ap);
	return real.curl_multi_setopt_(m, o, v);
}

void curl_easy_cleanup(CURL *e)
{
	if (e)
		real.curl_easy_cleanup_(e);
}

void curl_easy_reset(CURL *e)
{
	real.curl_easy_reset_(e);
}

CURLcode curl_easy_perform(CURL *e)
{
	return real.curl_easy_perform_(e);
}

const char *curl_easy_strerror(CURLcode c)
{
	return real.curl_easy_strerror_(c);
}

CURLMcode curl_multi_cleanup(CURLM *m)
{
	return real.curl_multi_cleanup_(m);
}

CURLMcode curl_multi_add_handle(CURLM *m, CURL *e)
{
	return real.curl_multi_add_handle_(m, e);
}

CURLMcode curl_multi_remove_handle(CURLM *m, CURL *e)
{
	return real.curl_multi_remove_handle_(m, e);
}

CURLMsg *curl_multi_info_read(CURLM *m, int *left)
{
	return real.curl_multi_info_read_(m, left);
}

CURLMcode curl_multi_assign(CURLM *m, curl_socket_t s, void *p)
{
	return real.curl_multi_assign_(m, s, p);
}

CURLMcode curl_multi_socket_action(CURLM *m, curl_socket_t s, int events, int *running)
{
	return real.curl_multi_socket_action_(m, s, events, running);
}
