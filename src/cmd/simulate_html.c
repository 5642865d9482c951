/* simulate_html.c - the report of `suanlu simulate` */

#include "cmd/simulate.h"

#include "base/mem.h"
#include "cmd/chart.h"
#include "cmd/out.h"

#include <errno.h>
#include <string.h>

static const char *color(uint32_t i)
{
	return chart_colors[i % CHART_COLORS];
}

static void keys(FILE *f, const struct simulate *s)
{
	chart_keys(f);
	for (uint32_t i = 0; i < s->nrows; i++)
		chart_key(f, color(i), s->rows[i].policy);
	chart_keys_end(f);
}

static void path(char out[64], uint32_t row, const char *key)
{
	snprintf(out, 64, "policies.%u.%s", row, key);
}

/* ---- tasks only arrive ---- */

static void replay_chart(FILE *f, const struct simulate *s, const struct chart *c)
{
	double y[REPLAY_PERCENT_MAX + 1];

	chart_begin(f, c);
	for (uint32_t i = s->nrows; i-- > 0;) {
		for (uint32_t x = 0; x <= s->percent; x++)
			y[x] = simulate_at(&s->rows[i], x);
		chart_line(f, c, color(i), 0, 1, s->percent + 1, y);
	}
	chart_end(f, c);
	keys(f, s);
}

static void replay_charts(FILE *f, const struct simulate *s)
{
	struct chart all = { "设备分配率", "devices allocated",
			     "到达需求占全部设备 · arrivals, of all devices", 0, s->percent, 0, 100,
			     chart_percent, chart_percent },
		     end = all;

	if (!s->trace.capacity_milli) {
		fputs("<p>没有加速器。 · There are no devices.</p>\n", f);
		return;
	}
	page_charts(f);
	replay_chart(f, s, &all);
	end.zh = "末段放大";
	end.en = "the end, larger";
	end.x0 = s->percent * 2 / 3;
	end.y0 = 100;
	end.y1 = 0;
	for (uint32_t i = 0; i < s->nrows; i++) {
		double low = simulate_at(&s->rows[i], (uint32_t)end.x0);
		double high = simulate_allocation(&s->rows[i]);

		end.y0 = low < end.y0 ? low : end.y0;
		end.y1 = high > end.y1 ? high : end.y1;
	}
	end.y0 = (double)(long)end.y0;
	end.y1 = (double)(long)end.y1 + 1;
	if (s->percent >= 3)
		replay_chart(f, s, &end);
	page_charts_end(f);
}

static void replay_row(FILE *f, const struct simulate_row *r, uint32_t i)
{
	const struct replay_result *x = &r->sum;
	char at[64];

	fprintf(f, "<tr><td><i style=\"background:%s\"></i>", color(i));
	page_safe(f, r->policy);
	path(at, i, "allocation_percent");
	fputs("<td>", f);
	page_figure(f, at, "%.2f", simulate_allocation(r));
	fprintf(f, "%%<td>%.2f–%.2f<td>%.0f<td>%.1f<td>%.1f<td>%.1f<td>", r->least, r->most,
		(double)x->refused / r->seeds, simulate_devices(r, x->partly_milli),
		simulate_devices(r, x->starved_milli),
		simulate_devices(r, x->idle_milli - x->partly_milli - x->starved_milli));
	path(at, i, "fragmentation_percent");
	page_figure(f, at, "%.1f", simulate_fragments(r));
	fprintf(f, "%%<td>%.1f</tr>\n", x->arrived ? (double)x->time_ns / 1e3 /
							     (double)x->arrived : 0);
}

