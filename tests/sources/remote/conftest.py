"""Each test has a hub of its own, and forgets every address at its end."""

from collections.abc import Iterator

import pytest
from tests.sources.remote.fake_hub import FakeHub, served

from neural_phylogeny.sources.remote import mirror, web


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub that ``hf://`` leads to, quick to be given up."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="the extra [hub] is not installed")
    monkeypatch.setattr(web, "PAUSES", (0.01, 0.01))
    monkeypatch.setenv("HF_TOKEN", "hf_verysecrettoken0123456789")
    with served(FakeHub()) as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        yield running
    mirror.forget()
