/* file.h - what stands in a small file */
#ifndef TEST_LIB_FILE_H
#define TEST_LIB_FILE_H

#include <stdio.h>

/* NULL: it cannot be opened.  Valid until the next call. */
static inline const char *file_text(const char *path)
{
	static char text[4096];
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

#endif
