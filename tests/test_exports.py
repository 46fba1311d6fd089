import subprocess
import sys

import pytest

import neural_phylogeny


def test_public_names_are_sorted_documented_and_there():
    assert list(neural_phylogeny.__all__) == sorted(neural_phylogeny.__all__)
    for name in neural_phylogeny.__all__:
        assert (getattr(neural_phylogeny, name).__doc__ or "").strip(), name
    assert set(neural_phylogeny.__all__) <= set(dir(neural_phylogeny))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = neural_phylogeny.nonsense


def test_the_functions_are_functions_in_whatever_order_modules_are_imported():
    import neural_phylogeny.facade

    assert neural_phylogeny.reconstruct is neural_phylogeny.facade.reconstruct


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, neural_phylogeny; print(sorted({'numpy', 'torch', 'networkx', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
