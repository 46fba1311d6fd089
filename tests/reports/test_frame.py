"""Tables of a result."""

import builtins
import dataclasses
import math

import pytest

from neural_phylogeny.errors import MissingExtraError, UnknownChoiceError
from neural_phylogeny.records import Edge, ModelRecord, Phylogeny, RelatedPair
from neural_phylogeny.reports.frame import COLUMNS, rows


def test_an_edge_is_a_row(everything):
    pytest.importorskip("pandas")
    frame = everything.to_frame()
    assert list(frame.columns) == list(COLUMNS["edges"])
    assert list(zip(frame["parent"], frame["child"], strict=True)) == [(e.parent, e.child) for e in everything.edges]
    assert frame["confidence"].tolist() == [edge.confidence for edge in everything.edges]
    assert frame["p_parent"].isna().all()
    assert frame["coverage"].min() == 0.45
    assert (frame.dtypes[["confidence", "p_parent", "support"]] == "float64").all()


def test_pairs_and_models_are_tables_too(everything):
    pytest.importorskip("pandas")
    assert everything.to_frame("pairs")["p_value"].tolist() == [1e-30, 1e-5, 1e-5]
    models = everything.to_frame("models").set_index("name")
    assert len(models) == len(everything.models)
    assert models.loc["copy", "copy_of"] == "ep4"
    assert models["family"].isna().sum() == 1
    assert str(models["family"].dtype) == "Int64"


def test_no_field_of_a_record_is_forgotten():
    def fields(record: type[Edge | RelatedPair | ModelRecord]) -> set[str]:
        return {field.name for field in dataclasses.fields(record)} - {"evidence", "layers"}

    assert set(COLUMNS["edges"]) == fields(Edge) | {"confidence", "is_weak"}
    assert set(COLUMNS["pairs"]) == fields(RelatedPair)
    assert set(COLUMNS["models"]) == fields(ModelRecord) | {"copy_of"}


def test_an_empty_result_has_the_same_columns():
    pytest.importorskip("pandas")
    for table, columns in COLUMNS.items():
        frame = Phylogeny().to_frame(table)
        assert (len(frame), list(frame.columns)) == (0, list(columns))


def test_the_rows_without_pandas(everything):
    first = rows(everything, "edges")[0]
    assert (first["parent"], first["child"], first["p_parent"]) == ("lost", "base", None)
    assert math.isclose(first["similarity"], 0.9)


def test_without_pandas_the_error_names_the_remedy(everything, monkeypatch):
    def refuse(name, *rest, **more):
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest, **more)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=r"Data frames need .* pip install 'neural-phylogeny\[pandas\]'"):
        everything.to_frame()


def test_an_unknown_table_is_refused_by_name(everything):
    with pytest.raises(UnknownChoiceError, match="unknown table 'edge'; did you mean 'edges'"):
        everything.to_frame("edge")
