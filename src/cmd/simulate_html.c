/* simulate_html.c - the report of `suanlu simulate`: one file, charts as SVG, no script */

#include "cmd/simulate.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

enum { LEFT = 48, TOP = 14, WIDTH = 640, HEIGHT = 300 };

static const char *const colors[SIMULATE_POLICIES_MAX] = {
	"#d1495b", "#2274a5", "#4b8f4b", "#c08a1e", "#7a5195", "#3aa6a0", "#8a6552", "#767676",
};

static const char head[] =
	"<!doctype html>\n<html lang=\"zh\"><head><meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<title>算路 · 放置模拟 · Suanlu placement simulation</title>\n<style>\n"
	":root { color-scheme: light dark }\n"
	"body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; "
	"padding: 0 1em }\n"
	"h1 { font-size: 1.5em } h2 { font-size: 1.1em; margin-top: 2em } small { opacity: .7 }\n"
	"svg { width: 100%; height: auto } svg text { font-size: 12px; fill: currentColor }\n"
	"svg .grid { stroke: currentColor; opacity: .15 }\n"
	"svg polyline { fill: none; stroke-width: 2; stroke-linejoin: round }\n"
	"table { border-collapse: collapse } td, th { padding: .3em .7em; text-align: right; "
	"border-bottom: 1px solid #8884; font-weight: normal }\n"
	"td:first-child, th:first-child { text-align: left } i { display: inline-block; width: "
	".8em; "
	"height: .8em; margin-right: .5em }\n"
	"div { overflow-x: auto }\n</style></head><body>\n"
	"<h1>算路 · 放置模拟<br><small>Suanlu · placement simulation</small></h1>\n";

static void put_safe(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			fputs("&amp;", f);
		else if (*text == '<')
			fputs("&lt;", f);
		else if (*text == '"')
			fputs("&quot;", f);
		else
			putc(*text, f);
	}
}

/* The part of the plane that a chart shows. */
struct view {
	double x0, x1, y0, y1;
};

static double at_x(const struct view *v, double x)
{
	return LEFT + WIDTH * (x - v->x0) / (v->x1 - v->x0);
}

static double at_y(const struct view *v, double y)
{
	return TOP + HEIGHT * (v->y1 - y) / (v->y1 - v->y0);
}

static double step(double from, double to)
{
	static const double steps[] = { 1, 2, 5, 10, 20, 50, 100 };
	size_t i = 0;

	while (i + 1 < ARRAY_LEN(steps) && (to - from) / steps[i] > 7)
		i++;
	return steps[i];
}

static double first_tick(double from, double by)
{
	double x = (double)(long)(from / by) * by;

	return x < from ? x + by : x;
}

static void grid(FILE *f, const struct view *v)
{
	double by = step(v->y0, v->y1);

	for (double y = first_tick(v->y0, by); y <= v->y1; y += by)
		fprintf(f,
			"<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
			"<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f%%</text>\n",
			LEFT, LEFT + WIDTH, at_y(v, y), at_y(v, y), LEFT - 6, at_y(v, y) + 4, y);
	by = step(v->x0, v->x1);
	for (double x = first_tick(v->x0, by); x <= v->x1; x += by)
		fprintf(f,
			"<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
			"<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f%%</text>\n",
			at_x(v, x), at_x(v, x), TOP, TOP + HEIGHT, at_x(v, x), TOP + HEIGHT + 18,
			x);
}

static void curve(FILE *f, const struct simulate *s, uint32_t i, const struct view *v)
{
	fprintf(f, "<polyline stroke=\"%s\" points=\"", colors[i]);
	for (uint32_t x = (uint32_t)v->x0; x <= s->percent; x++)
		fprintf(f, "%.1f,%.1f ", at_x(v, x), at_y(v, simulate_at(&s->rows[i], x)));
	fputs("\"><title>", f);
	put_safe(f, s->rows[i].policy);
	fputs("</title></polyline>\n", f);
}

