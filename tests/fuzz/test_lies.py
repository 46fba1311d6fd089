"""A valid file with one lie in it is read or refused, and nothing else comes of it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.lies import LIES
from tests.fuzz.targets import TARGETS, refused

CAREFUL = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", LIES)
@settings(CAREFUL, max_examples=8)
@given(data=st.data())
def test_one_lie(name, data, tmp_path_factory):
    refused(TARGETS[name], tmp_path_factory.mktemp("lie"), data.draw(LIES[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", LIES)
@settings(CAREFUL, max_examples=1000)
@given(data=st.data())
def test_a_thousand_lies(name, data, tmp_path_factory):
    refused(TARGETS[name], tmp_path_factory.mktemp("lie"), data.draw(LIES[name]))
