"""--check-config says what is wrong, also with the file itself."""

import os
import pathlib
import subprocess

import pytest

SMALL = """state: {dir}
pools: [{{name: a, region: cn, engine: fake, clearance: 1, groups: [{{count: 1, cpus: 1, memory_mb: 1}}]}}]
"""


def check(path):
    build = pathlib.Path(os.environ.get("SUANLU_BUILD", "build"))
    return subprocess.run([str(build / "suanlu"), "serve", "--check-config", "--config", str(path)],
                          capture_output=True, text=True, timeout=20)


def config(tmp_path, more=""):
    path = tmp_path / "suanlu.yaml"
    path.write_text(SMALL.format(dir=tmp_path) + more)
    return path


def test_a_good_file_is_well(tmp_path):
    done = check(config(tmp_path))
    assert done.returncode == 0 and ", all well" in done.stdout, done.stderr


@pytest.mark.parametrize("path,words", [("nothing-here", "No such file"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_says_why(tmp_path, path, words):
    done = check(tmp_path / path)
    assert done.returncode != 0 and words in done.stderr


def test_a_long_path_does_not_push_the_reason_out(tmp_path):
    done = check(config(tmp_path, f"catalogue: {tmp_path}/{'x' * 200}/{'y' * 200}\n"))
    assert done.returncode != 0 and "No such file" in done.stderr


def test_a_catalogue_without_end_is_refused(tmp_path):
    done = check(config(tmp_path, "catalogue: /dev/zero\n"))
    assert done.returncode != 0 and "larger than" in done.stderr


def test_a_wrong_catalogue_is_named_with_its_line(tmp_path):
    (tmp_path / "chips.csv").write_text("model,vendor,kind\nx,\n")
    done = check(config(tmp_path, f"catalogue: {tmp_path}/chips.csv\n"))
    assert done.returncode != 0 and "chips.csv: line 2" in done.stderr


@pytest.mark.parametrize("roots,words", [
    ("[{dir}, '{dir}/{{tenant}}']", "to others"),
    ("['{dir}/{{tenant}}', /]", "to others"),
    ("['{dir}/{{tenant}}', '{dir}/in/{{tenant}}']", "to others"),      # to a tenant called `in`
    ("['{dir}/of-{{tenant}}']", "one whole part"),
    ("['{dir}/{{tenant}}x']", "one whole part"),
    ("['{{tenant}}']", "one whole part"),
    ("['{dir}/{{tenant}}/../all']", "one whole part"),
    ("['{dir}/{{tenant}}/{{tenant}}']", "one whole part"),
    ("['{dir}/{{tenant}}/']", "one whole part"),
    ("['{dir}/none/{{tenant}}']", "No such file"),
    ("['{dir}/{{Tenant}}']", "No such file"),
])
def test_a_directory_of_tenants_that_is_open_to_others_is_refused(tmp_path, roots, words):
    (tmp_path / "in").mkdir()
    for key in ("read", "write"):
        done = check(config(tmp_path, f"files: {{{key}: {roots.format(dir=tmp_path)}}}\n"))
        assert done.returncode == 2 and f"files.{key}" in done.stderr and words in done.stderr, done.stderr


@pytest.mark.parametrize("host", ["http://a", "10.0.0.0/8", "a:b", "u@a", "a:0", "a b"])
def test_what_is_no_host_is_not_opened(tmp_path, host):
    done = check(config(tmp_path, f"files: {{inner: [a.example, '10.1.2.3:9000', '[::1]:80', '{host}']}}\n"))
    assert done.returncode == 2 and "files.inner" in done.stderr and f'"{host}" is not a host' in done.stderr


def test_directories_of_tenants_beside_those_for_all_are_well(tmp_path):
    (tmp_path / "all").mkdir()
    (tmp_path / "own").mkdir()
    read = f"['{tmp_path}/all', '{tmp_path}/own/{{tenant}}', '{tmp_path}/own/{{tenant}}/out']"
    done = check(config(tmp_path, f"files: {{read: {read}, write: ['/{{tenant}}']}}\n"))
    assert done.returncode == 0, done.stderr
