"""Data come from an object store and go back to it by presigned urls, which no log shows."""
import hashlib
import os
import pathlib
import socket
import subprocess
import sys
import time

import httpx
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
from client import Daemon  # noqa: E402
from slurm_bed import Node, Rig, needs_slurm  # noqa: E402

PYTHON = pathlib.Path(os.environ["SUANLU_BUILD"]) / "venv" / "bin" / "python"
SIGN = """
import sys, boto3
from botocore.config import Config
s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="who",
                  aws_secret_access_key="secret", config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
print(s3.generate_presigned_url(sys.argv[2], Params={"Bucket": "data", "Key": sys.argv[3]}, ExpiresIn=600))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The base of an S3 server on loopback with an empty bucket."""
    if not PYTHON.exists() or subprocess.run([PYTHON, "-c", "import moto.server, boto3"], capture_output=True).returncode:
        pytest.skip("no S3 server here (test/requirements.txt)")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    log = (tmp_path_factory.mktemp("s3") / "log").open("wb")
    server = subprocess.Popen([PYTHON, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                httpx.put(f"{base}/data", timeout=30).raise_for_status()
                break
            except httpx.TransportError:
                assert time.monotonic() < until and server.poll() is None, "the S3 server did not come up"
                time.sleep(0.2)
        yield base
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="module", params=["local", pytest.param("slurm", marks=needs_slurm)])
def node(request):
    if request.param == "local":
        with Daemon() as d:
            yield d
        return
    with Rig() as rig, Node(rig) as d:
        d.up()
        yield d


def signed(store, method, key):
    return subprocess.run([PYTHON, "-c", SIGN, store, method, key], check=True, capture_output=True, text=True,
                          timeout=60).stdout.strip()


def test_an_object_is_fetched_checked_and_its_result_put_back(store, node):
    data = os.urandom(3 << 20)
    httpx.put(signed(store, "put_object", "in.bin"), content=data, timeout=30).raise_for_status()
    get, put = signed(store, "get_object", "in.bin"), signed(store, "put_object", "out/copy.bin")
    assert "X-Amz-Signature=" in get and "X-Amz-Signature=" in put
    t = node.api.wait(node.api.submit(
        script="cp in copy", inputs=[{"url": get, "path": "in", "size": len(data),
                                      "sha256": hashlib.sha256(data).hexdigest()}],
        outputs=[{"path": "copy", "url": put}])["id"], timeout=60)
    assert t["state"] == "done"
    assert httpx.get(f"{store}/data/out/copy.bin", timeout=30).status_code == 403      # who has not signed
    assert httpx.get(signed(store, "get_object", "out/copy.bin"), timeout=30).content == data


def test_an_object_that_is_not_there_fails_the_run_without_its_signature(store, node):
    get = signed(store, "get_object", "nothing")
    t = node.api.wait(node.api.submit(script="true", inputs=[{"url": get, "path": "in"}])["id"], timeout=60)
    assert (t["state"], t["phase"]) == ("failed", "input")
    for text in (node.api.get(f"/v1/tasks/{t['id']}/logs?stream=stderr").text,
                 node.api.get(f"/v1/tasks/{t['id']}/runs").json()["runs"][0]["text"]):
        assert "/data/nothing" in text and "X-Amz" not in text


def test_an_object_that_was_replaced_is_not_run_on(store, node):
    httpx.put(signed(store, "put_object", "new"), content=b"new", timeout=30).raise_for_status()
    t = node.api.wait(node.api.submit(script="true", inputs=[{
        "url": signed(store, "get_object", "new"), "path": "in", "sha256": hashlib.sha256(b"old").hexdigest()}])["id"],
        timeout=60)
    assert (t["state"], t["phase"]) == ("failed", "input")
