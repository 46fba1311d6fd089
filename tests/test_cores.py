"""Work that is shared out to threads where more than one core may be used."""

import threading

import pytest

from neural_phylogeny.files.cores import cores, in_parts, using


def test_one_core_unless_somebody_says_more():
    assert cores() == 1
    with using(3):
        assert cores() == 3
    assert cores() == 1


@pytest.mark.parametrize("number", [1, 3])
def test_every_part_is_done_once(number):
    done, threads = list[int](), set[int]()
    met = threading.Barrier(number, timeout=30)

    def work(part):
        met.wait()
        threads.add(threading.get_ident())
        done.append(part)

    with using(number):
        in_parts(work, range(3 * number))
    assert sorted(done) == list(range(3 * number))
    assert len(threads) == number
    assert (threading.get_ident() in threads) == (number == 1)


def test_what_a_part_raises_is_raised():
    def work(part):
        raise ValueError(str(part))

    with using(2), pytest.raises(ValueError, match="0"):
        in_parts(work, range(2))
