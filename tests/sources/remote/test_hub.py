"""A hub's repositories: bytes and requests are counted by the hub itself."""

import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.sources.remote.fake_hub import COMMIT, FakeHub, served

from neural_phylogeny import reconstruct
from neural_phylogeny.cli.group import nphylo
from neural_phylogeny.errors import CheckpointError, NotFoundError
from neural_phylogeny.formats.limits import raised
from neural_phylogeny.reconstruction.thrift import affordable
from neural_phylogeny.sources import discover, open_models
from neural_phylogeny.statistics.ahead import read_ahead
from neural_phylogeny.statistics.sampling import part_of, shares
from neural_phylogeny.tensors.alignment import align_pairs


def model(rng: np.random.Generator, shape=(96, 64)) -> dict[str, np.ndarray]:
    return {"fc.weight": rng.normal(0, 0.1, shape).astype("f4"), "fc.bias": rng.normal(0, 0.1, shape[0]).astype("f4")}


def safetensors(tensors: dict[str, np.ndarray]) -> bytes:
    header, body = {}, b""
    for name, values in tensors.items():
        end = len(body) + values.nbytes
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(body), end]}
        body += values.tobytes()
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def npz(tensors: dict[str, np.ndarray]) -> bytes:
    out = BytesIO()
    np.savez(out, **tensors)  # type: ignore[arg-type]
    return out.getvalue()


def test_an_answer_about_a_hub_is_that_about_the_same_files_here(hub, tmp_path, rng):
    parent = model(rng)
    child = {name: values + rng.normal(0, 0.03, values.shape).astype("f4") for name, values in parent.items()}
    for name, tensors in {"parent": parent, "child": child}.items():
        hub.add(f"org/{name}", "model.safetensors", safetensors(tensors))
        hub.add(f"org/{name}", "config.json", b"{}")
        (tmp_path / f"{name}.safetensors").write_bytes(safetensors(tensors))
    here = reconstruct([tmp_path / "parent.safetensors", tmp_path / "child.safetensors"])
    there = reconstruct(["hf://org/parent", "hf://org/child@main"])
    assert [edge.p_parent for edge in there.edges] == [edge.p_parent for edge in here.edges]
    assert [(record.name, record.path) for record in there.models] == [
        (f"org/{name}", f"hf://org/{name}@{COMMIT}") for name in ("parent", "child")
    ]
    size = len(safetensors(parent))
    assert hub.sent < 2 * size + 2000  # no byte of the weights twice, and the answers of the API
    assert any("of" in note and "read, in" in note for note in there.provenance["notes"])


def test_a_sharded_model_is_read_through_its_index(hub, rng):
    tensors = model(rng)
    for number, (name, values) in enumerate(tensors.items(), start=1):
        hub.add("org/net", f"model-0000{number}-of-00002.safetensors", safetensors({name: values}))
    shards = {name: f"model-0000{k}-of-00002.safetensors" for k, name in enumerate(tensors, start=1)}
    hub.add("org/net", "model.safetensors.index.json", json.dumps({"weight_map": shards}).encode())
    opened, skipped = open_models(["hf://org/net"])
    assert not skipped
    ((ref, checkpoint),) = opened
    assert ref.name == "org/net"
    np.testing.assert_array_equal(checkpoint.read("fc.bias"), tensors["fc.bias"])


def test_of_an_archive_no_more_is_read_than_is_wanted(hub, rng):
    tensors = {"small": rng.normal(size=64).astype("f4"), "large": rng.normal(size=500_000).astype("f4")}
    tensors["last"] = rng.normal(size=200_000).astype("f4")
    hub.add("org/net", "weights.npz", npz(tensors))
    ((_, checkpoint),) = open_models(["hf://org/net"])[0]
    np.testing.assert_array_equal(checkpoint.read("large", 250_000, 250_010), tensors["large"][250_000:250_010])
    assert hub.sent < 250_000


