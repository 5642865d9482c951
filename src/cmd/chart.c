/* chart.c - a page that is whole in one file: tiles, tables, charts as SVG */

#include "cmd/chart.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { LEFT = 62, TOP = 12, WIDTH = 520, HEIGHT = 260, RIGHT = 18, BELOW = 46, TICKS = 6 };
enum { BAR = 13, NAME_WIDTH = 150, BARS_WIDTH = 360 };

const char *const chart_colors[CHART_COLORS] = {
	"#c8102e", "#1f6fb2", "#2e8b57", "#d08a00", "#7a4fa3", "#1c9aa0", "#8a6552", "#6b7280",
};

static const char style[] =
	"body{font:15px/1.55 system-ui,-apple-system,\"PingFang SC\",\"Microsoft YaHei\","
	"\"Noto Sans CJK SC\",\"WenQuanYi Zen Hei\",sans-serif;color:#1c2430;background:#f4f6f8;"
	"margin:0}\n"
	"main{max-width:76em;margin:0 auto;padding:1.6em 1.4em 3em}\n"
	"header{border-bottom:3px solid #c8102e;margin-bottom:1.2em;padding-bottom:.7em}\n"
	"h1{font-size:1.7em;margin:0}h1 small,h2 small{font-weight:400;color:#5b6675;"
	"font-size:.72em;margin-left:.5em}\n"
	"h2{font-size:1.12em;margin:1.9em 0 .6em}header p{margin:.5em 0 0;color:#5b6675}\n"
	".tiles{display:flex;flex-wrap:wrap;gap:.8em}.tile{background:#fff;border:1px solid #dde2e8;"
	"border-radius:8px;padding:.7em 1.1em;min-width:9em;flex:1}\n"
	".tile b{display:block;font-size:1.5em;font-variant-numeric:tabular-nums;line-height:1.3}"
	".tile span.t{color:#5b6675;font-size:.86em}\n"
	".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(27em,1fr));gap:1em}\n"
	"figure{background:#fff;border:1px solid #dde2e8;border-radius:8px;margin:0;padding:.9em 1em}\n"
	"figcaption{font-weight:600;margin-bottom:.4em}figcaption small{font-weight:400;"
	"color:#5b6675;margin-left:.5em}\n"
	"svg{display:block;width:100%;height:auto}svg text{font-size:12px;fill:#5b6675}\n"
	".grid{stroke:#e4e8ed}.axis{stroke:#9aa5b1}polyline{fill:none;stroke-width:2;"
	"stroke-linejoin:round}\n"
	".keys{display:flex;flex-wrap:wrap;gap:.2em 1.2em;font-size:.88em;margin-top:.4em}"
	".keys i,td i{display:inline-block;width:.8em;height:.8em;border-radius:2px;"
	"margin-right:.45em}\n"
	".wide{overflow-x:auto;background:#fff;border:1px solid #dde2e8;border-radius:8px}"
	"table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
	"td,th{padding:.5em .8em;text-align:right;border-bottom:1px solid #edf0f3;font-weight:400;"
	"white-space:nowrap}th{color:#5b6675;font-size:.86em;background:#fafbfc;"
	"vertical-align:bottom}th small{display:block}\n"
	"td:first-child,th:first-child{text-align:left}tr:last-child td{border-bottom:0}\n"
	".less{color:#1f7a4a}.more{color:#b3261e}\n"
	".note{color:#5b6675;font-size:.88em}.note li{margin:.15em 0}\n"
	".text td,.text th{text-align:left;vertical-align:top}"
	".text td:last-child{white-space:normal;min-width:14em;overflow-wrap:anywhere}\n"
	"@media(max-width:600px){.text td{white-space:normal}.text td:last-child{min-width:9em}"
	"td,th{padding:.4em .5em}}\n"
	"@page{size:A4;margin:14mm}\n"
	"@media print{body{background:#fff;font-size:11px}main{padding:0}tr,figure,.tile"
	"{break-inside:avoid}.wide{overflow:visible}.text td{white-space:normal;"
	"overflow-wrap:anywhere}td,th{padding:.35em .5em}}\n";