static void replay_table(FILE *f, const struct simulate *s)
{
	page_heading(f, "结果", "figures");
	fputs("<div class=\"wide\"><table><tr><th>策略<small>policy</small><th>分配率"
	      "<small>allocated</small><th>最低–最高<small>range</small><th>拒绝"
	      "<small>refused</small><th>空闲：共享余量<small>idle: shared rest</small>"
	      "<th>CPU 不足<small>little cpu</small><th>其他<small>other</small><th>碎片"
	      "<small>fragments</small><th>微秒/决定<small>µs a decision</small></tr>\n", f);
	for (uint32_t i = 0; i < s->nrows; i++)
		replay_row(f, &s->rows[i], i);
	fputs("</table></div>\n<ul class=\"note\"><li>空闲以设备数计，为各种子的平均；“CPU 不足”"
	      "指所剩 CPU 少于半数带设备任务所需的整空设备。 · Idle: in devices, mean over the "
	      "seeds. Little cpu: whole devices beside less cpu than half of the tasks with devices "
	      "ask for.</li>\n", f);
}

/* ---- tasks leave again ---- */

static void live_chart(FILE *f, const struct simulate *s, const struct chart *c, bool waiting)
{
	double y[LIVE_POINTS];

	chart_begin(f, c);
	for (uint32_t i = s->nrows; i-- > 0;) {
		const struct live_result *r = s->rows[i].live;

		for (uint32_t k = 0; k < r->npoints; k++)
			y[k] = waiting ? (double)r->points[k].waiting
				       : 100.0 * (double)r->points[k].allocated_milli /
						 (double)(r->capacity_milli ? r->capacity_milli : 1);
		chart_line(f, c, color(i), 0, (double)r->step_s, r->npoints, y);
	}
	chart_end(f, c);
	keys(f, s);
}

static void live_charts(FILE *f, const struct simulate *s)
{
	struct chart devices = { "在用设备", "devices in use", "时间 · time", 0, 1, 0, 100,
				 chart_time, chart_percent },
		     waiting = { "等待的任务", "tasks waiting", "时间 · time", 0, 1, 0, 1,
				 chart_time, chart_number };
	uint64_t most = 0;

	for (uint32_t i = 0; i < s->nrows; i++) {
		const struct live_result *r = s->rows[i].live;
		double end = (double)(r->npoints ? r->npoints - 1 : 0) * (double)r->step_s;

		devices.x1 = end > devices.x1 ? end : devices.x1;
		most = r->peak_waiting > most ? r->peak_waiting : most;
	}
	waiting.x1 = devices.x1;
	waiting.y1 = chart_above((double)most);
	page_charts(f);
	live_chart(f, s, &devices, false);
	live_chart(f, s, &waiting, true);
	page_charts_end(f);
}

static void live_row(FILE *f, const struct simulate *s, uint32_t i)
{
	const struct live_result *r = s->rows[i].live;
	char at[64], text[OUT_TEXT_MAX];

	fprintf(f, "<tr><td><i style=\"background:%s\"></i>", color(i));
	page_safe(f, s->rows[i].policy);
	path(at, i, "waited");
	fputs("<td>", f);
	page_figure(f, at, "%llu", (unsigned long long)r->waited);
	path(at, i, "wait_s.mean");
	fputs("<td>", f);
	page_figure(f, at, "%.1f", r->mean_wait_s);
	fprintf(f, " s<td>%s", out_seconds(r->p50_wait_s, text));
	fprintf(f, "<td>%s", out_seconds(r->p95_wait_s, text));
	fprintf(f, "<td>%s<td>", out_seconds(r->max_wait_s, text));
	path(at, i, "used_percent.devices_while_arriving");
	page_figure(f, at, "%.2f", r->busy_device_percent);
	fputs("%<td>", f);
	path(at, i, "used_percent.devices");
	page_figure(f, at, "%.2f", r->device_percent);
	fputs("%<td>", f);
	path(at, i, "fragmentation_percent");
	page_figure(f, at, "%.1f", r->fragment_percent);
	fprintf(f, "%%<td>%s", s->priced ? out_yuan(r->bill.cost_micro, text) : "–");
	fprintf(f, "<td>%s", out_energy(r->bill.energy_j, text));
	fprintf(f, "<td>%s</tr>\n", out_carbon(r->bill.carbon_mg, text));
}