@pytest.mark.torch
def test_a_pytorch_file_is_read_from_its_directory_without_a_look_at_each_member(hub, rng, tmp_path):
    torch = pytest.importorskip("torch", reason="torch writes the file")
    tensors = {f"w{k}": torch.tensor(rng.normal(size=(100, 300))) for k in range(40)}
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    hub.add("org/net", "pytorch_model.bin", tmp_path / "pytorch_model.bin")
    ((_, checkpoint),) = open_models(["hf://org/net"])[0]
    np.testing.assert_array_equal(checkpoint.read("w20", 100, 200), tensors["w20"].reshape(-1)[100:200].numpy())
    assert len(hub.asked) <= 5
    assert hub.sent < 250_000


def test_formats_that_cannot_be_read_in_parts_wait_for_leave(hub):
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("policy.pth", b"x" * 50_000)
    hub.add("org/policy", "policy.zip", archive.getvalue())
    refused = CliRunner().invoke(nphylo, ["inspect", "hf://org/policy"])
    assert "cannot be read in parts: a download of 50.1 kB. Allow it with --allow-download" in refused.output
    assert hub.sent < 1_000 + 64_000
    with raised({"download": 10**6}):
        opened, skipped = open_models(["hf://org/policy"])
    assert "policy.pth" not in str(skipped)
    assert not opened


def test_conversions_of_a_repository_are_not_fetched(hub, rng):
    hub.add("org/net", "model.safetensors", safetensors(model(rng)))
    hub.add("org/net", "pytorch_model.bin", b"\x80\x02 another copy of the same")
    hub.add("org/net", "onnx/model.onnx", b"a conversion")
    hub.add("org/net", "config.json", b"{}")
    found, skipped = discover(["hf://org/net"])
    assert [ref.name for ref in found] == ["org/net"]
    assert [item.is_model for item in skipped] == [False]
    assert "not fetched" in skipped[0].reason
    assert not [path for path in hub.asked if "onnx" in path or ".bin" in path]


def test_a_large_model_costs_a_bounded_number_of_bytes(hub, rng, tmp_path):
    shape = (1024, 512)
    with raised({"remote": 800_000}):
        paths = []
        base = rng.normal(size=shape).astype("f4")
        for name in ("a", "b"):
            tensors = {f"layers.{k}.weight": base + rng.normal(0, 0.1, shape).astype("f4") for k in range(2)}
            (tmp_path / name).write_bytes(safetensors(tensors))
            hub.add(f"org/{name}", "model.safetensors", tmp_path / name)
            paths.append(f"hf://org/{name}")
        answer = reconstruct(paths)
    assert hub.sent < 2 * 800_000
    assert len(hub.asked) < 40
    assert len(answer.models) == 2
    assert not answer.skipped
    assert answer.models[0].family == answer.models[1].family == 0
    assert any("to stay within --limit remote" in note for note in answer.provenance["notes"])


def test_what_would_cost_more_is_refused_with_the_option(hub, rng):
    hub.add("org/net", "model.safetensors", safetensors(model(rng, (500, 300))))
    with raised({"remote": 100_000}):
        ((_, checkpoint),) = open_models(["hf://org/net"])[0]
        with pytest.raises(CheckpointError, match=r"elsewhere, the limit is 100,000. Raise it with --limit remote="):
            checkpoint.read("fc.weight")
    assert hub.sent < 50_000


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "GatedRepo", "a gated repository, and your account has no access. Accept its conditions at"),
        (401, "RepoNotFound", "no such repository, or a private one"),
        (403, "", "the hub refuses access"),
        (503, "", "the server answered 503, 3 times"),
    ],
)
def test_a_refusal_is_a_sentence_with_its_remedy_and_without_the_token(hub, status, code, words):
    hub.add("org/net", "model.safetensors", b"")
    hub.refusals["org/net"] = (status, code)
    result = CliRunner().invoke(nphylo, ["tree", "hf://org/net"])
    assert words in " ".join(result.output.split())
    assert "hf_verysecret" not in result.output
    assert result.exit_code in (1, 2)


