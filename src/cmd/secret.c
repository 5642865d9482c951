/* secret.c - read a password: from the terminal without showing it, else a line of standard input */

#include "cmd/secret.h"

#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/out.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Byte by byte: what stands behind the line is for whoever reads next. */
static bool read_line(char *out, size_t size)
{
	size_t n = 0;
	char ch;

	while (read(STDIN_FILENO, &ch, 1) == 1 && ch != '\n') {
		if (n + 1 >= size)
			return false;
		out[n++] = ch;
	}
	out[n] = '\0';
	return n > 0;
}

int secret_read(const char *prompt, char *out, size_t size)
{
	struct termios before, quiet;
	bool terminal = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &before);
	bool good;

	if (terminal) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
		out_safe(stderr, "%s", prompt);
	}
	good = read_line(out, size);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	if (good)
		return 0;
	out_safe(stderr, "suanlu: %s\n", tr("a password is read from the terminal or from one line of "
					    "standard input; none came, or it is too long",
					    "密码从终端或标准输入的一行读取；未读到密码，或密码过长"));
	return CMD_USAGE;
}