static void live_table(FILE *f, const struct simulate *s)
{
	page_heading(f, "结果", "figures");
	fputs("<div class=\"wide\"><table><tr><th>策略<small>policy</small><th>等待过的任务"
	      "<small>waited</small><th>平均等待<small>mean wait</small><th>p50<th>p95<th>最长"
	      "<small>max</small><th>设备利用率<small>devices used</small><th>至结束"
	      "<small>to the end</small><th>碎片<small>fragments</small><th>费用"
	      "<small>cost</small><th>能耗<small>energy</small><th>碳排放<small>carbon</small>"
	      "</tr>\n", f);
	for (uint32_t i = 0; i < s->nrows; i++)
		live_row(f, s, i);
	fputs("</table></div>\n<ul class=\"note\"><li>设备利用率：至最后一个任务到达为止；“至结束”："
	      "至最后一个任务离开为止。 · Devices used: up to the last arrival; to the end: until "
	      "the last task has left.</li>\n", f);
	fprintf(f, "<li>PUE %.3g，%u g/kWh，每核 %.3g W；功率未知的设备按 400 W 计。 · PUE %.3g, %u "
		"g/kWh, %.3g W a busy cpu; 400 W for devices whose power is not known.</li>\n",
		s->bill.site.pue_milli / 1000.0, s->bill.site.carbon_g_kwh[0],
		s->bill.site.cpu_milliwatt / 1000.0, s->bill.site.pue_milli / 1000.0,
		s->bill.site.carbon_g_kwh[0], s->bill.site.cpu_milliwatt / 1000.0);
}

/* ---- the page ---- */

static void inputs(FILE *f, const struct simulate *s)
{
	fputs("<p>", f);
	page_safe(f, s->nodes_path);
	fputs(" · ", f);
	page_safe(f, s->tasks_path);
	if (s->seed_first == s->seed_last)
		fprintf(f, " · 种子 seed %llu", (unsigned long long)s->seed_first);
	else
		fprintf(f, " · 种子 seeds %llu–%llu", (unsigned long long)s->seed_first,
			(unsigned long long)s->seed_last);
	if (s->departures && s->faster > 1)
		fprintf(f, " · 到达加快 %u 倍 · arrivals %u times as fast", s->faster, s->faster);
	fputs("</p></header>\n", f);
}

static void tiles(FILE *f, const struct simulate *s)
{
	const struct live_result *live = s->rows[0].live;
	char text[OUT_TEXT_MAX];

	page_tiles(f);
	page_tile(f, "节点", "nodes", "nodes", "%u", s->trace.nnodes);
	page_tile(f, "设备", "devices", "devices", "%.0f",
		  (double)s->trace.capacity_milli / DEVICE_MILLI);
	page_tile(f, "任务", "tasks", "tasks", "%u", s->trace.ntasks);
	if (live)
		page_tile(f, "到达历时", "arriving for", "", "%s",
			  out_seconds((int64_t)live->arrive_s, text));
	else
		page_tile(f, "到达需求", "arrivals", "", "%u %%", s->percent);
	page_tiles_end(f);
}

int simulate_html(const struct simulate *s, const char *file)
{
	FILE *f = fopen(file, "we");
	bool bad;

	if (!f)
		return -errno;
	page_begin(f, "放置模拟", "placement simulation");
	inputs(f, s);
	tiles(f, s);
	page_heading(f, "曲线", "curves");
	if (s->departures) {
		live_charts(f, s);
		live_table(f, s);
	} else {
		replay_charts(f, s);
		replay_table(f, s);
	}
	fputs("<li>碎片：空闲设备中常见任务用不上的份额，定义见 “Beware of Fragmentation”（USENIX ATC "
	      "2023）第 4 节。 · Fragments: the part of the idle devices that a usual task could not "
	      "use, as defined there.</li></ul>\n", f);
	page_end(f);
	bad = ferror(f);
	return fclose(f) || bad ? -EIO : 0;
}