void page_safe(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			fputs("&amp;", f);
		else if (*text == '<')
			fputs("&lt;", f);
		else if (*text == '>')
			fputs("&gt;", f);
		else if (*text == '"')
			fputs("&quot;", f);
		else if ((unsigned char)*text < ' ' || *text == 0x7f)
			putc('?', f);
		else
			putc(*text, f);
	}
}

void page_begin(FILE *f, const char *zh, const char *en)
{
	fprintf(f,
		"<!doctype html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src 'unsafe-inline'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width\">\n"
		"<title>算路 · %s · Suanlu %s</title>\n<style>\n%s</style></head><body><main>\n"
		"<header><h1>算路 · %s<small>Suanlu · %s</small></h1>\n",
		zh, en, style, zh, en);
}

void page_end(FILE *f)
{
	fputs("</main></body></html>\n", f);
}

void page_heading(FILE *f, const char *zh, const char *en)
{
	fprintf(f, "<h2>%s<small>%s</small></h2>\n", zh, en);
}

void page_figure(FILE *f, const char *path, const char *fmt, ...)
{
	va_list ap;

	assert(fmt);
	fputs("<span data-figure=\"", f);
	page_safe(f, path);
	fputs("\">", f);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fputs("</span>", f);
}

void page_tiles(FILE *f)
{
	fputs("<div class=\"tiles\">\n", f);
}

void page_tile(FILE *f, const char *zh, const char *en, const char *path, const char *fmt, ...)
{
	va_list ap;

	assert(fmt);
	fprintf(f, "<div class=\"tile\"><span class=\"t\">%s · %s</span><b data-figure=\"%s\">", zh,
		en, path);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fputs("</b></div>\n", f);
}

void page_tiles_end(FILE *f)
{
	fputs("</div>\n", f);
}

void page_charts(FILE *f)
{
	fputs("<div class=\"charts\">\n", f);
}

void page_charts_end(FILE *f)
{
	fputs("</div>\n", f);
}

/* ---- text of ticks ---- */

void chart_percent(double y, char out[32])
{
	snprintf(out, 32, "%.0f%%", y);
}

void chart_number(double y, char out[32])
{
	char digits[32];
	size_t n, k = 0;

	snprintf(digits, sizeof(digits), "%.0f", fabs(y) < 1e15 ? y : 0);
	n = strlen(digits);
	for (size_t i = 0; i < n && k < 30; i++) {
		out[k++] = digits[i];
		if (i + 1 < n && (n - 1 - i) % 3 == 0 && digits[i] != '-')
			out[k++] = ',';
	}
	out[k] = '\0';
}

void chart_time(double s, char out[32])
{
	if (s >= 172800)
		snprintf(out, 32, "%.4g d", s / 86400);
	else if (s >= 7200)
		snprintf(out, 32, "%.4g h", s / 3600);
	else if (s >= 120)
		snprintf(out, 32, "%.4g min", s / 60);
	else
		snprintf(out, 32, "%.3g s", s);
}

/* ---- axes ---- */

static double step_of(double span)
{
	double raw = span / TICKS, base, m;

	if (!(raw > 0))
		return 1;
	base = pow(10, floor(log10(raw)));
	m = raw / base;
	return base * (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10);
}

/* Hours and days are not decimal. */
static double time_step_of(double span)
{
	static const double steps[] = { 1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 21600,
					43200, 86400, 172800, 432000, 864000, 2592000, 8640000 };
	size_t i = 0;

	while (i + 1 < ARRAY_LEN(steps) && span / steps[i] > TICKS)
		i++;
	return span / steps[i] > TICKS ? step_of(span) : steps[i];
}

double chart_above(double most)
{
	double step = step_of(most > 0 ? most : 1);

	return step * ceil((most > 0 ? most : 1) / step);
}

static double at_x(const struct chart *c, double x)
{
	return LEFT + (c->x1 > c->x0 ? WIDTH * (x - c->x0) / (c->x1 - c->x0) : 0);
}

static double at_y(const struct chart *c, double y)
{
	y = y < c->y0 ? c->y0 : y > c->y1 ? c->y1 : y;
	return TOP + (c->y1 > c->y0 ? HEIGHT * (c->y1 - y) / (c->y1 - c->y0) : HEIGHT);
}

