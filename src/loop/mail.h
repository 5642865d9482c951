/* mail.h - wake the loop thread from another thread
 *
 * mail_send() may be called from any thread; fn runs once or more afterwards on
 * the loop thread (several sends may become one call).
 */
#ifndef LOOP_MAIL_H
#define LOOP_MAIL_H

#include <uv.h>

struct mail;

struct mail *mail_new(uv_loop_t *loop, void (*fn)(void *arg), void *arg);
void mail_send(struct mail *m);
struct mail *mail_free(struct mail *m);         /* loop thread, after the senders have stopped */

#endif
