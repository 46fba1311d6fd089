import numpy as np

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.tensors.alignment import align, align_pairs
from neural_phylogeny.tensors.cuts import BOX_LIMIT


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
    assert alignment.notes == ("c: names differ from those of a, 3 of 3 tensors matched by shape and order",)


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


def counted(alignment):
    """Which pairs of models each box counts for."""
    found: dict[tuple[str, tuple[int, ...]], set[tuple[int, int]]] = {}
    for tensor in alignment.tensors:
        rows, columns = tensor.pairs.nonzero()
        pairs = {(tensor.members[i], tensor.members[j]) for i, j in zip(rows, columns, strict=True) if i < j}
        found.setdefault((tensor.name, tensor.stop), set()).update(pairs)
    return found


def test_every_two_models_meet_once_on_all_they_share_and_no_third_shape_cuts_them():
    alignment = align_pairs([model(e=(5, 3)), model(e=(7, 3)), model(e=(7, 3)), model(e=(6, 2))], list("abcd"))
    assert counted(alignment) == {
        ("e", (5, 3)): {(0, 1), (0, 2)},
        ("e", (7, 3)): {(1, 2)},
        ("e", (5, 2)): {(0, 3)},
        ("e", (6, 2)): {(1, 3), (2, 3)},
    }


def test_boxes_of_pairs_cover_what_the_boxes_of_the_two_alone_cover():
    shapes = [(5, 3), (7, 3), (6, 2), (7, 3), (4, 4), (5, 3, 1)]
    together = align_pairs([model(w=shape, v=(8, 8)) for shape in shapes], list("abcdef"))
    for i in range(len(shapes)):
        for j in range(i):
            alone = align([model(w=shapes[i], v=(8, 8)), model(w=shapes[j], v=(8, 8))], list("ab"))
            assert together.common()[i, j] == alone.common()[0, 1]


def test_models_of_one_layout_share_one_box_whatever_else_is_there():
    alignment = align_pairs([model(w=(4, 4)), model(w=(4, 4)), model(w=(9, 9)), model(u=(7, 5))], list("abcd"))
    assert [(t.name, t.stop, t.members, t.links) for t in alignment.tensors][:1] == [("w", (4, 4), (0, 1, 2), ())]


def test_a_convolution_and_its_unrolled_matrix_are_one_box_also_of_pairs():
    shapes = [(8, 3, 3, 3), (8, 27), (8, 3, 3, 3), (16, 3, 3, 3)]
    alignment = align_pairs([model(w=shape) for shape in shapes], list("abcd"))
    assert [(t.stop, t.members) for t in alignment.tensors] == [((8, 3, 3, 3), (0, 1, 2, 3))]
    assert not alignment.tensors[0].pairs[1, 3]


def test_a_third_layout_does_not_rename_what_two_others_have_in_common():
    a = model(**{"enc.w": (64, 64), "head.w": (10, 64)})
    big = model(**{"enc.w": (64, 64), "body.0": (99, 99), "body.1": (99, 99)})
    other = model(**{"x.0": (64, 64), "x.1": (10, 64)})
    together = align_pairs([other, other, a, big], list("xyab"))
    assert together.common()[2, 3] == 64 * 64
    assert together.common()[0, 2] == 64 * 64 + 640


def test_a_correspondence_that_fits_no_slot_counts_for_its_own_two_layouts_alone():
    first = model(**{"a.0": (64, 64), "a.1": (64, 64)})
    second = model(**{"a.1": (64, 64), "a.2": (64, 64), "tail": (9, 9)})
    third = model(**{"x.0": (64, 64), "x.1": (64, 64), "x.2": (30, 30)})
    models = [first, first, second, second, third, third]
    alignment = align_pairs(models, list("abcdef"))
    common = alignment.common()
    np.testing.assert_array_equal(alignment.common(rows=[4, 0, 3]), common[[4, 0, 3]])
    for i in range(len(models)):
        for j in range(i):
            alone = align_pairs([models[j], models[i]], list("ab")).common()[0, 1]
            assert common[i, j] == alone, (i, j)
    assert (align(models, list("abcdef")).coverage() <= 1.0).all()