def test_a_revision_that_is_not_there_is_named(hub):
    hub.add("org/net", "model.safetensors", b"x")
    with pytest.raises(NotFoundError, match="no revision 'v9'"):
        open_models(["hf://org/net@v9"])


def test_the_token_stays_with_the_hub(hub, rng):
    content = safetensors(model(rng))
    hub.add("org/net", "model.safetensors", content)
    with served(FakeHub(files=dict(hub.files))) as cdn:
        hub.cdn = cdn.url
        ((_, checkpoint),) = open_models(["hf://org/net"])[0]
        checkpoint.read("fc.weight")
        assert cdn.asked
        assert not cdn.authorised
        assert len(hub.asked) == 2  # the redirect is remembered
    assert set(hub.authorised) == {"Bearer hf_verysecrettoken0123456789"}


def test_a_pattern_names_files_of_a_repository(hub, rng):
    for quant in ("q4", "q8"):
        hub.add("org/net", f"net.{quant}.safetensors", safetensors(model(rng)))
    hub.add("org/net", "other.safetensors", safetensors(model(rng)))
    found, _ = discover(["hf://org/net/net.*.safetensors"])
    assert [ref.name for ref in found] == ["org/net/net.q4.safetensors", "org/net/net.q8.safetensors"]


@pytest.mark.parametrize(
    "names",
    [
        ("../../evil.safetensors",),
        ("a.safetensors", "a.safetensors/b.safetensors"),
        ("a/b.safetensors", "a"),
        ("\ud800.safetensors",),
        ("\u00e9" * 150,),
        ("/".join(["d" * 190] * 25),),
    ],
    ids=["leaves", "file-as-folder", "folder-as-file", "half-a-letter", "long-in-bytes", "long-path"],
)
def test_names_that_cannot_be_files_of_a_repository_are_refused(hub, names):
    for name in names:
        hub.add("org/net", name, b"x")
    _, skipped = discover(["hf://org/net"])
    assert "a file with an unusable name" in skipped[0].reason


def test_a_download_that_is_allowed_is_read_like_a_file_here(hub, rng, tmp_path):
    h5py = pytest.importorskip("h5py", reason="the extra [keras] is not installed")
    kernel = rng.normal(size=(30, 20)).astype("f4")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["dense/kernel"] = kernel
    hub.add("org/keras", "m.h5", tmp_path / "m.h5")
    hub.add("org/net", "model.safetensors", safetensors(model(rng)))
    result = CliRunner().invoke(nphylo, ["inspect", "hf://org/keras", "hf://org/net", "--allow-download"])
    assert result.exit_code == 0, result.output
    assert "org/keras" in result.output
    assert "nphylo-far" not in result.output
    size = len(safetensors(model(rng)))
    assert f"hf://org/net@{COMMIT}/model.safetensors: {size / 1000:.1f} kB; at most" in result.stderr
    assert f"{size / 1000:.1f} kB of {size / 1000:.1f} kB read, in one request" in result.stderr
    ((_, checkpoint),) = open_models(["hf://org/keras"])[0]
    np.testing.assert_array_equal(checkpoint.read("dense/kernel"), kernel.reshape(-1))
    checkpoint.close()


