"""test_sbatch.py - batch files for Slurm, submitted to a real daemon and run"""

import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import POOL, Daemon  # noqa: E402

OK, NO, USAGE, REFUSED = range(4)


@pytest.fixture(scope="module")
def daemon():
    gpu = {"name": "gpus", "tier": "centre", "region": "cn/50/500107", "engine": "fake",
           "clearance": 2, "groups": [{"count": 2, "cpus": 8, "memory_mb": 65536,
                                       "accelerators": {"model": "h20", "count": 4}}]}
    with Daemon({"pools": [POOL, gpu]}) as d:
        yield d


@pytest.fixture
def batch(daemon, tmp_path):
    """Write a batch file and submit it from its directory; the CompletedProcess."""
    def run(text, *args, options=(), name="job.sbatch", **kwargs):
        (tmp_path / name).write_text(text)
        return daemon.cli("submit", *options, name, *args, cwd=str(tmp_path), **kwargs)
    run.dir = tmp_path
    return run


def done(result):
    assert result.returncode == OK, (result.stdout, result.stderr)
    return result.stdout.strip()


HEAD = f"#!/bin/bash\n#SBATCH --wait\n#SUANLU --within={POOL['region']}\n"


def test_a_script_runs_where_it_was_submitted_with_slurms_variables(daemon, batch):
    id = done(batch(HEAD + "#SBATCH -J greeting -n 2 -c 2 --mem=200M\n"
                    'echo $SLURM_JOB_NAME $SLURM_JOB_ID $SLURM_NTASKS $SLURM_CPUS_PER_TASK\n'
                    'echo $SLURM_MEM_PER_NODE $SLURM_JOB_NUM_NODES\n'
                    'test "$PWD" = "$SLURM_SUBMIT_DIR" && echo "${BASH_VERSION:+bash} $1|$2"\n',
                    "a b", "it's"))
    assert daemon.cli("logs", id).stdout == f"greeting {id} 2 2\n200 1\nbash a b|it's\n"
    spec = daemon.api.get(f"/v1/tasks/{id}").json()["spec"]
    assert (spec["name"], spec["cpus"], spec["memory_mb"]) == ("greeting", 4, 200)


def test_output_and_error_go_to_files_and_to_the_log(daemon, batch):
    id = done(batch(HEAD + "#SBATCH -o %x-%j.out --error=%5j.err -J both\necho out; echo err >&2\n"))
    assert (batch.dir / f"both-{id}.out").read_text() == "out\n"
    assert (batch.dir / f"{int(id):05}.err").read_text() == "err\n"
    assert daemon.cli("logs", id).stdout == "out\n"
    assert daemon.cli("logs", "--stderr", id).stdout == "err\n"


def test_one_file_holds_both_streams_also_of_a_job_that_fails(daemon, batch):
    result = batch(HEAD + "#SBATCH -o all.txt\necho out; echo err >&2; exit 7\n")
    assert result.returncode == NO
    assert sorted((batch.dir / "all.txt").read_text().split()) == ["err", "out"]
    assert daemon.api.get(f"/v1/tasks/{result.stdout.strip()}").json()["exit_code"] == 7


def test_append_keeps_what_is_there(batch):
    (batch.dir / "log").write_text("old\n")
    done(batch(HEAD + "#SBATCH -o log --open-mode=append\necho new\n"))
    assert (batch.dir / "log").read_text() == "old\nnew\n"
    done(batch(HEAD + "#SBATCH -o log\necho newer\n"))
    assert (batch.dir / "log").read_text() == "newer\n"


def test_a_file_that_cannot_be_written_is_said_and_nothing_runs(daemon, batch):
    result = batch(HEAD + "#SBATCH -o not/there/%j\ntouch ran\n")
    assert result.returncode == NO and not (batch.dir / "ran").exists()
    said = daemon.cli("logs", "--stderr", result.stdout.strip()).stdout
    assert "not/there/" in said and "cannot be written on this pool" in said


