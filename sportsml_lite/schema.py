"""The words of the book: tables, columns, units and plausible ranges.

Every loader returns these tables, every figure labels its axes with these units, and every model
reads these names. A missing value is NaN, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError, listed

TIME = "datetime64[us, UTC]"


@dataclass(frozen=True)
class Column:
    """One column of a table: its unit, dtype and plausible closed range (None: no limit)."""

    name: str
    dtype: str
    unit: str
    meaning: str
    low: float | None = None
    high: float | None = None
    required: bool = True
    nullable: bool = True
    choices: tuple[str, ...] = ()  # of a text; empty: any


def _key(name: str, meaning: str) -> Column:
    return Column(name, "str", "", meaning, nullable=False)


ATHLETES = (
    _key("athlete_id", "athlete"),
    Column("sex", "str", "", "sex, 'm' or 'f'"),
    Column("age_y", "float64", "years", "age", 5, 110),
    Column("mass_kg", "float64", "kg", "body mass", 15, 250),
    Column("height_cm", "float64", "cm", "height", 80, 250),
    Column("hr_rest_bpm", "float64", "bpm", "resting heart rate", 25, 120),
    Column("hr_max_bpm", "float64", "bpm", "maximal heart rate", 100, 240),
    Column(
        "vo2max_ml_kg_min", "float64", "mL/kg/min", "maximal oxygen uptake", 10, 100, required=False
    ),
    Column("vt1", "float64", "m/s or W", "first ventilatory threshold", 0, 1000, required=False),
    Column("vt2", "float64", "m/s or W", "second ventilatory threshold", 0, 1000, required=False),
)

SESSIONS = (
    _key("session_id", "session"),
    _key("athlete_id", "athlete"),
    Column("start", TIME, "UTC", "start of the session; missing where the file has no date"),
    Column("sport", "str", "", "sport, in lower case"),
    Column("duration_s", "float64", "s", "duration with the timer running", 0, 7 * 86400),
    Column("distance_m", "float64", "m", "distance", 0, 2e6),
    Column("steps", "float64", "", "steps", 0, 1e6),
    Column("hr_mean_bpm", "float64", "bpm", "mean heart rate", 25, 240),
    Column("hr_max_bpm", "float64", "bpm", "highest heart rate", 25, 240),
    Column("speed_mean_mps", "float64", "m/s", "mean speed", 0, 40),
    Column("power_mean_w", "float64", "W", "mean mechanical power", 0, 2500),
    Column("elevation_gain_m", "float64", "m", "metres climbed", 0, 20000),
    Column("rpe", "float64", "CR10", "rating of perceived exertion", 0, 10),
    Column("effect", "float64", "0-5", "training effect", 0, 5),
    Column("effect_name", "str", "", "whose effect it is: 'simulated', 'device' or missing"),
    Column("source", "str", "", "file or data set the session came from"),
)

STREAMS = (
    _key("session_id", "session"),
    Column("t_s", "float64", "s", "time since the start of the session", 0, nullable=False),
    Column("hr_bpm", "float64", "bpm", "heart rate", 25, 240),
    Column("speed_mps", "float64", "m/s", "speed", 0, 40),
    Column("power_w", "float64", "W", "mechanical power", 0, 2500),
    Column("cadence_spm", "float64", "per min", "steps or strokes a minute", 0, 300),
    Column(
        "cadence_rpm", "float64", "per min", "crank revolutions a minute", 0, 250, required=False
    ),
    Column("altitude_m", "float64", "m", "altitude", -500, 9000),
    Column("distance_m", "float64", "m", "distance since the start", 0, 2e6),
    Column("lat_deg", "float64", "°", "latitude (private)", -90, 90, required=False),
    Column("lon_deg", "float64", "°", "longitude (private)", -180, 180, required=False),
    Column("vo2_ml_kg_min", "float64", "mL/kg/min", "oxygen uptake", 0, 120, required=False),
    Column("label", "str", "", "label of the second", required=False),
)

# What a laboratory measured on a test day; each name is an outcome of the table of tests.
OUTCOMES = (
    Column("vo2max_ml_min", "float64", "mL/min", "maximal oxygen uptake", 500, 9000),
    Column("vo2max_ml_kg_min", "float64", "mL/kg/min", "maximal oxygen uptake", 10, 100),
    Column("power_max_w", "float64", "W", "highest power of an incremental test", 50, 900),
    Column("power_4mmol_w", "float64", "W", "power at 4 mmol/L blood lactate", 30, 700),
    Column("power_15min_w", "float64", "W", "mean power of a 15-min trial", 30, 700),
    Column("power_40min_w", "float64", "W", "mean power of a 40-min trial", 30, 700),
    Column("mass_kg", "float64", "kg", "body mass", 15, 250),
    Column("hb_mass_g", "float64", "g", "mass of haemoglobin", 200, 2500),
)

TESTS = (
    _key("athlete_id", "athlete"),
    Column("test", "int64", "", "test of the athlete, 1 is the first", 1, nullable=False),
    Column("date", TIME, "UTC", "day of the test; missing where the file has no date"),
    Column(
        "outcome",
        "str",
        "",
        "what was measured",
        nullable=False,
        choices=tuple(column.name for column in OUTCOMES),
    ),
    Column("value", "float64", "", "the measured value, in the unit of its outcome's name"),
)

# The table of every experiment: a row is one athlete under one arm, fold and seed. Settings
# of an arm (k, alpha, ...) are further columns, NaN where it has none.
SCORES = (
    _key("study", "experiment"),
    _key("dataset", "data set"),
    _key("arm", "what was tried"),
    Column(
        "partition", "int64", "", "which division of the athletes into folds", 0, nullable=False
    ),
    Column("fold", "int64", "", "fold of the partition", 0, nullable=False),
    Column("seed", "int64", "", "seed of the training", 0, nullable=False),
    _key("athlete", "athlete"),
    _key("metric", "what was measured"),
    Column("value", "float64", "", "the metric's value, in its own unit"),
    Column("n", "float64", "", "windows or sessions behind it", 0),
)

TABLES = {
    "athletes": ATHLETES,
    "sessions": SESSIONS,
    "streams": STREAMS,
    "outcomes": OUTCOMES,
    "tests": TESTS,
    "scores": SCORES,
}


def columns(table: str) -> dict[str, Column]:
    """Columns of one of :data:`TABLES` by name.

    Raises
    ------
    UserError for another table
    """
    if table not in TABLES:
        raise UserError(f"unknown table {table!r}: choose one of {', '.join(TABLES)}")
    return {column.name: column for column in TABLES[table]}


def axis_label(table: str, name: str) -> str:
    """Axis label with its unit, e.g. ``'heart rate (bpm)'``."""
    column = columns(table)[name]
    return f"{column.meaning} ({column.unit})" if column.unit else column.meaning


def conform(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """A copy with the contract's columns, order and dtypes; absent columns become missing.

    Columns that the contract does not know are kept, after the others. Values are not judged here:
    see :func:`validate` for ranges, and ``prepare`` for cleaning.
    """
    known = columns(table)
    wanted = [name for name, c in known.items() if c.required or name in frame]
    out = {}
    for name in wanted:
        dtype = known[name].dtype
        if name in frame:
            column = frame[name]
            out[name] = column if str(column.dtype) == dtype else column.astype(dtype)
        elif dtype == "float64":
            out[name] = np.full(len(frame), np.nan)
        else:
            missing = None if dtype == "str" else pd.NaT if dtype == TIME else np.nan
            out[name] = pd.Series(missing, index=frame.index, dtype=dtype)
    rest = {name: frame[name] for name in frame if name not in known}
    return pd.DataFrame(out | rest, index=frame.index)


def validate(frame: pd.DataFrame, table: str, where: str) -> pd.DataFrame:
    """Check a table against the contract with pandera; return it unchanged.

    Parameters
    ----------
    frame : table to check
    table : key of :data:`TABLES`
    where : what the error names, e.g. a file

    Raises
    ------
    UserError naming ``where``, the column, the first bad row and the allowed range
    """
    found = problems(frame, table, where)
    if found:
        raise UserError(listed(found))
    return frame


def problems(frame: pd.DataFrame, table: str, where: str) -> list[str]:
    """What breaks the contract, a line a column and kind of fault; see :func:`validate`.

    Each names the first bad row, as the frame's index counts and calls it, and how many more.
    """
    import pandera.pandas as pa

    checks = {}
    for name, c in columns(table).items():
        limits = []
        if c.low is not None:
            limits.append(pa.Check.ge(c.low))
        if c.high is not None:
            limits.append(pa.Check.le(c.high))
        if c.choices:
            limits.append(pa.Check.isin(c.choices))
        checks[name] = pa.Column(
            c.dtype, limits, nullable=c.nullable, required=c.required, unique=False
        )
    try:
        pa.DataFrameSchema(checks).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        column = cases["column"].where(cases["column"].isin(list(checks)), cases["failure_case"])
        kinds = cases.groupby([column, cases["check"]], sort=False)
        kind = frame.index.name or "row"
        return [_explain(own.iloc[0], len(own) - 1, kind, table, where) for _, own in kinds]
    return []


def _explain(case: pd.Series, more: int, kind: str, table: str, where: str) -> str:
    known = columns(table)
    column = case["column"] if case["column"] in known else case["failure_case"]
    if case["check"] == "column_in_dataframe":
        return f"{where}: column {column!r} is missing; add it, empty where nothing was measured"
    c = known[column]
    row = "" if pd.isna(case["index"]) else f", {kind} {case['index']}"
    others = f" ({more} more such {kind}{'s' * (more > 1)})" if more else ""
    if str(case["check"]).startswith("dtype"):
        return f"{where}: column {column!r} holds {case['failure_case']}, expected {c.dtype}"
    if case["check"] == "not_nullable":
        return f"{where}{row}: column {column!r} is empty; every row needs it ({c.meaning}){others}"
    if c.choices:
        known_ones = ", ".join(c.choices)
        return f"{where}{row}: {column} = {case['failure_case']!r} is none of {known_ones}{others}"
    span = (
        f"{'-∞' if c.low is None else f'{c.low:g}'} to {'∞' if c.high is None else f'{c.high:g}'}"
    )
    return (
        f"{where}{row}: {column} = {case['failure_case']} {c.unit} is outside {span}; "
        f"correct it{' or leave it empty' if c.nullable else ''}{others}"
    )


@dataclass(frozen=True)
class Windows:
    """Pieces of equal length cut from recordings, checked when made.

    X : (N, C, T) float32, NaN where nothing was measured and in padding
    mask : (N, T) bool, False in padding
    y : (N,) int position in ``classes``, or float where there are no classes
    athlete, recording : (N,) str; a recording belongs to one athlete
    t0_s : (N,) float, begin of the window on its recording's clock
    channels : C names; classes : names, empty for a regression; rate_hz : samples a second

    Raises
    ------
    UserError naming the field that does not fit
    """

    X: np.ndarray
    mask: np.ndarray
    y: np.ndarray
    athlete: np.ndarray
    recording: np.ndarray
    t0_s: np.ndarray
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    rate_hz: float

    def __post_init__(self):
        X = self.X
        if X.ndim != 3 or X.dtype != np.float32:
            raise UserError(f"windows: X is {X.dtype} {X.shape}; give float32 (N, C, T)")
        n, c, t = X.shape
        wanted = {"mask": (n, t)} | dict.fromkeys(("y", "athlete", "recording", "t0_s"), (n,))
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                found = getattr(self, name).shape
                raise UserError(f"windows: {name} has shape {found}; X {X.shape} asks for {shape}")
        if self.mask.dtype != bool:
            raise UserError(f"windows: mask is {self.mask.dtype}; give bool, False in padding")
        if len(set(self.channels)) != c or len(self.channels) != c:
            raise UserError(f"windows: X has {c} channels, named {self.channels}; name each once")
        if not self.rate_hz > 0:
            raise UserError(f"windows: rate_hz = {self.rate_hz}; give samples a second, above 0")
        self._check_target()
        owners = pd.DataFrame({"r": self.recording, "a": self.athlete}).drop_duplicates()["r"]
        if owners.duplicated().any():
            shared = owners[owners.duplicated()].iloc[0]
            raise UserError(f"windows: recording {shared!r} has two athletes; rename one of them")

    def _check_target(self):
        if not self.classes and self.y.dtype.kind != "f":
            raise UserError(f"windows: y is {self.y.dtype} without classes; give float or classes")
        if self.classes and self.y.dtype.kind != "i":
            raise UserError(f"windows: y is {self.y.dtype}; give the position in classes as int")
        if (
            self.classes
            and len(self.y)
            and not 0 <= self.y.min() <= self.y.max() < len(self.classes)
        ):
            raise UserError(f"windows: y has values outside 0 to {len(self.classes) - 1}")

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: np.ndarray) -> Windows:
        """The windows at ``rows``, an index or a (N,) bool array."""
        each = ("X", "mask", "y", "athlete", "recording", "t0_s")
        return replace(self, **{name: getattr(self, name)[rows] for name in each})
