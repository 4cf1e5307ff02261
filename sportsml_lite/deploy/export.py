"""A kept student on its way to where it runs: one folder a target, a model card in each.

A target is a function that writes files of a student into a folder; :data:`TARGETS` is the list.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from sportsml_lite import schema
from sportsml_lite.collect.fetch import ORIGINS, SIMULATED
from sportsml_lite.deploy.kept import Kept, load_kept, personal
from sportsml_lite.errors import UserError
from sportsml_lite.paths import project_root
from sportsml_lite.training.keep import CARD as KEPT_CARD

CARD = "card.json"
FORM = 1  # of the card
GAP = "a missing value takes over the channel's last one; before the first it is the mean"
ENDINGS = {  # of a channel that no table of the book has
    "mps2": "m/s²", "radps": "rad/s", "ut": "µT", "hpa": "hPa", "pa": "Pa", "mps": "m/s",
    "bpm": "bpm", "spm": "per min", "rpm": "per min", "w": "W", "m": "m", "s": "s", "deg": "°",
    "fraction": "1", "grade": "1",
}  # fmt: skip
TRAIN_ONE = "sportsml run 10_pipeline_lab -p profile quick -p keep true"

# --- the card ------------------------------------------------------------------------------------


def model_card(kept: Kept, target: str, athlete: str = "") -> dict:
    """What travels with a student: what it reads and says, whence it comes, on what terms.

    Parameters
    ----------
    athlete : whose head it has; empty: everybody's
    """
    card = json.loads(json.dumps(asdict(kept.card)))  # lists, as a file has them
    return {
        "form": FORM, "target": target, "athlete": athlete,
        **{name: card[name] for name in ("channels", "rate_hz", "samples", "classes")},
        "units": [unit(name) for name in kept.card.channels],
        "mean": card["mean"], "factor": card["factor"],
        "scaling": "(measured - mean) / factor; a channel without a factor is not read",
        "gap": GAP,
        **{name: card[name] for name in ("width", "kernel", "stride")},
        "parameters": sum(p.numel() for p in kept.student.parameters()),
        "macs": kept.network.macs,
        **{name: card[name] for name in ("dataset", "athletes", "labelled", "seed")},
        "data": terms(kept.card.dataset),
        "scores": card["scores"],
        "personal": PERSONAL if athlete else "",
        "sha256": kept.sha256,
    }  # fmt: skip


PERSONAL = "its last layer comes from this athlete's own recordings: it is theirs"


def unit(channel: str) -> str:
    """Unit of a channel, by the book's tables or by how its name ends; empty where unknown."""
    known = schema.columns("streams")
    return known[channel].unit if channel in known else ENDINGS.get(channel.rsplit("_")[-1], "")


def terms(dataset: str) -> dict[str, str]:
    """Origin, licence and citation of the training data."""
    if dataset in SIMULATED:
        return {"home": "simulated by sportsml_lite", "licence": "MIT", "citation": ""}
    if dataset in ORIGINS:
        origin = ORIGINS[dataset]
        return {"home": origin.home, "licence": origin.licence, "citation": origin.citation}
    return {"home": "a folder of own recordings", "licence": "that of who recorded them",
            "citation": ""}  # fmt: skip


def read_card(folder: Path | str) -> dict:
    """The card of an exported student.

    Raises
    ------
    UserError if the folder has none, or one of another form
    """
    path = Path(folder).expanduser() / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give a folder that sportsml export wrote"
                        ) from None  # fmt: skip
    except ValueError:
        card = None
    if not isinstance(card, dict) or card.get("form") != FORM:
        raise UserError(f"{path}: no card in form {FORM}; export the student again")
    return card


def comment(card: Mapping) -> str:
    """The card as a comment of C; nothing in it can end the comment."""
    lines = json.dumps(card, indent=1, ensure_ascii=False).replace("*/", "* /").replace("/*", "/ *")
    return "/* Model card\n" + "\n".join(f" * {line}" for line in lines.splitlines()) + "\n */\n"


# --- the targets ---------------------------------------------------------------------------------


def _onnx(kept: Kept, card: dict, folder: Path) -> None:
    from sportsml_lite.deploy import onnx

    (folder / "student.onnx").write_bytes(onnx.float_model(kept.network, card))


