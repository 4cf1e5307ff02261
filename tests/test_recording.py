"""Recording a number: what is stored is what is printed."""

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sportsml_lite.errors import UserError
from sportsml_lite.publish.record import PREFIX, record, recorded


@pytest.fixture
def shown(monkeypatch):
    calls = []
    monkeypatch.setattr("IPython.display.display", lambda *a, **k: calls.append((a, k)))
    return calls


def _notebook(*bundles):
    cell = nbformat.v4.new_code_cell("")
    cell.outputs = [
        nbformat.v4.new_output("display_data", data=args[0], metadata=kw["metadata"])
        for args, kw in bundles
    ]
    return nbformat.v4.new_notebook(cells=[cell])


def test_rounds_once_and_reads_back(shown):
    record("hours", 2.4539, digits=2)
    record("files", 8)
    record("sport", "running")
    record("zero", -0.0001, digits=2)
    expected = {"hours": 2.45, "files": 8, "sport": "running", "zero": 0.0}
    assert recorded(_notebook(*shown)) == expected
    assert _printed_by_the_page(shown[3]) == "0.00"


def test_keeps_trailing_zeros_for_the_reader(shown):
    record("share", 0.5, digits=2)
    record("steps", "27,008")
    assert [_printed_by_the_page(one) for one in shown] == ["0.50", "27,008"]


def _printed_by_the_page(call):
    """What MyST-NB's role makes of a recorded value."""
    from myst_nb.core.variables import format_plain_text

    return format_plain_text(call[0][0][PREFIX + "text/plain"], "")


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [("two words", 1, "no name"), ("mean", 1.5, "how many digits"), ("rows", [1], "neither")],
)
def test_refuses(shown, name, value, what):
    with pytest.raises(UserError, match=what):
        record(name, value)
    assert not shown


@given(st.floats(-1e6, 1e6), st.integers(0, 6))
def test_any_number_reads_back_rounded(value, digits):
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("IPython.display.display", lambda *a, **k: calls.append((a, k)))
        record("x", value, digits=digits)
    assert recorded(_notebook(*calls))["x"] == pytest.approx(round(value, digits))
