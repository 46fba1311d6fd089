"""The unpickler runs nothing: what it makes of names, calls and states."""

import argparse
import io
import pickle
from collections import Counter, OrderedDict, defaultdict
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from neural_phylogeny.errors import DamagedFileError, UnsafeFileError, UnsupportedFormatError
from neural_phylogeny.formats.dangerous import is_dangerous
from neural_phylogeny.formats.pytorch import unpickler
from neural_phylogeny.formats.pytorch.inert import Inert, NumpyArray, Storage, TensorRecord

STORAGE = b"(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI4\ntQ"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + b"I0\n(I2\nI2\nt(I2\nI1\nt\x89N"
TENSOR = REBUILD + b"tR"


def load(data: bytes, storages: dict[str, Storage] | None = None) -> Any:
    return unpickler.load(io.BytesIO(data), "x.pt", storages)


def damage(data: bytes) -> str:
    with pytest.raises(DamagedFileError) as caught:
        load(data)
    assert str(caught.value).startswith("x.pt: its pickle cannot be read (")
    return caught.value.reason


@pytest.mark.parametrize("protocol", range(6))
def test_plain_containers_come_back_as_they_were(protocol):
    plain = {
        "a": [1, 2.5, None, True],
        "b": (1, "ä", b"\x00\xff"),
        3: OrderedDict(x=1),
        "big": 1 << 80,
        ("k", 1): {},
        "c": Counter("aab"),
        "d": defaultdict(list, x=[1]),
        "bytes": bytearray(b"ab"),
    }
    assert load(pickle.dumps(plain, protocol)) == plain


@pytest.mark.parametrize("protocol", range(6))
def test_sets_become_lists_because_nothing_in_a_file_is_hashed_but_keys(protocol):
    assert load(pickle.dumps([{1}, frozenset({2})], protocol)) == [[1], (2,)]


@pytest.mark.parametrize("protocol", range(6))
def test_numpy_arrays_and_scalars_are_rebuilt_here(protocol):
    arrays = [np.arange(6, dtype=">f4").reshape(2, 3), np.asfortranarray(np.eye(3)), np.zeros((0, 2)), np.bool_(True)]
    *loaded, scalar = load(pickle.dumps([*arrays, np.float32(0.5)], protocol))
    assert scalar == np.float32(0.5)
    assert loaded[3] == np.True_
    for array, record in zip(arrays[:3], loaded[:3], strict=True):
        assert isinstance(record, NumpyArray)
        np.testing.assert_array_equal(record.values, array)


def test_arrays_of_objects_have_no_values():
    assert load(pickle.dumps(np.array([{}, "x"], dtype=object))).values is None


@pytest.mark.parametrize("protocol", range(6))
def test_unknown_classes_keep_their_state_and_arguments(protocol):
    namespace = load(pickle.dumps(argparse.Namespace(lr=0.1, names=["a"]), protocol))
    assert isinstance(namespace, Inert)
    assert namespace.qualified_name == "argparse.Namespace"
    assert namespace.state == {"lr": 0.1, "names": ["a"]}
    assert load(pickle.dumps(Decimal("1.5"), protocol)).args == ("1.5",)


def test_a_tensor_is_a_record_of_its_claims_and_its_storage_is_noted():
    storages: dict[str, Storage] = {}
    tensor = load(TENSOR + b".", storages)
    assert isinstance(tensor, TensorRecord)
    assert (tensor.offset, tensor.shape, tensor.strides) == (0, (2, 2), (2, 1))
    assert tensor.storage is storages["0"]
    assert (storages["0"].dtype, storages["0"].size) == (np.float32, 4)


def test_the_class_behind_a_source_reference_is_what_it_names():
    assert load(b"(Vmodule\ncmy.net\nNet\nVnet.py\nVimport os\ntQ.").qualified_name == "my.net.Net"


