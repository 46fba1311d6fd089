"""What tables are made from, what they are, and which there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from neural_phylogeny.errors import SavedFileError, UnknownChoiceError
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.suites import cached_collections, data_folder, find_suite

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Sources:
    """Folders that tables are made from; each table says which it needs.

    Attributes
    ----------
    data : path, optional
        Cached collections of the suites; those of the repository by default.
    batches, wide, strangers : path, optional
        Batches of the priors of these names; ``batches`` is for ``tiny``.
    tests : path, optional
        Batches of ``tiny`` on data sets that are never trained on.
    generators : path, optional
        A folder of batches for each generator of families.
    judge : path, optional
        Batches of the prior ``apart``.
    sets : path, optional
        Data sets for what is trained; the digits of scikit-learn by default.
    checkpoints : path, optional
        Collections of checkpoints, as `nphylo lab zoo make` writes them.
    work : path, optional
        Where trainings are kept, so that an interrupted table goes on.
    seeds : int
        Collections of each cell, at most.
    progress : callable
        Called with a line now and then.
    """

    data: Path | None = None
    batches: Path | None = None
    wide: Path | None = None
    strangers: Path | None = None
    tests: Path | None = None
    generators: Path | None = None
    judge: Path | None = None
    sets: Path | None = None
    checkpoints: Path | None = None
    work: Path | None = None
    seeds: int = 8
    progress: Progress = lambda line: None

    def suite(self, name: str, seeds: int | None = None) -> list[CachedCollection]:
        """The cached collections of a suite."""
        return cached_collections(find_suite(name), data_folder(self.data), seeds or self.seeds)

    def needed(self, name: str) -> Path:
        """A folder that a table cannot do without.

        Raises
        ------
        SavedFileError
            When it was not given.
        """
        found: Path | None = getattr(self, name)
        if found is None:
            raise SavedFileError(f"this table needs a folder: give --{name}; `nphylo lab table --help` says of what")
        return found


@dataclass(frozen=True)
class Page:
    """A page in Markdown, and functions that draw its pictures into files, by their names."""

    text: str
    pictures: Mapping[str, Callable[[Path], None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A page of ``docs/tables``: its name there, what it says, the module with ``page``, and what that needs."""

    name: str
    summary: str
    needs: str

    def page(self, sources: Sources) -> Page:
        """Make it."""
        module = import_module(f"neural_phylogeny.lab.bench.tables.{self.name}")
        found: Page = module.page(sources)
        return found


TABLES = {
    table.name: table
    for table in (
        Table(
            "ablation",
            "what `auto` loses when one piece of evidence is taken away",
            "batches, wide; a quarter of an hour",
        ),
        Table(
            "baselines",
            "rules of other fields on every suite, and other learners than the detector at equal data",
            "generators, work",
        ),
        Table(
            "candidates",
            "does grouping by a sample lose relatives in large collections?",
            "checkpoints, more than 200 models in all: collections of `nphylo lab zoo make`; five minutes",
        ),
        Table("cells", "which properties of an edge make its parent hard to find, for each method", "nothing"),
        Table("clock", "does weight decay show who is later?", "nothing; trains 1,000 small networks"),
        Table("clusters", "do clusterings find families without being given their number?", "nothing"),
        Table("confidence", "do probabilities mean what they say, and is a missing parent noticed?", "batches, wide"),
        Table("cost", "processor and memory of each method against models, of the pass against parameters", "nothing"),
        Table("derived", "how often does `nphylo derived` accuse strangers and siblings?", "data, sets; ten minutes"),
        Table(
            "direction", "every direction feature on every set of edges, those that were dropped too", "batches, wide"
        ),
        Table("detector", "the detector on families it has not seen, and what it owes to its inputs", "batches, tests"),
        Table("diversity", "what families of each generator and of each suite are like", "generators"),
        Table(
            "fakes",
            "why a fake initialisation shows the direction, and where it does not",
            "nothing; trains 6 networks",
        ),
        Table(
            "fingerprint",
            "how large must a fingerprint be, and does an index miss relatives of some kind?",
            "checkpoints, work; trains small networks",
        ),
        Table(
            "generators", "the detector on each generator, those that it was not trained on too", "generators, judge"
        ),
        Table("initialisation", "is an ancestor distinguished from a common initialisation?", "batches, strangers"),
        Table("joined", "are models of different collections called related, all read as one?", "checkpoints"),
        Table("kinds", "is the kind of a relation found, through every disguise?", "nothing; trains 49 small networks"),
        Table(
            "left_out",
            "the detector without one architecture, data set, optimiser or size in training",
            "batches, work; eleven trainings of half a minute",
        ),
        Table("lineage", "neural lineage by approximation, in weights and in features of probe data", "checkpoints"),
        Table(
            "one_seed",
            "are strangers of one seed distinguished from relatives, and what is the true initialisation worth?",
            "work, sets; trains 12 collections for each of --seeds, five seconds of a core each",
        ),
        Table("reviewers", "what reviewers of the paper asked of the learning-free methods", "nothing"),
        Table("sampling", "how much of the weights must be read?", "sets, work; trains large networks"),
        Table("sweeps", "accuracy against steps, children, pruning, pixels, shots, layers left and alpha", "nothing"),
        Table("unrelated", "how often are independent networks called related?", "sets; trains 950 small networks"),
    )
}
"""All tables by name."""


def find_table(name: str) -> Table:
    """A table by its name; raises UnknownChoiceError with the known ones."""
    if name not in TABLES:
        raise UnknownChoiceError("table", name, TABLES)
    return TABLES[name]


def write_page(page: Page, path: Path, replace: bool = False) -> None:
    """Write a page and its pictures beside it, unless that would lose rows.

    Raises
    ------
    SavedFileError
        When the file that is there has more rows, and ``replace`` is not given.
    """
    before = rows_of(path.read_text(encoding="utf-8")) if path.exists() else 0
    if rows_of(page.text) < before and not replace:
        raise SavedFileError(
            f"{path} has {before} rows and the new page {rows_of(page.text)}: something that it was made from was not "
            "given; give it, or --replace"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    for name, draw in page.pictures.items():
        draw(path.with_name(name))
    with replacing(path) as file:
        file.write((page.text.rstrip("\n") + "\n").encode())


def rows_of(text: str) -> int:
    """Lines of all tables of a page."""
    return sum(line.startswith("|") for line in text.splitlines())
