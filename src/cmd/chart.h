/* chart.h - a page that is whole in one file: tiles, tables, charts as SVG; no script, nothing
 * from elsewhere
 *
 * Chinese and English stand beside each other.  A figure that is also in the --json output is
 * written by page_figure() under its name there, so that a test can compare the two.
 */
#ifndef CMD_CHART_H
#define CMD_CHART_H

#include <stdint.h>
#include <stdio.h>

enum { CHART_COLORS = 8 };
extern const char *const chart_colors[CHART_COLORS];

void page_begin(FILE *f, const char *zh, const char *en);
void page_end(FILE *f);
void page_safe(FILE *f, const char *text);      /* markup in it is shown, not done */
void page_heading(FILE *f, const char *zh, const char *en);
/* <span data-figure="path">figure</span> */
void page_figure(FILE *f, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Tiles stand in a row, each a figure with its name. */
void page_tiles(FILE *f);
void page_tile(FILE *f, const char *zh, const char *en, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void page_tiles_end(FILE *f);

struct chart {
	const char *zh, *en;            /* title */
	const char *x_title;
	double x0, x1, y0, y1;          /* the part of the plane that is shown */
	void (*x_text)(double x, char out[32]), (*y_text)(double y, char out[32]);
};

/* Charts stand in two columns between these. */
void page_charts(FILE *f);
void page_charts_end(FILE *f);

void chart_begin(FILE *f, const struct chart *c);
/* The i-th of n values stands at first + i * step. */
void chart_line(FILE *f, const struct chart *c, const char *color, double first, double step,
		uint32_t n, const double *y);
void chart_end(FILE *f, const struct chart *c);
/* What the colours mean; the figure ends with chart_keys_end(). */
void chart_keys(FILE *f);
void chart_key(FILE *f, const char *color, const char *name);
void chart_keys_end(FILE *f);

/* Bars side by side for each of n names: series a, and b when it is not NULL. */
struct bars {
	const char *zh, *en;
	const char *name_a, *name_b;
	uint32_t n;
	const char *const *names;
	const double *a, *b;
	double most;                    /* a full bar */
	void (*text)(double y, char out[32]);
};
void chart_bars(FILE *f, const struct bars *b);

void chart_percent(double y, char out[32]);     /* "42 %" */
void chart_number(double y, char out[32]);      /* "1,200" */
void chart_time(double s, char out[32]);        /* "3 d", "4 h", "20 min" */
double chart_above(double most);                /* the next round number, for the top of an axis */

#endif