def test_a_directory_that_is_not_there_is_said(daemon, batch):
    result = batch(HEAD + "#SBATCH -D /not/there\ntrue\n")
    assert result.returncode == NO
    assert "/not/there cannot be entered" in daemon.cli(
        "logs", "--stderr", result.stdout.strip()).stdout


def test_chdir_is_relative_to_the_submission(daemon, batch):
    (batch.dir / "sub").mkdir()
    done(batch(HEAD + "#SBATCH -D sub -o here\npwd\n"))
    assert (batch.dir / "sub" / "here").read_text() == f"{batch.dir}/sub\n"


def test_array_elements_know_their_array(daemon, batch):
    id = done(batch(HEAD + "#SBATCH -a 1,4-8:2%2 -o r-%A_%a\n"
                    "echo $SLURM_ARRAY_JOB_ID $SLURM_ARRAY_TASK_ID $SLURM_ARRAY_TASK_COUNT\n"))
    for index in (1, 4, 6, 8):
        assert (batch.dir / f"r-{id}_{index}").read_text() == f"{id} {index} 4\n"
    assert len(list(batch.dir.glob("r-*"))) == 4


def test_a_dependency_is_waited_for(daemon, batch):
    first = daemon.cli("submit", "--within", POOL["region"], "sh", "-c", "sleep 0.5; false")
    id = done(first)
    after = done(batch(HEAD + f"#SBATCH -d afternotok:{id},afterany:{id}\ntrue\n"))
    assert daemon.api.get(f"/v1/tasks/{id}").json()["state"] == "failed"
    assert daemon.api.get(f"/v1/tasks/{after}").json()["state"] == "done"


def test_options_win_over_directives(daemon, batch):
    id = done(batch(HEAD + "#SBATCH -J file --time=5 --output=file.txt\necho $WORD\n",
                    options=["--job-name=line", "-t2", "--output=line.txt", "--export=WORD=hey",
                             "--level", "2"]))
    spec = daemon.api.get(f"/v1/tasks/{id}").json()["spec"]
    assert (spec["name"], spec["walltime_s"], spec["data_level"]) == ("line", 120, 2)
    assert (batch.dir / "line.txt").read_text() == "hey\n"
    assert not (batch.dir / "file.txt").exists()


def test_files_of_suanlu_lines_are_in_the_work_directory(daemon, batch):
    (daemon.files / "words").write_text("hallo\n")
    id = done(batch(HEAD + f"#SUANLU --input={daemon.files}/words=in --output=out={daemon.files}/o-x\n"
                    "tr a-z A-Z <in >out\n"))
    assert (daemon.files / "o-x").read_text() == "HALLO\n", id


def test_a_cancelled_job_leaves_its_last_words_in_the_file(daemon, batch):
    id = done(batch(HEAD.replace("#SBATCH --wait\n", "") + "#SBATCH -o last\n"
                    "trap 'echo bye; exit 3' TERM\nsleep 60 & p=$!\n"
                    # Until it is sleep, the child has our trap as well.
                    "until grep -q sleep /proc/$p/comm; do :; done\necho begun\nwait\n"))
    daemon.api.wait(id, states=("running",))
    end = 200
    while not (batch.dir / "last").exists() or "begun" not in (batch.dir / "last").read_text():
        end -= 1
        assert end, "the job does not begin"
        subprocess.run(["sleep", "0.05"], check=True)
    assert daemon.cli("cancel", id).returncode == OK
    assert daemon.api.wait(id)["state"] == "cancelled"
    assert (batch.dir / "last").read_text() == "begun\nbye\n"


