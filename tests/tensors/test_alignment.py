import numpy as np

from neural_phylogeny.records import TensorInfo
from neural_phylogeny.tensors.alignment import BOX_LIMIT, align


def model(**shapes):
    return {name: TensorInfo(name=name, shape=shape, dtype="float32") for name, shape in shapes.items()}


def boxes(alignment):
    return {(t.name, t.start, t.stop): t.members for t in alignment.tensors}


def test_equal_names_and_shapes_align_whole():
    alignment = align([model(w=(4, 3), b=(4,)), model(w=(4, 3), b=(4,))], ["a", "b"])
    assert boxes(alignment) == {("w", (0, 0), (4, 3)): (0, 1), ("b", (0,), (4,)): (0, 1)}
    np.testing.assert_array_equal(alignment.coverage(), np.ones((2, 2)))


def test_a_longer_vocabulary_is_cut_into_boxes_that_no_pair_meets_twice():
    alignment = align([model(e=(5, 3)), model(e=(7, 3)), model(e=(9, 3))], list("abc"))
    assert boxes(alignment) == {("e", (0, 0), (5, 3)): (0, 1, 2), ("e", (5, 0), (7, 3)): (1, 2)}
    coverage = alignment.coverage()
    assert coverage[0, 1] == 15 / 21
    assert coverage[1, 2] == 21 / 27


def test_both_axes_may_differ():
    alignment = align([model(w=(4, 6)), model(w=(8, 3))], ["a", "b"])
    assert boxes(alignment) == {("w", (0, 0), (4, 3)): (0, 1)}


def test_many_different_shapes_are_compared_only_where_equal():
    shapes = [(n, n) for n in range(2, 2 + BOX_LIMIT)]
    alignment = align([model(w=shape) for shape in [*shapes, shapes[0]]], [str(k) for k in range(len(shapes) + 1)])
    assert boxes(alignment) == {("w", (0, 0), (2, 2)): (0, len(shapes))}


def test_other_names_align_by_shape_and_order_and_a_note_says_so():
    ours = {"conv.w": (8, 3, 3, 3), "mid.w": (8, 8), "head.w": (10, 8)}
    theirs = {"185.0": (8, 27), "188.0": (8, 8), "191.0": (10, 8)}
    alignment = align([model(**ours), model(**ours), model(**theirs)], ["a", "b", "c"])
    assert [(t.name, t.shape, t.members) for t in alignment.tensors] == [
        ("conv.w", (8, 27), (0, 1, 2)),
        ("mid.w", (8, 8), (0, 1, 2)),
        ("head.w", (10, 8), (0, 1, 2)),
    ]
    assert alignment.notes == ("c: names differ, 3 of 3 tensors matched by shape and order",)


def test_buffers_and_integers_are_left_out():
    tensors = (
        model(w=(4, 4)) | {"n": TensorInfo(name="n", shape=(4, 4), dtype="int64")} | model(**{"bn.running_var": (4,)})
    )
    alignment = align([tensors, tensors], ["a", "b"])
    assert [t.name for t in alignment.tensors] == ["w"]
    assert alignment.parameters.tolist() == [16, 16]


def test_what_one_model_alone_has_is_not_compared():
    alignment = align([model(w=(4, 4), extra=(9, 9)), model(w=(4, 4))], ["a", "b"])
    assert [t.name for t in alignment.tensors] == ["w"]
    assert alignment.coverage()[0, 1] == 16 / 97


def test_models_in_any_order_share_the_same_values():
    first, second, third = model(w=(4, 4), v=(3, 4)), model(w=(4, 4), v=(5, 4)), model(w=(4, 4))
    forward = align([first, second, third], list("abc")).coverage()
    backward = align([third, second, first], list("cba")).coverage()
    np.testing.assert_array_equal(forward, backward[::-1, ::-1])


def test_no_models_give_an_empty_alignment():
    assert align([], []).tensors == ()
