"""File systems of fsspec: one in memory, and S3 by moto's server where it is installed."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.sources.remote.test_hub import model, npz, safetensors

from neural_phylogeny.errors import CheckpointError, NotFoundError
from neural_phylogeny.sources import discover, open_models
from neural_phylogeny.sources.remote import mirror


@pytest.fixture
def memory() -> Iterator[object]:
    """fsspec's file system in memory."""
    fsspec = pytest.importorskip("fsspec", reason="the extra [hub] is not installed")
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/bucket", recursive=True)
    mirror.forget()


def test_a_folder_of_a_store_is_walked_like_one_here(memory, rng):
    tensors = model(rng)
    for name in ("a.safetensors", "runs/b.npz", "notes.txt"):
        memory.pipe(f"/bucket/models/{name}", npz(tensors) if name.endswith(".npz") else safetensors(tensors))
    opened, skipped = open_models(["memory://bucket/models"])
    assert [ref.name for ref, _ in opened] == ["a.safetensors", "runs/b.npz"]
    for _, checkpoint in opened:
        np.testing.assert_array_equal(checkpoint.read("fc.bias"), tensors["fc.bias"])
        checkpoint.close()
    assert not skipped


def test_a_temporary_folder_is_in_no_name(memory, rng, tmp_path):
    memory.pipe("/bucket/runs/a.npz", npz(model(rng)))
    memory.pipe("/bucket/runs/b.npz", npz(model(rng)))
    (tmp_path / "here.npz").write_bytes(npz(model(rng)))
    found, _ = discover(["memory://bucket/runs", tmp_path / "here.npz"])
    assert [ref.name for ref in found] == ["a.npz", "b.npz", "here.npz"]


def test_one_file_and_a_pattern_of_a_store(memory, rng):
    for name in ("a.npz", "b.npz", "c.safetensors"):
        memory.pipe(f"/bucket/{name}", npz(model(rng)))
    assert len(discover(["memory://bucket/a.npz"])[0]) == 1
    assert len(discover(["memory://bucket/*.npz"])[0]) == 2
    with pytest.raises(NotFoundError, match=r"memory://bucket/none.npz: there is no such file or folder"):
        open_models(["memory://bucket/none.npz"])


def test_a_file_that_shrinks_is_an_error(memory, rng):
    memory.pipe("/bucket/a.safetensors", safetensors(model(rng, (500, 300))))
    ((_, checkpoint),) = open_models(["memory://bucket/a.safetensors"])[0]
    memory.pipe("/bucket/a.safetensors", b"short")
    with ThreadPoolExecutor(1) as another, pytest.raises(CheckpointError, match="changed while it was read"):
        another.submit(checkpoint.read, "fc.weight", 60_000, 60_100).result()
    checkpoint.close()


def test_an_unknown_scheme_is_a_sentence():
    pytest.importorskip("fsspec", reason="the extra [hub] is not installed")
    _, skipped = discover(["nowhere://bucket/a.npz"])
    assert "no file system is known for this address" in skipped[0].reason
    mirror.forget()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A bucket called ``models`` on moto's server."""
    pytest.importorskip("s3fs", reason="the extra [hub] is not installed")
    server_class = pytest.importorskip("moto.server", reason="moto is not installed").ThreadedMotoServer
    boto3 = pytest.importorskip("boto3", reason="moto is not installed")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAVERYSECRETKEY123")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "verysecret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = server_class(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    client.create_bucket(Bucket="models")
    yield client
    client.close()
    server.stop()
    mirror.forget()


@pytest.mark.filterwarnings("ignore")  # botocore and moto warn of their own affairs
def test_of_an_object_of_s3_exactly_what_is_read_is_fetched(bucket, rng):
    tensors = {"first": rng.normal(size=(500, 600)).astype("f4"), "last": rng.normal(size=(500, 600)).astype("f4")}
    bucket.put_object(Bucket="models", Key="org/a.safetensors", Body=safetensors(tensors))
    ((ref, checkpoint),) = open_models(["s3://models/org"])[0]
    np.testing.assert_array_equal(checkpoint.read("last", 600, 700), tensors["last"].reshape(-1)[600:700])
    from neural_phylogeny.sources.far import files_of

    (file,) = files_of(ref)
    assert file.fetched < 200_000 < file.size
    bucket.put_object(Bucket="models", Key="org/a.safetensors", Body=safetensors({**tensors, "first": tensors["last"]}))
    with pytest.raises(CheckpointError, match="changed while it was read"):
        checkpoint.read("first", 200_000, 200_100)
    checkpoint.close()
    _, skipped = discover(["s3://nobody/a.npz"])
    assert "secret" not in str(skipped).lower()
