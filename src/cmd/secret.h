/* secret.h - read a password: from the terminal without showing it, else a line of standard input */
#ifndef CMD_SECRET_H
#define CMD_SECRET_H

#include <stddef.h>

/* Ask on the terminal, into `out` (wipe it after use).  0, or CMD_USAGE and said: nothing came,
 * or more than fits. */
int secret_read(const char *prompt, char *out, size_t size);

#endif
