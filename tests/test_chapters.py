"""Parameters are read from the chapter, and a wrong one is refused before a kernel starts."""

import re

import pytest

from sportsml_lite.errors import UserError
from sportsml_lite.publish import chapters

SOURCE = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A chapter

# %% tags=["parameters"]
dataset = "simulated"  # a name, or the path of a folder
data_dir = ""  # path: folder with own files
n_athletes = 40  # athletes, 2 to 1000: how many
rate = 1e-3  # 1, 1e-6 to 10: learning rate
profile = "quick"  # 'quick' or 'full': how long
shuffle = True  # whether to shuffle
depths = [1, 2]  # layers: one run each

# %% tags=["check"]
print(n_athletes)
"""


@pytest.fixture
def chapter(tmp_path):
    path = tmp_path / "07_try.py"
    path.write_text(SOURCE)
    return chapters.Chapter(path)


def test_reads_names_defaults_and_comments(chapter):
    found = chapter.parameters()
    assert list(found)[2] == "n_athletes"
    assert found["rate"].default == 1e-3
    assert found["n_athletes"].comment == "athletes, 2 to 1000: how many"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("n_athletes", "7", 7),
        ("rate", "1", 1.0),
        ("rate", "1e-2", 0.01),
        ("shuffle", "false", False),
        ("depths", "[3, 4]", [3, 4]),
        ("profile", "full", "full"),
        ("dataset", "pmdata", "pmdata"),
    ],
)
def test_accepts(chapter, name, text, value):
    got = chapters.check(chapter, {name: text})[name]
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("n_athlets", "7", "did you mean 'n_athletes'"),
        ("zzz", "7", "Parameters: dataset"),
        ("n_athletes", "7.5", "no whole number"),
        ("n_athletes", "many", "no whole number"),
        ("n_athletes", "1", "outside 2 to 1000"),
        ("rate", "nan", "no number"),
        ("rate", "11", "outside 1e-6 to 10"),
        ("shuffle", "maybe", "no true or false"),
        ("depths", "3", "no list"),
        ("depths", "[3", "no list"),
        ("profile", "fulll", "did you mean 'full'"),
        ("data_dir", "no/such/folder", "does not exist"),
    ],
)
def test_refuses(chapter, name, text, what):
    with pytest.raises(UserError, match=what) as caught:
        chapters.check(chapter, {name: text})
    assert "\n" not in str(caught.value)


def test_a_file_is_no_data_dir(chapter):
    with pytest.raises(UserError, match="is a file"):
        chapters.check(chapter, {"data_dir": str(chapter.source)})


def test_parameters_are_literals_only(tmp_path):
    path = tmp_path / "07_try.py"
    path.write_text(SOURCE.replace("n_athletes = 40", "n_athletes = 4 * seeds"))
    with pytest.raises(UserError, match="literals only"):
        chapters.Chapter(path).parameters()


@pytest.mark.parametrize("name", ["1", "01", "01_collect", "collect", "notebooks/01_collect.ipynb"])
def test_finds_a_chapter(name):
    assert chapters.find(name).name == "01_collect"


@pytest.mark.parametrize("name", ["8_lab", "08_lab", "08_distil_lab", "distil_lab"])
def test_finds_a_lab(name):
    assert chapters.find(name).name == "08_distil_lab"
    assert chapters.find(name.removesuffix("_lab")).name == "08_distil"
    assert chapters.find(name).is_lab


def test_unknown_chapter_names_the_nearest():
    with pytest.raises(UserError, match="did you mean '01_collect'"):
        chapters.find("01_colect")


def test_every_chapter_has_the_common_parameters():
    for chapter in chapters.chapters():
        found = chapter.parameters()
        assert {"dataset", "data_dir", "seed"} <= set(found), chapter.name
        assert all(p.comment for p in found.values()), chapter.name
        assert ("profile" in found) == chapter.is_lab, chapter.name
        if chapter.is_lab:
            assert found["profile"].default == "accepted"
            with pytest.raises(UserError, match="'accepted', 'quick' or 'full'"):
                found["profile"].check("fast")


def test_a_broken_line_keeps_its_comment(tmp_path):
    path = tmp_path / "07_try.py"
    broken = "n_athletes = (\n    40  # athletes, 3 to 50: how many\n)"
    path.write_text(re.sub("n_athletes = 40.*", broken, SOURCE))
    parameter = chapters.Chapter(path).parameters()["n_athletes"]
    assert parameter.comment == "athletes, 3 to 50: how many"
    with pytest.raises(UserError, match="outside 3 to 50"):
        parameter.check(51)


def test_pair_keeps_outputs_of_check_cells_only(chapter):
    import nbformat

    executed = chapter.notebook()
    for cell in executed.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", text="40\n")]
    chapter.pair.write_text(chapters.pair_text(chapter, executed))
    pair = nbformat.read(chapter.pair, as_version=4)
    assert [len(c.get("outputs", [])) for c in pair.cells] == [0, 0, 1]
    assert chapters.pair_text(chapter) == chapter.pair.read_text(), "writing twice changes nothing"
    chapter.source.write_text(SOURCE.replace("print(n", "print(2 * n"))
    assert '"outputs": []' in chapters.pair_text(chapter), "a changed cell loses its old output"


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("seed", True, "is no whole number"),
        ("seed", "1", "is no whole number"),
        ("n_athletes", 3, "outside 10 to 1000"),
    ],
)
def test_a_running_chapter_refuses_what_plain_papermill_gave(name, value, what):
    defaults = {n: p.default for n, p in chapters.find("03").parameters().items()}
    chapters.check_values("03", defaults | {"noise_sd": 1})
    with pytest.raises(UserError, match=what):
        chapters.check_values("03", defaults | {name: value})