static void chart(FILE *f, const struct simulate *s, const struct view *v, const char *title)
{
	fprintf(f, "<h2>%s</h2>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n",
		title, LEFT + WIDTH + 20, TOP + HEIGHT + 44, title);
	grid(f, v);
	for (uint32_t i = s->nrows; i-- > 0;)
		curve(f, s, i, v);
	fprintf(f,
		"<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">到达需求占全部设备 "
		"· arrivals, of all devices</text>\n</svg>\n",
		LEFT + WIDTH / 2, TOP + HEIGHT + 38);
}

static void charts(FILE *f, const struct simulate *s)
{
	struct view all = { 0, s->percent, 0, 100 },
		    end = { s->percent * 2 / 3, s->percent, 100, 0 };

	if (!s->trace->capacity_milli) {
		fputs("<p>没有加速器。 · There are no devices.</p>\n", f);
		return;
	}
	chart(f, s, &all, "设备分配率 · devices allocated");
	for (uint32_t i = 0; i < s->nrows; i++) {
		double low = simulate_at(&s->rows[i], (uint32_t)end.x0);
		double high = simulate_allocation(&s->rows[i]);

		end.y0 = low < end.y0 ? low : end.y0;
		end.y1 = high > end.y1 ? high : end.y1;
	}
	end.y0 = (double)(long)end.y0;
	end.y1 = (double)(long)end.y1 + 1;
	if (s->percent >= 3)
		chart(f, s, &end, "末段放大 · the end, larger");
}

static void table(FILE *f, const struct simulate *s)
{
	fputs("<h2>结果 · figures</h2>\n<div><table><tr><th>策略<br>policy<th>分配率<br>allocated"
	      "<th>最低–最高<br>range<th>拒绝<br>refused<th>空闲：共享余量<br>idle: shared rest"
	      "<th>CPU 不足<br>little cpu<th>其他<br>other<th>微秒/决定<br>µs a decision</tr>\n",
	      f);
	for (uint32_t i = 0; i < s->nrows; i++) {
		const struct simulate_row *r = &s->rows[i];
		const struct replay_result *x = &r->sum;

		fprintf(f, "<tr><td><i style=\"background:%s\"></i>", colors[i]);
		put_safe(f, r->policy);
		fprintf(f, "<td>%.2f%%<td>%.2f–%.2f<td>%.0f<td>%.1f<td>%.1f<td>%.1f<td>%.1f</tr>\n",
			simulate_allocation(r), r->least, r->most, (double)x->refused / r->seeds,
			simulate_devices(r, x->partly_milli), simulate_devices(r, x->starved_milli),
			simulate_devices(r, x->idle_milli - x->partly_milli - x->starved_milli),
			x->arrived ? (double)x->time_ns / 1e3 / (double)x->arrived : 0);
	}
	fputs("</table></div>\n<p><small>空闲以设备数计，为各种子的平均。 · Idle: in devices, mean "
	      "over "
	      "the seeds. Little cpu: whole devices beside less cpu than half of the tasks with "
	      "devices "
	      "ask for.</small></p>\n",
	      f);
}

int simulate_html(const struct simulate *s, const char *path)
{
	FILE *f = fopen(path, "we");
	bool bad;

	if (!f)
		return -errno;
	fputs(head, f);
	fputs("<p>", f);
	put_safe(f, s->nodes_path);
	fputs(" · ", f);
	put_safe(f, s->tasks_path);
	fprintf(f,
		"<br>%u 个节点 nodes · %.0f 个设备 devices · %u 个任务 tasks · 种子 seeds "
		"%llu–%llu</p>\n",
		s->trace->nnodes, (double)s->trace->capacity_milli / DEVICE_MILLI, s->trace->ntasks,
		(unsigned long long)s->seed_first, (unsigned long long)s->seed_last);
	charts(f, s);
	table(f, s);
	fputs("</body></html>\n", f);
	bad = ferror(f);
	return fclose(f) || bad ? -EIO : 0;
}
