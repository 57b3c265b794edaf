"""A sweep that is killed with signal 9 stores what one stores that nobody killed."""

import sys

import pytest
import torture


@pytest.mark.skipif(sys.platform == "win32", reason="has no signal 9")
def test_kills_lose_nothing_and_double_nothing(tmp_path):
    assert torture.torture(2, tmp_path) == []
