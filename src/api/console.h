/* console.h - the files of the web console, as tools/embed-console puts them into the program */
#ifndef API_CONSOLE_H
#define API_CONSOLE_H

struct console_file {
	const char *name, *type;
	const char *data, *end;         /* compressed by gzip */
};

extern const struct console_file console_files[];       /* ends with a NULL name; may be empty */

#endif
