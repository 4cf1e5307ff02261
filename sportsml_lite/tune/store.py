"""A search on disk that several workers share, and that a killed worker does not spoil.

The store is Optuna's own, an SQLite file. Each worker writes a sign of life while it trains. Where
that stays away, the next worker that begins a trial marks the orphan as failed and tries its
configuration again.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sportsml_lite.errors import UserError
from sportsml_lite.tune.searching import pruner, sampler
from sportsml_lite.tune.space import Space

if TYPE_CHECKING:
    import optuna

BEAT_S, SILENCE_S = 5, 30  # a sign of life every so often; after how long a worker counts as dead
RETRIES = 3  # of one configuration whose workers died
WAIT_S = 60  # for another worker that is writing


def open_study(
    path: str | Path,
    name: str,
    space: Space,
    method: str = "tpe",
    about: Mapping[str, str] | None = None,
    seed: int = 0,
    prune: bool = False,
    beat_s: int = BEAT_S,
    silence_s: int = SILENCE_S,
) -> optuna.Study:
    """The search of that name in a file, new or as other workers left it.

    Run it with :func:`~sportsml_lite.tune.searching.run`, in as many processes as you like.

    Parameters
    ----------
    path : of the SQLite file; it is made if there is none
    name : of the search
    space : what may be chosen
    method, prune : as in :func:`~sportsml_lite.tune.searching.search`
    about : what else the values rest on, e.g. ``{"data": "pmdata", "fold": "0"}``
    seed : of this worker's draws; give each worker another one
    beat_s, silence_s : between signs of life, and without one until a worker counts as dead

    Raises
    ------
    UserError if the file is no Optuna store, or holds another search: of another name, or of
    another space or data; nothing is written to it then
    """
    import optuna

    path = Path(path).expanduser()
    rests = {"space": space.fingerprint, **(about or {})}
    _check_file(path)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = _storage(path, beat_s, silence_s)
    names = optuna.get_all_study_names(storage)
    if names and name not in names:
        raise UserError(f"{path}: holds the search {names[0]!r}, not {name!r}; give that name, or "
                        "another file")  # fmt: skip
    study = optuna.create_study(
        storage=storage, study_name=name, sampler=sampler(method, space, seed),
        pruner=pruner(prune), load_if_exists=True,
    )  # fmt: skip
    _check_purpose(path, study, rests)
    return study


def _storage(path: Path, beat_s: int, silence_s: int):
    import optuna

    try:
        return optuna.storages.RDBStorage(
            f"sqlite:///{path}",
            engine_kwargs={"connect_args": {"timeout": WAIT_S}},
            heartbeat_interval=beat_s,
            grace_period=silence_s,
            heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(
                max_retry=RETRIES
            ),
        )
    except Exception as error:  # SQLAlchemy and Optuna raise many kinds for a foreign file
        reason = str(error).splitlines()[0][:120]
        raise UserError(f"{path}: no store of Optuna ({reason}); give another file") from None


def _check_file(path: Path) -> None:
    """Refuse what SQLite would only refuse later, or silently make its own."""
    if path.is_dir() or not path.parent.is_dir():
        raise UserError(f"{path}: no file of a search can lie here; name one in a folder that is "
                        "there, e.g. search.db")  # fmt: skip
    if not path.exists() or not path.stat().st_size:
        return
    import sqlite3

    try:
        found = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        tables = {row[0] for row in found.execute("SELECT name FROM sqlite_master")}
        found.close()
    except sqlite3.Error as error:
        raise UserError(f"{path}: no SQLite file ({error}); give another file") from None
    if tables and "studies" not in tables:
        raise UserError(f"{path}: a database of something else, no store of Optuna; give another "
                        "file")  # fmt: skip


def _check_purpose(path: Path, study: optuna.Study, rests: dict[str, str]) -> None:
    """Compare what the search was made for with what is asked of it now; a new one notes it."""
    known = study.user_attrs.get("rests")
    if known is None and not study.get_trials(deepcopy=False):
        study.set_user_attr("rests", rests)
        return
    known = known or {}
    wrong = [n for n in sorted({*known, *rests}) if known.get(n) != rests.get(n)]
    if wrong:
        was, now = known.get(wrong[0]), rests.get(wrong[0])
        raise UserError(f"{path}: the search {study.study_name!r} was made for {wrong[0]} {was}, "
                        f"not {now}; give another file or name")  # fmt: skip
