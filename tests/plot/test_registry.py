"""Figures are known by name, and no name is taken twice."""

import pytest

from vsrnn import VsrnnError
from vsrnn.plot.registry import FIGURES, figure


def toy_figure(table, style="web"):
    """Show a toy.

    In more than a line.
    """


def test_a_figure_is_registered_under_its_name_and_again_when_its_file_changes():
    try:
        assert figure(table=len)(toy_figure) is toy_figure
        spec = FIGURES["toy_figure"]
        assert (spec.table, spec.draw, spec.summary) == (len, toy_figure, "Show a toy.")
        assert spec.study == __name__.rpartition(".")[2]
        figure(table=sum)(toy_figure)
        assert FIGURES["toy_figure"].table is sum
        toy_figure.__module__ = "elsewhere"
        with pytest.raises(VsrnnError, match="two figures are called toy_figure"):
            figure(table=len)(toy_figure)
    finally:
        toy_figure.__module__ = __name__
        del FIGURES["toy_figure"]