@pytest.mark.parametrize(
    "name",
    """os.system posix.system nt.system subprocess.Popen builtins.eval builtins.exec builtins.open builtins.getattr
    builtins.__import__ builtins.compile __builtin__.eval importlib.import_module shutil.rmtree socket.socket
    pty.spawn runpy.run_path ctypes.CDLL pickle.loads _pickle.loads torch.load torch.hub.load torch.jit.load
    operator.attrgetter operator.methodcaller functools.reduce sys.modules webbrowser.open code.InteractiveConsole
    types.FunctionType numpy.load os.path.join _io.FileIO marshal.loads""".split(),
)
@pytest.mark.parametrize("opcode", ["GLOBAL", "STACK_GLOBAL", "INST"])
def test_a_name_that_could_run_something_refuses_the_file(name, opcode):
    module, _, attribute = name.rpartition(".")
    data = {
        "GLOBAL": f"c{module}\n{attribute}\n.",
        "STACK_GLOBAL": f"V{module}\nV{attribute}\n\x93.",
        "INST": f"(i{module}\n{attribute}\n.",
    }[opcode]
    with pytest.raises(UnsafeFileError) as caught:
        load(data.encode("latin-1"))
    assert caught.value.callable_name == name
    assert caught.value.reason == f"loading it would hand over to {name}"


def test_a_dotted_attribute_does_not_hide_a_name():
    with pytest.raises(UnsafeFileError) as caught:
        load(b"\x80\x04Vtorch\nVhub.load\n\x93.")
    assert caught.value.callable_name == "torch.hub.load"


@pytest.mark.parametrize(
    "name",
    ["argparse.Namespace", "code.model.Net", "osmium.Reader", "functools.partial", "pathlib.PosixPath", "torch.nn.X"],
)
def test_names_that_only_look_dangerous_are_not(name):
    assert not is_dangerous(*name.rsplit(".", 1))


def test_a_call_to_an_unknown_name_makes_a_record_and_calls_nothing():
    record = load(b"cmy.module\nlaunch\n(Vrockets\ntR.")
    assert (record.qualified_name, record.args) == ("my.module.launch", ("rockets",))


def test_a_record_that_is_called_is_a_record():
    assert load(b"cm\nf\n(I1\ntR(I2\ntR.").args == (2,)


def test_joblib_files_are_named():
    with pytest.raises(UnsupportedFormatError) as caught:
        load(b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n.")
    assert caught.value.reason == "a joblib file"


def test_storages_of_unknown_types_are_named():
    with pytest.raises(UnsupportedFormatError) as caught:
        load(STORAGE.replace(b"FloatStorage", b"QUInt7Storage") + b".")
    assert caught.value.reason == "values of type torch.QUInt7Storage"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "EOFError: "),
        (b"garbage", "ValueError: invalid literal for int()"),
        (b"\x80\x7f.", "ValueError: unsupported pickle protocol: 127"),
        (b"g7\n.", "UnpicklingError: Memo value not found at index 7"),
        (b"\x82\x01.", "UnpicklingError: extension code 1"),
        (b"Pwhatever\n.", "UnpicklingError: a reference to something that is not a tensor's storage"),
        (b"(Vstorage\nNV0\nVcpu\nI4\ntQ.", "UnpicklingError: a storage without type, key or size"),
        (STORAGE + STORAGE.replace(b"Float", b"Half") + b".", "UnpicklingError: storage 0 is said to be of two types"),
        (TENSOR + b"}b.", "UnpicklingError: it tries to change a TensorRecord"),
        (STORAGE + b"}b.", "UnpicklingError: it tries to change a Storage"),
        (b"ctorch\nfloat32\n}b.", "UnpicklingError: it tries to change a StorageType"),
        (b"ccollections\nOrderedDict\n}b.", "UnpicklingError: it tries to change a Function"),
        (b"cm\nf\nVtext\nR.", "UnpicklingError: arguments that are not a tuple"),
        (b"I5\n(tR.", "TypeError: 'int' object is not callable"),
        (b"]}b.", "AttributeError: 'list' object has no attribute '__setstate__'"),
        (b"}]I1\ns.", "TypeError: unhashable type: 'list'"),
        (b"\x97.", "UnpicklingError: "),
    ],
)
def test_broken_pickles_are_damage(data, reason):
    assert damage(data).startswith(f"its pickle cannot be read ({reason}")


def test_attributes_hung_on_a_dict_do_not_replace_its_methods():
    loaded = load(b"ccollections\nOrderedDict\n)R(Vvalues\nI1\nVitems\nI2\ndb.")
    assert list(loaded.items()) == []


def test_classes_of_the_allow_list_work_without_their_constructor():
    assert load(b"cnumpy\nndarray\n)\x81.").values is None
    assert load(b"cnumpy\ndtype\n)\x81.").resolve() is None