def _int8(kept: Kept, card: dict, folder: Path) -> None:
    from sportsml_lite.deploy import onnx

    if kept.calibration is None:
        raise UserError("no calibration windows lie beside this student, which int8 needs: keep it "
                        f"again with {TRAIN_ONE}")  # fmt: skip
    data, card["int8"] = onnx.int8_model(kept.network, card, kept.calibration)
    (folder / "student_int8.onnx").write_bytes(data)


def _c(kept: Kept, card: dict, folder: Path) -> None:
    from sportsml_lite.deploy.c import write_c
    from sportsml_lite.deploy.int8 import quantise

    homes = {folder: None}
    if kept.calibration is not None:
        homes[folder / "int8"] = quantise(kept.network, kept.calibration)
    for home, int8 in homes.items():
        for path in write_c(kept.network, kept.prior, kept.card, home, int8):
            if path.suffix == ".h":
                path.write_text(comment(card) + path.read_text("utf-8"), "utf-8")


def _page(kept: Kept, card: dict, folder: Path) -> None:
    from sportsml_lite.deploy.page import write_page

    write_page(folder / "student.html", kept.network, kept.card, kept.prior)


def _executorch(kept: Kept, card: dict, folder: Path) -> None:
    from sportsml_lite.deploy import executorch

    (folder / "student.pte").write_bytes(executorch.program(kept.network))


TARGETS = {"onnx": _onnx, "int8": _int8, "c": _c, "page": _page, "executorch": _executorch}

# --- the command ---------------------------------------------------------------------------------


def export(student: str, to: str, athlete: str = "", out: str = "") -> list[Path]:
    """Write a kept student for a target, and its card beside it; returns the files, the card last.

    Parameters
    ----------
    student : folder of a kept student, or the key of a run that kept one
    to : key of :data:`TARGETS`; athlete : whose head it gets; empty: everybody's
    out : folder; empty: ``runs/export-STUDENT-TARGET``

    Raises
    ------
    UserError for an unknown target, student or athlete, a library that is not installed, or a
        folder that holds other files
    """
    if to not in TARGETS:
        raise UserError(f"--to {to}: choose one of {', '.join(TARGETS)}")
    home = find_student(student)
    kept = load_kept(home)
    if athlete:
        kept = personal(kept, athlete)
    card = model_card(kept, to, athlete)
    folder = Path(out).expanduser() if out else default_folder(home, to, athlete)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; name a folder (--out)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
        draft = Path(scratch)
        TARGETS[to](kept, card, draft)
        names = sorted(p.relative_to(draft) for p in draft.rglob("*") if p.is_file())
        sums = {n.as_posix(): _sha256(draft / n) for n in names}
        text = json.dumps({**card, "files": sums}, indent=1, ensure_ascii=False, allow_nan=False)
        (draft / CARD).write_text(text + "\n", encoding="utf-8")
        names.append(Path(CARD))
        _refuse_others(folder, names)
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(draft / name, folder / name)
    return [folder / name for name in names]


def find_student(given: str) -> Path:
    """Folder of a kept student: the folder itself, or that of the run with this key.

    Raises
    ------
    UserError where no student was kept, or several runs begin like this
    """
    folder = Path(given).expanduser()
    if folder.is_dir():
        if not (folder / KEPT_CARD).is_file():
            raise UserError(f"{folder}: no student was kept here; keep one with {TRAIN_ONE}")
        return folder
    runs = []
    if re.fullmatch(r"[0-9a-f]{4,64}", given):
        found = (project_root() / "runs").glob(f"*/{given}*/{KEPT_CARD}")
        runs = sorted(path.parent for path in found)
    if len(runs) > 1:
        raise UserError(f"{given}: {len(runs)} runs begin like this; give more letters")
    if not runs:
        raise UserError(f"{given}: no folder, and no run that kept a student; keep one with "
                        f"{TRAIN_ONE}")  # fmt: skip
    return runs[0]


def default_folder(home: Path, to: str, athlete: str) -> Path:
    """Where an export is written unless a place is named."""
    parts = ["export", home.resolve().name, to, athlete]
    name = "-".join(re.sub(r"[^\w.-]+", "_", part) for part in parts if part)
    return project_root() / "runs" / name


def _refuse_others(folder: Path, names: list[Path]) -> None:
    """A folder may hold an earlier export of the same target, and nothing else."""
    there = {p.relative_to(folder) for p in folder.rglob("*") if not p.is_dir()}
    if others := sorted(there - set(names)):
        raise UserError(f"{folder}: holds other files ({others[0].as_posix()}); name another "
                        "folder (--out)")  # fmt: skip


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
