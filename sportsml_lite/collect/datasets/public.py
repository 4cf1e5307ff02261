"""Every data set by its name: one loader each, one shape for all (:class:`DataSet`)."""

from __future__ import annotations

from dataclasses import replace

from sportsml_lite.collect import fetch
from sportsml_lite.collect.datasets.actes import load_actes
from sportsml_lite.collect.datasets.dataset import DataSet, folder_name, summary
from sportsml_lite.collect.datasets.intervals import load_intervals
from sportsml_lite.collect.datasets.own_tables import load_tables
from sportsml_lite.collect.datasets.pmdata import clock_check, load_pmdata
from sportsml_lite.collect.datasets.runners import load_runners
from sportsml_lite.collect.datasets.strava_runners import load_strava_runners
from sportsml_lite.collect.datasets.swimming import load_swimming
from sportsml_lite.collect.datasets.sylta import load_sylta
from sportsml_lite.errors import UserError

__all__ = [
    "LOADERS",
    "DataSet",
    "clock_check",
    "load",
    "load_actes",
    "load_intervals",
    "load_pmdata",
    "load_runners",
    "load_strava_runners",
    "load_swimming",
    "load_sylta",
    "load_tables",
    "summary",
]

LOADERS = {
    "pmdata": load_pmdata,
    "actes": load_actes,
    "swimming": load_swimming,
    "runners": load_runners,
    "intervals": load_intervals,
    "sylta2016": load_sylta,
    "strava_runners": load_strava_runners,
}


def load(name: str, data_dir: str = "") -> DataSet:
    """Load a public data set, or the reader's own tables where ``name`` is the path of a folder.

    What is read from ``data_dir`` bears that folder's name.

    Parameters
    ----------
    name : one of :data:`LOADERS`, or a folder
    data_dir : folder that holds it; empty: see :func:`sportsml_lite.collect.fetch.locate`

    Raises
    ------
    UserError for an unknown name, or a data set that this machine does not have
    """
    folder = fetch.locate(name, data_dir)
    if name in fetch.SIMULATED or name == "device_files":
        raise UserError(f"{name!r} is no public table; choose one of {', '.join(LOADERS)}")
    if folder is None:
        raise UserError(f"{name} is not on this machine; run 'sportsml fetch {name}'")
    data = LOADERS.get(name, load_tables)(folder)
    return replace(data, name=folder_name(folder)) if data_dir else data