def layers(width: int, inner: int, keys: int, count: int) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of a language model of the Llama family."""
    found: list[tuple[str, tuple[int, ...]]] = [("model.embed_tokens.weight", (128_256, width))]
    for k in range(count):
        start = f"model.layers.{k}."
        found += [(f"{start}{name}.weight", (width,)) for name in ("input_layernorm", "post_attention_layernorm")]
        found += [(f"{start}mlp.{name}.weight", (inner, width)) for name in ("gate_proj", "up_proj")]
        found += [(f"{start}mlp.down_proj.weight", (width, inner))]
        found += [(f"{start}self_attn.{name}.weight", (width, width)) for name in ("q_proj", "o_proj")]
        found += [(f"{start}self_attn.{name}.weight", (keys, width)) for name in ("k_proj", "v_proj")]
    return [*found, ("model.norm.weight", (width,)), ("lm_head.weight", (128_256, width))]


def sparse_shards(hub: FakeHub, repository: str, folder: Path, tensors, count: int) -> int:
    """Shards of bfloat16 zeros that take no room on the disk; their length in bytes."""
    each, files, total = -(-len(tensors) // count), {}, 0
    for number in range(count):
        name, header, end = f"model-{number + 1:05d}-of-{count:05d}.safetensors", {}, 0
        for key, shape in tensors[number * each : (number + 1) * each]:
            begin, end = end, end + 2 * int(np.prod(shape))
            header[key] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
            files[key] = name
        text = json.dumps(header).encode()
        with (folder / name).open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(8 + len(text) + end)
        hub.add(repository, name, folder / name)
        total += 8 + len(text) + end
    index = json.dumps({"weight_map": files}).encode()
    (folder / "model.safetensors.index.json").write_bytes(index)
    hub.add(repository, "model.safetensors.index.json", index)
    return total


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "count", "gigabytes"), [((8192, 28_672, 1024, 80), 29, 141), ((4096, 14_336, 1024, 32), 4, 16)]
)
def test_of_140_gb_at_most_64_mb_are_fetched_in_at_most_200_requests(hub, tmp_path, shape, count, gigabytes):
    total = sparse_shards(hub, "org/large", tmp_path, layers(*shape), count)
    assert round(total / 1e9) == gigabytes
    opened, skipped = open_models(["hf://org/large", str(tmp_path)])
    assert not skipped
    refs, checkpoints = zip(*opened, strict=True)
    alignment = affordable(align_pairs([one.tensors for one in checkpoints], ["a", "b"]), opened, None)
    parts = [part_of(*pair) for pair in zip(alignment.tensors, shares(alignment, None), strict=True)]
    read_ahead(checkpoints, list(zip(alignment.tensors, parts, strict=True)))
    assert 30_000_000 < hub.sent < 64_000_000
    assert len(hub.asked) <= 200
    far = next(one for one, ref in zip(checkpoints, refs, strict=True) if ref.name == "org/large")
    before = len(hub.asked)
    for tensor, part in zip(alignment.tensors, parts, strict=True):
        for start, stop in part.runs(0, part.tensor.size) if part else [(0, tensor.size)]:
            far.read(tensor.sources[0].name, start, stop)
    assert len(hub.asked) == before  # the pass finds all that it reads
    for checkpoint in checkpoints:
        checkpoint.close()


def test_of_a_gguf_file_the_header_and_the_rows_that_are_read_are_fetched(hub, rng, tmp_path):
    gguf = pytest.importorskip("gguf", reason="the extra [gguf] is not installed")
    values = rng.normal(size=(2048, 256)).astype("f4")
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_array("tokenizer.ggml.tokens", [f"token {k}" for k in range(2000)])
    writer.add_tensor("output.weight", values)
    codes = gguf.quantize(values, gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("token_embd.weight", codes, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    hub.add("org/net", "net.Q8_0.gguf", tmp_path / "m.gguf")
    ((_, checkpoint),) = open_models(["hf://org/net/net.Q8_0.gguf"])[0]
    name = "model.embed_tokens.weight"
    assert name in checkpoint.tensors
    np.testing.assert_allclose(checkpoint.read(name, 256_000, 256_256), values[1000], atol=0.05)
    assert hub.sent < 300_000 < (tmp_path / "m.gguf").stat().st_size
    checkpoint.close()


def test_a_branch_is_looked_up_anew_by_the_next_question(hub, rng):
    for name in ("a", "b"):
        hub.add(f"org/{name}", "model.safetensors", safetensors(model(rng)))
    paths = ["hf://org/a", "hf://org/b"]
    before = reconstruct(paths)
    hub.revisions["main"] = "f" * 40
    after = reconstruct(paths)
    assert before.models[0].path == f"hf://org/a@{COMMIT}/model.safetensors"
    assert after.models[0].path == f"hf://org/a@{'f' * 40}/model.safetensors"
    assert len([path for path in hub.asked if path.startswith("/api/")]) == 4


def compressed(tensors: dict[str, np.ndarray]) -> bytes:
    out = BytesIO()
    np.savez_compressed(out, **tensors)  # type: ignore[arg-type]
    return out.getvalue()


def test_a_plan_that_breaks_off_within_a_compressed_array_changes_no_value(hub, rng):
    tensors = {"a.weight": rng.normal(size=(300, 200)).astype("f4"), "b.weight": rng.normal(size=(9, 64)).astype("f4")}
    hub.add("org/net", "a.npz", compressed(tensors))
    ((_, checkpoint),) = open_models(["hf://org/net/a.npz"])[0]
    alignment = align_pairs([checkpoint.tensors] * 2, ["a", "b"])
    read_ahead([checkpoint, checkpoint], [(tensor, None) for tensor in alignment.tensors])
    for name, values in tensors.items():
        np.testing.assert_array_equal(checkpoint.read(name), values.reshape(-1))
    checkpoint.close()


@pytest.mark.torch
def test_a_pytorch_file_of_the_old_kind_is_read_too(hub, rng, tmp_path):
    torch = pytest.importorskip("torch", reason="torch writes the file")
    tensors = {name: torch.tensor(values) for name, values in model(rng, (300, 200)).items()}
    torch.save(tensors, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    hub.add("org/net", "old.pth", tmp_path / "old.pth")
    ((_, checkpoint),) = open_models(["hf://org/net/old.pth"])[0]
    for name, values in tensors.items():
        np.testing.assert_array_equal(checkpoint.read(name), values.reshape(-1).numpy())
    checkpoint.close()


@pytest.fixture
def family(hub, rng) -> list[str]:
    """The addresses of a parent and of two models made from it in two steps; each card names its parent."""
    tensors, paths = model(rng, (256, 128)), []
    for name, base in (("base", ""), ("tune", "org/base"), ("more", "org/tune")):
        hub.add(f"org/{name}", "model.safetensors", safetensors(tensors))
        hub.add(f"org/{name}", "config.json", b"{}")
        hub.add(f"org/{name}", "README.md", f"---\nbase_model: {base}\n---\n".encode() if base else b"# The base\n")
        paths.append(f"hf://org/{name}")
        tensors = {key: values + rng.normal(0, 0.02, values.shape).astype("f4") for key, values in tensors.items()}
    return paths


def test_claims_of_a_hubs_cards_are_checked(family):
    result = CliRunner().invoke(nphylo, ["verify", *family, "--format", "json"])
    assert result.exit_code in (0, 4), result.output
    claims = json.loads(result.stdout)["claims"]
    declared = [(one["declared"]["model"], one["declared"]["parent"]) for one in claims]
    assert declared == [("org/tune", "org/base"), ("org/more", "org/tune")]


def test_a_card_on_a_hub_is_left_alone(family):
    result = CliRunner().invoke(nphylo, ["annotate", *family, "--write"])
    assert "it lies elsewhere: download it to change its card" in result.output
    assert "nphylo-far" not in result.output


def test_derived_takes_addresses(family):
    result = CliRunner().invoke(nphylo, ["derived", family[1], "--from", family[0], "--among", family[2]])
    assert result.exit_code in (0, 4), result.output
    assert "nphylo-far" not in result.output
    assert "org/tune" in result.output


@pytest.mark.parametrize("page", ["", "/", "/tree/main", "/blob/main/model.safetensors?download=true"])
def test_a_page_of_the_hub_stands_for_its_repository(hub, rng, page):
    hub.add("org/net", "model.safetensors", safetensors(model(rng)))
    found, skipped = discover([f"{hub.url}/org/net{page}"])
    assert not skipped
    assert len(found) == 1
    assert found[0].name.startswith("org/net")