def test_a_partition_is_what_the_mapping_says(daemon, batch):
    text = "#!/bin/sh\n#SBATCH -p gpu --gres=gpu:2 -A lab\ntrue\n"
    result = batch(text, options=["--dry-run"])
    assert result.returncode == USAGE
    assert "job.sbatch:2: --partition" in result.stderr and "--map" in result.stderr
    (batch.dir / "map.yaml").write_text("partitions: {gpu: {models: [h20]}}\naccounts: {lab: {}}\n")
    result = batch(text, options=["--dry-run", "--map", "map.yaml"])
    assert result.returncode == OK and "would go to gpus" in result.stdout
    env = dict(os.environ, SUANLU_SBATCH_MAP=str(batch.dir / "map.yaml"))
    env.update(SUANLU_STATE=str(daemon.state))
    again = subprocess.run([daemon.program, "submit", "--test-only", "job.sbatch"], env=env,
                           cwd=batch.dir, capture_output=True, text=True, timeout=60)
    assert again.returncode == OK and "would go to gpus" in again.stdout


def test_what_has_no_effect_is_said(batch):
    result = batch(HEAD + "#SBATCH --mail-type=END\ntrue\n#SBATCH -n 5\n")
    assert result.returncode == OK
    assert "job.sbatch:4: --mail-type" in result.stderr and "job.sbatch:6: #SBATCH" in result.stderr


def test_a_file_is_known_by_its_content(daemon, batch):
    id = done(batch(HEAD + "echo known\n", name="run.sh"))
    assert daemon.cli("logs", id).stdout == "known\n"
    # Behind -- it is a command like any other.
    (batch.dir / "run.sh").chmod(0o755)
    command = daemon.cli("submit", "--within", POOL["region"], "--", f"{batch.dir}/run.sh")
    spec = daemon.api.get(f"/v1/tasks/{done(command)}").json()["spec"]
    assert spec["command"] == [f"{batch.dir}/run.sh"]


@pytest.mark.parametrize("text, options, words", [
    ("#SBATCH --exclusive", (), "job.sbatch:2: --exclusive is not possible here"),
    ("#SBATCH --ntaks=2", (), "job.sbatch:2: sbatch has no directive --ntaks=2"),
    ("#SBATCH -d afterok:1?afterok:2", (), "job.sbatch:2: --dependency"),
    ("#SBATCH -N 1-4", (), "job.sbatch:2: --nodes has a range"),
    ("#SBATCH --time=0", (), "job.sbatch:2: --time must be bounded"),
    ("#SBATCH --mem=0", (), "job.sbatch:2: --mem"),
    ("#SBATCH -J \"open", (), "job.sbatch:2: a quote"),
    ("#SUANLU --walltime=2h", (), "job.sbatch:2: #SUANLU has no"),
    ("", ("--exclusive",), "--exclusive is not possible here"),
    ("", ("--mem=much",), "--mem is a size"),
    ("", ("--cpus=2",), "no option --cpus"),
    ("", ("-f", "x.yaml"), "without -f"),
    ("", ("--map", "/not/there.yaml"), "/not/there.yaml"),
    ("#SBATCH --gres=gpu:nosuch:1", (), "nosuch"),
])
def test_a_slip_is_answered_with_its_place(batch, text, options, words):
    result = batch(f"#!/bin/sh\n{text}\ntrue\n", options=options)
    assert result.returncode == USAGE and not result.stdout, (result.stdout, result.stderr)
    assert words in result.stderr, result.stderr
    assert "\n" not in result.stdout


@pytest.mark.parametrize("args, words", [
    (("not-there.sbatch",), "not-there.sbatch"),
    (("-f", "job.sbatch"), "suanlu submit job.sbatch"),
    (("--map", "x", "true"), "--map"),
    (("--ntasks=2", "true"), "--ntasks"),
])
def test_a_batch_file_is_not_mistaken(daemon, batch, args, words):
    result = daemon.cli("submit", *args, cwd=str(batch.dir))
    assert result.returncode == USAGE and words in result.stderr, result.stderr


def test_words_are_chinese_when_asked(batch):
    result = batch("#!/bin/sh\n#SBATCH --hold\ntrue\n", options=["--lang", "zh"])
    assert result.returncode == USAGE and "job.sbatch:2" in result.stderr and "不支持" in result.stderr
