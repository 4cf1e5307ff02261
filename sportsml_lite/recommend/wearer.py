"""Whether one person wore all devices: what files of two people in one folder give away.

A plan from two people's sessions would be nobody's. Two serial numbers may be one person's watch
and bicycle computer, so that nothing is decided here: what was found is said, and asked about.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from sportsml_lite.collect.formats import packed
from sportsml_lite.collect.formats.fit_frames import CRC_SIZE, needed, parts
from sportsml_lite.collect.formats.recording import Refusal
from sportsml_lite.errors import UserError

OVERLAP_MIN = 5.0  # two sessions at once for longer than this are of two people, or of two devices
HR_APART_BPM = 15.0  # maximal heart rates of two profiles of one person are not so far apart


def refuse_several(root: Path, sessions: pd.DataFrame) -> None:
    """Ask where the files of a folder may be of several people.

    Parameters
    ----------
    root : folder of device files, or of tables, whose files say nothing
    sessions : those taken as one person's; ``source`` is a file's path below the folder

    Raises
    ------
    UserError with what was found and how to answer
    """
    found = evidence(files(root, sessions), sessions)
    if found:
        raise UserError(
            f"{root}: may hold files of several people: {found}; if all are one person's, say "
            "--athlete NAME (any name), else put each person's files into an own folder"
        )


def evidence(about: pd.DataFrame, sessions: pd.DataFrame) -> str:
    """What speaks for several people, in words; empty where nothing does.

    Parameters
    ----------
    about : as :func:`files` gives it
    sessions : of the same folder
    """
    if about["sex"].nunique() > 1:
        return "their profiles are of a man and of a woman"
    tops = about["hr_max_bpm"].dropna()
    if len(tops) and tops.max() - tops.min() > HR_APART_BPM:
        return f"their profiles state maximal heart rates of {tops.min():g} and {tops.max():g} bpm"
    if about["device"].nunique() > 1:
        highest = about.merge(sessions[["session_id", "hr_max_bpm", "sport"]], on="session_id",
                              suffixes=("_profile", ""))  # fmt: skip
        return "; ".join(_of_device(name, part) for name, part in highest.groupby("device"))
    return _at_once(sessions)


def files(root: Path, sessions: pd.DataFrame) -> pd.DataFrame:
    """What each session's FIT file says of the device and of who wore it.

    Returns
    -------
    DataFrame, a row a session whose file could be opened: session_id, device (maker, product and
    serial number), sex ('m', 'f'), hr_max_bpm; missing where the file does not say
    """
    rows = []
    for session, source in zip(sessions["session_id"], sessions["source"], strict=True):
        data = _content(Path(root), source) if isinstance(source, str) else None
        if data is not None:
            rows.append({"session_id": session} | _about(data))
    return pd.DataFrame(rows, columns=["session_id", "device", "sex", "hr_max_bpm"]).astype(
        {"device": "str", "sex": "str", "hr_max_bpm": "float64"}
    )


def _content(root: Path, name: str) -> bytes | None:
    """Bytes of a FIT file of the folder, packed or not; None for what is none."""
    path = root / name
    if packed.suffix_of(name) != ".fit":
        return None
    try:
        if path.is_file():
            data = path.read_bytes()
        else:
            zips = (p for p in path.parents if p.suffix.lower() == ".zip" and p.is_file())
            home = next(zips, None)
            if home is None:
                return None
            data = packed.member((home,), path.relative_to(home).as_posix())
        return packed.gunzip(data) if data.startswith(packed.GZIP) else data
    except (OSError, KeyError, Refusal):
        return None  # reading the sessions has already said what is wrong with it


def _about(data: bytes) -> dict:
    """Device and wearer by the first part of a FIT file."""
    from garmin_fit_sdk import Decoder, Profile, Stream
    from garmin_fit_sdk.decoder import DecodeMode

    numbers = {Profile["mesg_num"][name] for name in ("FILE_ID", "USER_PROFILE")}
    try:
        _, part = next(parts(data))
        if isinstance(part, Refusal):
            raise part
        body = needed(part, numbers) + bytes(CRC_SIZE)
    except (StopIteration, Refusal):
        return {}
    messages, _ = Decoder(Stream.from_byte_array(bytearray(body))).read(
        convert_datetimes_to_dates=False, enable_crc_check=False, decode_mode=DecodeMode.DATA_ONLY
    )
    return _of_messages(messages)


def _of_messages(messages: dict) -> dict:
    about = (messages.get("file_id_mesgs") or [{}])[0]
    wearer = (messages.get("user_profile_mesgs") or [{}])[0]
    serial, top = about.get("serial_number"), wearer.get("default_max_heart_rate")
    maker = about.get("manufacturer", "unknown")
    product = about.get("product_name") or about.get(f"{maker}_product") or about.get("product", "")
    return {
        "device": f"{maker} {product} no. {serial}".replace("  ", " ") if serial else None,
        "sex": {"male": "m", "female": "f"}.get(wearer.get("gender")),
        "hr_max_bpm": top or None,
    }


def _of_device(name: str, part: pd.DataFrame) -> str:
    sports = ", ".join(sorted(part["sport"].dropna().unique()))
    top = part["hr_max_bpm"].max()
    heart = f", highest heart rate {top:.0f} bpm" if top == top else ""
    return f"{name}: {len(part)} of {sports or 'no named sport'}{heart}"


def _at_once(sessions: pd.DataFrame) -> str:
    """Two sessions that were recorded at the same time, in words."""
    known = sessions[sessions["duration_s"] > 0].sort_values("start")
    end = known["start"] + pd.to_timedelta(known["duration_s"], unit="s")
    both = (end.cummax().shift() - known["start"]).dt.total_seconds() / 60
    if not (both > OVERLAP_MIN).any():
        return ""
    second = known.loc[both.idxmax()]
    first = known.loc[end[known["start"] <= second["start"]].drop(second.name).idxmax()]
    return f"{first['session_id']} and {second['session_id']} were recorded at the same time"
