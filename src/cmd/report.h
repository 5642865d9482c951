/* report.h - where a data set has been, for people */
#ifndef CMD_REPORT_H
#define CMD_REPORT_H

#include <jansson.h>
#include <stdbool.h>

/* The answer of GET /v1/datasets/{name}/report, as tables or as Markdown. */
void report_print(const json_t *doc, bool as_markdown);

/* The same as one HTML page to be printed.  0 or -errno. */
int report_html(const json_t *doc, const char *file);

#endif
