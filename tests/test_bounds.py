"""Every lesson and every lab is as short as the book promises; run with -s to see the table."""

import pytest

from sportsml_lite.publish import chapters
from sportsml_lite.publish.bounds import LESSON, bounds, measure

EVERY = chapters.chapters()
SOURCE = """# %% [markdown]
# One two $x = 3$ {glue:text}`n` and {glue:text}`n`, {footcite}`smith2020`.

# %% tags=["imports"]
import numpy as np  # hidden: a longer cell than the one below
# a comment

x = np.arange(3)

# %% mystnb={"figure": {"caption": "{glue:text}`m` more"}, "image": {"alt": "three dots"}}
x
x
"""


@pytest.mark.parametrize("chapter", EVERY, ids=[c.name for c in EVERY])
def test_a_notebook_is_short(chapter):
    size, most = measure(chapter), bounds(chapter)
    too_long = {name: f"{size[name]} of {most[name]}" for name in most if size[name] > most[name]}
    assert not too_long, f"{chapter.name}: {too_long}"


def test_the_table_of_sizes(capsys):
    """Printed at the end of a long run and by -s: the figures that the bounds are about."""
    rows = [(c.name, *measure(c).values()) for c in EVERY]
    lines = ["".join(f"{word!s:>14}" for word in ("", *LESSON))]
    lines += [f"{name:<18}" + f"{row[0]:>10}" + "".join(f"{n:>14}" for n in row[1:])
              for name, *row in rows]  # fmt: skip
    with capsys.disabled():
        print("", *lines, sep="\n")
    assert rows


def test_what_is_measured(tmp_path):
    path = tmp_path / "07_try.py"
    path.write_text(SOURCE, encoding="utf-8")
    size = measure(chapters.Chapter(path))
    assert size == {
        "lines": 12, "code": 5, "words": 13, "numbers": 3, "figures": 1, "longest cell": 2,
    }  # fmt: skip
