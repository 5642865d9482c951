/* slurm_script.c - the batch script of a run on a Slurm cluster
 *
 * It must be cheap: where thousands of short jobs run, each process that it starts counts.
 * What it needs are builtins of sh but for the fork of the task's own shell; and few files, for
 * on a network file system each costs a round trip or more.
 */

#include "engine/slurm_script.h"

#include "engine/slurm_job.h"
#include "engine/wrapper.h"

#include <errno.h>
#include <inttypes.h>

/* A job that the cluster queued again after a failed node has begun before. */
static const char head[] =
	"#!/bin/sh\n"
	"[ \"${SLURM_RESTART_COUNT:-0}\" = 0 ] || exit 121\n"
	"umask 027\n";

/* A group, as a failed redirection of `:` alone would end the shell, and as the file is ours also when
 * its disk is too full for our number.  Where the daemon is another user, it is to be able to remove what we
 * leave. */
static const char take_shared[] =
	"suanlu_taken() { [ -e \"$run/started\" ] && exit 121; exit 122; }\n"
	"cd \"$run/work\" 2>/dev/null || suanlu_taken\n"
	"set -C\n"
	"{ echo \"${SLURM_JOB_ID-}\" || :; } >../started || suanlu_taken\n"
	"set +C\n"
	"[ -O .. ] || umask 007\n"
	"exec >../stdout 2>../stderr </dev/null\n";

static const char take_own[] =
	"run=$(mktemp -d \"${TMPDIR:-/tmp}/suanlu.XXXXXX\") || exit 122\n"
	"mkdir \"$run/work\" && cd \"$run/work\" || exit 122\n"
	"exec </dev/null\n";

/* Outlives TERM, which Slurm sends to every process of the job, to tell how it ended. */
static const char command_begin[] =
	"trap : TERM\n"
	"(\n";

static const char command_end[] =
	")\n"
	"code=$?\n";

/* The group is Slurm's batch step: this script, the watcher and whatever the task started. */
static const char watch[] =
	"(\n"
	"	trap '' TERM\n"
	"	while sleep 5; do\n"
	"		[ -e ../stop ] || continue\n"
	"		kill -TERM 0\n"
	"		sleep 10\n"
	"		echo '{\"end\":\"stopped\",\"phase\":\"command\",\"exit_code\":137,"
			"\"ended_ms\":0}' >../exit.json\n"
	"		kill -KILL 0\n"
	"	done\n"
	") </dev/null >/dev/null 2>&1 &\n"
	"suanlu_watch=$!\n";

static const char watch_end[] =
	"kill -KILL $suanlu_watch 2>/dev/null\n";

/* exit.json is whole when it ends in a brace; before the first one stands what `times` says. */
static const char tell[] =
	"phase=command end=exit\n"
	"[ ! -e ../phase ] || read -r phase <../phase\n"
	"[ $code -le 128 ] || end=signal\n"
	"[ ! -e ../stop ] || end=stopped\n"
	"{ times; echo \"{\\\"end\\\":\\\"$end\\\",\\\"phase\\\":\\\"$phase\\\",\\\"exit_code\\\":$code,"
		"\\\"ended_ms\\\":0}\"; } >../exit.json\n"
	"[ -O .. ] || chmod -R g+rwX . 2>/dev/null\n"
	"exit $code\n";

static const char tidy[] =
	"cd /\n"
	"rm -rf \"$run\"\n"
	"exit $code\n";

/* Nothing else of it reaches the daemon.  Slurm has room for some twelve, and a site need not have scontrol
 * on its nodes: then nothing is told. */
static void tell_outputs(struct buf *b, const struct run_spec *r)
{
	if (r->spec->noutputs)
		buf_printf(b, "[ ! -s ../outputs ] || timeout 30 scontrol update job=\"$SLURM_JOB_ID\" comment="
			   "\"" SLURM_COMMENT "%s $(tr '\\n' ';' <../outputs)\" >/dev/null 2>&1\n",
			   r->run_id);
}

static void put_script(struct buf *b, const char *script)
{
	if (!script)
		return;
	buf_str(b, "printf %s ");
	sh_quote(b, script);
	buf_str(b, " >../script\n");
}

static void take(struct buf *b, const struct run_spec *r, const char *dir, int64_t begin_by_s)
{
	if (!dir) {
		buf_printf(b, "[ \"$(date +%%s)\" -le %" PRId64 " ] || exit 123\n", begin_by_s);
		buf_str(b, take_own);
		return;
	}
	buf_str(b, "run=");
	sh_quote(b, dir);
	buf_printf(b, "/%s\n", r->run_id);
	buf_str(b, take_shared);
}

int slurm_script_write(const struct run_spec *r, const char *dir, int64_t begin_by_s, struct buf *b,
		       struct err *err)
{
	bool watched = dir && r->spec->walltime_s >= SLURM_WATCH_MIN_S;
	int e;

	buf_str(b, head);
	take(b, r, dir, begin_by_s);
	put_script(b, r->spec->script);
	if (watched)
		buf_str(b, watch);
	buf_str(b, command_begin);
	e = wrapper_write(r, b, err);
	if (e)
		return e;
	buf_str(b, command_end);
	if (watched)
		buf_str(b, watch_end);
	if (!dir)
		tell_outputs(b, r);
	buf_str(b, dir ? tell : tidy);
	if (b->full)
		return err_set(err, -ENOBUFS, "the command and its environment are too large");
	return 0;
}