static void axes(FILE *f, const struct chart *c)
{
	double by = step_of(c->y1 - c->y0);
	char text[32];

	for (double y = ceil(c->y0 / by - 1e-9) * by + 0.0; y <= c->y1 + by / 1000; y += by) {
		c->y_text(y, text);
		fprintf(f, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
			"<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
			LEFT, LEFT + WIDTH, at_y(c, y), at_y(c, y), LEFT - 8, at_y(c, y) + 4, text);
	}
	by = c->x_text == chart_time ? time_step_of(c->x1 - c->x0) : step_of(c->x1 - c->x0);
	for (double x = ceil(c->x0 / by - 1e-9) * by + 0.0; x <= c->x1 + by / 1000; x += by) {
		c->x_text(x, text);
		fprintf(f, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
			"<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
			at_x(c, x), at_x(c, x), TOP, TOP + HEIGHT, at_x(c, x), TOP + HEIGHT + 18,
			text);
	}
	fprintf(f, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n", LEFT,
		LEFT + WIDTH, TOP + HEIGHT, TOP + HEIGHT);
}

void chart_begin(FILE *f, const struct chart *c)
{
	fprintf(f, "<figure><figcaption>%s<small>%s</small></figcaption>\n<svg viewBox=\"0 0 %d "
		"%d\" role=\"img\" aria-label=\"%s · %s\">\n", c->zh, c->en, LEFT + WIDTH + RIGHT,
		TOP + HEIGHT + BELOW, c->zh, c->en);
	axes(f, c);
}

void chart_line(FILE *f, const struct chart *c, const char *color, double first, double step,
		uint32_t n, const double *y)
{
	fprintf(f, "<polyline stroke=\"%s\" points=\"", color);
	for (uint32_t i = 0; i < n; i++) {
		double x = first + i * step;

		if (x >= c->x0 && x <= c->x1 * (1 + 1e-9))
			fprintf(f, "%.1f,%.1f ", at_x(c, x), at_y(c, y[i]));
	}
	fputs("\"/>\n", f);
}

void chart_end(FILE *f, const struct chart *c)
{
	fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n</svg>\n",
		LEFT + WIDTH / 2, TOP + HEIGHT + 38, c->x_title);
}

void chart_keys(FILE *f)
{
	fputs("<div class=\"keys\">", f);
}

void chart_key(FILE *f, const char *color, const char *name)
{
	fprintf(f, "<span><i style=\"background:%s\"></i>", color);
	page_safe(f, name);
	fputs("</span>", f);
}

void chart_keys_end(FILE *f)
{
	fputs("</div></figure>\n", f);
}

/* ---- bars ---- */

static void bar(FILE *f, const struct bars *b, double y, const char *color, double value)
{
	double w = b->most > 0 ? BARS_WIDTH * (value < b->most ? value : b->most) / b->most : 0;
	char text[32];

	b->text(value, text);
	fprintf(f, "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"2\" fill=\"%s\"/>"
		"<text x=\"%.1f\" y=\"%.1f\">%s</text>\n", NAME_WIDTH, y, w > 0.5 ? w : 0.5, BAR,
		color, NAME_WIDTH + w + 6, y + 10.5, text);
}

void chart_bars(FILE *f, const struct bars *b)
{
	int per = b->b ? 2 : 1, pitch = per * (BAR + 2) + 8;

	fprintf(f, "<figure><figcaption>%s<small>%s</small></figcaption>\n<svg viewBox=\"0 0 %d "
		"%u\" role=\"img\" aria-label=\"%s · %s\">\n", b->zh, b->en,
		NAME_WIDTH + BARS_WIDTH + 70, b->n * (unsigned)pitch + 4, b->zh, b->en);
	for (uint32_t i = 0; i < b->n; i++) {
		double y = i * (double)pitch + 4;

		fprintf(f, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", NAME_WIDTH - 8,
			y + per * (BAR + 2) / 2.0 + 4);
		page_safe(f, b->names[i]);
		fputs("</text>", f);
		bar(f, b, y, b->b ? chart_colors[7] : chart_colors[1], b->a[i]);
		if (b->b)
			bar(f, b, y + BAR + 2, chart_colors[0], b->b[i]);
	}
	fputs("</svg>\n", f);
	chart_keys(f);
	if (b->b) {
		chart_key(f, chart_colors[7], b->name_a);
		chart_key(f, chart_colors[0], b->name_b);
	}
	chart_keys_end(f);
}
