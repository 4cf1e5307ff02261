"""The command ``sportsml``: it parses and delegates; a reader's mistake ends with exit code 2."""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import sys
from pathlib import Path

import click

from sportsml_lite.errors import Failed, UserError


class _Failure(click.ClickException):
    def __init__(self, message: str, exit_code: int):
        super().__init__(message)
        self.exit_code = exit_code


class _PlainErrors(click.Group):
    """One message instead of a traceback: exit code 2 for the reader's mistake, 1 for a failure."""

    def invoke(self, ctx):
        try:
            _check_working_directory()
            return super().invoke(ctx)
        except UserError as error:
            raise _Failure(str(error), 2) from None
        except Failed as error:
            raise _Failure(str(error), 1) from None
        except SyntaxError as error:  # in a module of the package that the reader has edited
            where = f"{error.filename}, line {error.lineno}"
            raise _Failure(f"{where}: {error.msg}; correct it", 2) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever read our output has left: click ends quietly
                raise
            raise _Failure(_of_disk(error), 2) from None
        except KeyboardInterrupt:
            raise _Failure("stopped", 130) from None  # as a shell counts it


def _of_disk(error: OSError) -> str:
    """Path and reason in a line; copying a folder lists every file that it could not write."""
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        _, path, reason = error.args[0][0]
        return f"{path}: {reason}"
    return f"{error.filename}: {error.strerror or error}"


def _check_working_directory() -> None:
    try:
        os.getcwd()
    except FileNotFoundError:
        where = os.environ.get("PWD", "the working directory")
        raise UserError(f"{where}: this folder was deleted; change into another one") from None


@click.group(cls=_PlainErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sportsml_lite", prog_name="sportsml")
def main():
    """Machine learning for athlete training: run its chapters, build its book."""


@main.command()
@click.argument("chapter")
def params(chapter):
    """List the parameters of CHAPTER (8, 08_distil or 08_lab) with defaults, units and ranges."""
    from sportsml_lite.publish.chapters import find

    rows = [(p.name, repr(p.default), p.comment) for p in find(chapter).parameters().values()]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    for name, default, comment in rows:
        click.echo(f"{name:<{widths[0]}}  {default:<{widths[1]}}  {comment}")


@main.command()
@click.argument("chapter")
@click.option(
    "-p", "given", nargs=2, multiple=True, metavar="NAME VALUE", help="Set a parameter; repeatable."
)
@click.option("--page/--no-page", default=True, help="Also write the page, as in the book.")
def run(chapter, given, page):
    """Run CHAPTER with other parameters: sportsml run 01 -p data_dir my_rides.

    A lab measures anew with -p profile quick or full: sportsml run 08_lab -p profile quick.
    The executed notebook, its recorded numbers and its page are kept in runs/, and the table of
    a lab's scores.
    """
    from sportsml_lite.publish import runs
    from sportsml_lite.publish.chapters import find

    chosen = find(chapter)
    folder = runs.run(chosen, dict(given), progress=sys.stderr.isatty(), say=click.echo)
    for name, value in runs.read_record(folder)["numbers"].items():
        click.echo(f"  {name} = {value}")
    click.echo(f"notebook: {folder / chosen.name}.ipynb")
    if page and importlib.util.find_spec("jupyter_book") is None:
        click.echo("page:     none; pages need the extra 'book' (README)")
    elif page:
        from sportsml_lite.publish import book

        click.echo(f"page:     {book.run_page(folder, chosen, click.echo)}")


@main.command()
@click.argument("chapter")
@click.option(
    "-g", "varied", multiple=True, metavar="NAME=A,B,C", help="Vary a parameter; seed=0:20 counts."
)
@click.option("-p", "fixed", nargs=2, multiple=True, metavar="NAME VALUE", help="Set one for all.")
@click.option("--workers", type=click.IntRange(1), help="Processes here; default: one a core.")
@click.option("--scheduler", default="", metavar="tcp://HOST:PORT", help="Of a Dask cluster.")
@click.option("--dry-run", is_flag=True, help="Only list the runs, and which are done.")
@click.option("--yes", is_flag=True, help="Do not ask before many runs.")
def sweep(chapter, varied, fixed, workers, scheduler, dry_run, yes):
    """Run CHAPTER with every combination of values, as in: sportsml sweep 03 -g seed=0:20.

    What is finished is kept: after a stop the same command goes on where it was. Leaves a table of
    all recorded numbers in runs/, and of a lab's scores; `sportsml report` draws them.
    """
    from sportsml_lite.publish import sweep as sweeping

    asked = sweeping.asked(chapter, varied, fixed, workers, scheduler)
    sweeping.confirm(asked, yes or dry_run, click.confirm if sys.stdin.isatty() else None)
    plan = sweeping.plan(*asked)
    processes = 1 if scheduler else workers or os.cpu_count() or 1
    for line in sweeping.lines(plan, processes, every=dry_run):
        click.echo(line)
    if not dry_run:
        failures = sweeping.carry_out(plan, scheduler, workers, click.echo)
        click.echo(f"report: sportsml report {plan.name}")
        sweeping.blame(plan, failures)


@main.command()
@click.argument("name", metavar="SWEEP")
def report(name):
    """Draw a sweep, by the name or folder that `sportsml sweep` printed: one page of HTML."""
    from sportsml_lite.publish import report as reporting

    click.echo(f"report: {reporting.write(name)}")


@main.command()
def book():
    """Build the book: execute the chapters that changed, then write the site."""
    from sportsml_lite.publish import book as build

    click.echo("Building the book: executing what changed, then writing the pages.")
    build.build(click.echo)


@main.command()
@click.option("--diff", is_flag=True, help="Only show which checked numbers changed.")
def pairs(diff):
    """Write each .ipynb anew from its .py, with freshly checked numbers."""
    from sportsml_lite.publish import book as build

    (build.show_changed_numbers if diff else build.update_pairs)(click.echo)


@main.command()
@click.argument("names", nargs=-1, metavar="NAME...")
def fetch(names):
    """Fetch public data sets from their original homes; without NAME, list them."""
    from sportsml_lite.collect import fetch as source

    if not names:
        for name in source.ORIGINS:
            state = "here" if source.locate(name) else "not here"
            click.echo(f"{name:<14} {state:<9} {source.ORIGINS[name].what}")
    for name in names:
        click.echo(source.notice(name))
        click.echo(f"{name}: {source.fetch(name, progress=_bar(name))}")


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--athlete", default="", help="All files are this person's, whatever the folders.")
@click.option("--out", default="", help="Folder to make; default: FOLDER_tables, here.")
def tables(folder, athlete, out):
    """Read the device files in FOLDER, and write tables for pandas, or for chapters 2, 4, 7, 10.

    With files in sub-folders only, each sub-folder is a person. Correct athletes.csv by hand, then
    run a chapter on the new folder: sportsml run 04 -p data_dir my_rides_tables.
    """
    from sportsml_lite.collect.datasets import own_files

    data = own_files.load_files(folder, athlete, _files_bar())
    made = own_files.write_tables(data, out or f"{data.name}_tables")
    for what in ("athletes", "sessions", "streams"):
        click.echo(f"{what}: {len(getattr(data, what)):,} rows")
    for row in data.dropped[data.dropped["rows"] > 0].itertuples():
        click.echo(f"left out: {row.rows} × {row.reason}")
    click.echo(f"tables: {made}")


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--goal", default="fitness", help="fitness (default), maintain or recover.")
@click.option("--days", default="", help="Days on which you can train: mon,wed,sat. Default: all.")
@click.option("--minutes", default=0.0, help="Most minutes of the week; 0: as many as allowed.")
@click.option("--rest-days", default=1, help="Days without training, at least; default 1.")
@click.option("--injury", default="none", help="none (default), returning or injured.")
@click.option("--sport", default="", help="What is planned; default: the sport you do most.")
@click.option("--athlete", default="", help="Whose week; or: all files are this one person's.")
@click.option("--hr-max", type=float, help="Your maximal heart rate, bpm.")
@click.option("--today", default="", help="Plan as on this day, YYYY-MM-DD.")
@click.option("--out", default="", help="Folder to make; default: runs/plan-FOLDER-MONDAY.")
def plan(folder, goal, days, minutes, rest_days, injury, sport, athlete, hr_max, today, out):
    """Plan a week for the owner of FOLDER, of device files or of tables.

    Prints the week with reasons and caveats, and writes a page, a calendar and a workout file a
    session. What a week brings is expected by a model of simulated athletes, which proves nothing
    about you; no week breaks the rules, and none is medical advice.
    """
    from sportsml_lite.publish import plan as planning
    from sportsml_lite.publish import plan_files, plan_page
    from sportsml_lite.recommend.person import weekdays
    from sportsml_lite.recommend.week import Wishes

    who = planning.asked(athlete, sport, hr_max, today)
    on = weekdays(days) if days else tuple(range(7))
    wishes = Wishes(goal, on, minutes, injury, rest_days)
    if out:
        plan_files.refuse_existing(Path(out))
    made = planning.prepare(folder, wishes, who)
    files = plan_files.write(made, out or plan_files.default_folder(folder, made))
    for line in plan_page.lines(made):
        click.echo(line)
    for file in files:
        click.echo(f"{'page' if file.suffix == '.html' else 'file'}: {file}")


@main.command()
@click.argument("student")
@click.option("--to", required=True, help="onnx, int8 (ONNX in 8 bits), c, page or executorch.")
@click.option("--athlete", default="", help="With the own head of this test athlete.")
@click.option("--out", default="", help="Folder; default: runs/export-STUDENT-TARGET.")
def export(student, to, athlete, out):
    """Write STUDENT for where it is to run: ONNX, C, a page; its model card goes along.

    STUDENT is the folder of a run that kept one, or the run's key:
    sportsml run 10_pipeline_lab -p profile quick -p keep true.
    """
    from sportsml_lite.deploy import export as exporting

    for file in exporting.export(student, to, athlete, out):
        click.echo(f"{file.stat().st_size:>9,} bytes  {file}")


def _files_bar():
    """A callback (done, total, name) that draws on a terminal and is silent elsewhere."""
    if not sys.stderr.isatty():
        return None

    def draw(done: int, total: int, name: str) -> None:
        click.echo(f"\r{done} of {total} files", nl=done == total, err=True)

    return draw


@main.group("results")
def results_group():
    """Tables that pages print without computing them: list, show, accept, redo, verify."""


@results_group.command("list")
def list_results():
    """List the accepted tables, and mark what has changed since."""
    from sportsml_lite.publish import results

    for line in results.lines():
        click.echo(line)


@results_group.command()
@click.argument("study")
@click.argument("dataset")
def show(study, dataset):
    """Show STUDY on DATASET: every arm's mean and gain: sportsml results show distil swimming."""
    from sportsml_lite.publish import results

    for line in results.shown(study, dataset):
        click.echo(line)


@results_group.command()
@click.argument("run_folder", metavar="RUN")
def accept(run_folder):
    """Accept the table of RUN, a folder that `sportsml run` printed, into results/."""
    from sportsml_lite.publish import results

    click.echo(f"accepted: {results.accept(run_folder)}")


@results_group.command()
@click.argument("study", required=False)
@click.argument("dataset", required=False)
@click.option("--workers", type=click.IntRange(1), help="Processes; default: one a core.")
@click.option("--scheduler", default="", metavar="tcp://HOST:PORT", help="Of a Dask cluster.")
def redo(study, dataset, workers, scheduler):
    """Compute the tables anew from raw data and accept them: all, or those of STUDY [DATASET].

    Says beforehand how long it takes. After a stop the same command goes on where it was.
    STUDY may be a file of yours (my_study.py), and DATASET a folder: its table is shown, and kept
    in runs/, never in results/.
    """
    from sportsml_lite.publish import results

    results.redo(study, dataset, workers, click.echo, scheduler)


@results_group.command("export")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def export_results(folder):
    """Write the tables with what they rest on into FOLDER (runs/crate), an RO-Crate for others."""
    from sportsml_lite.paths import project_root
    from sportsml_lite.publish import crate

    click.echo(f"crate: {crate.export(folder or project_root() / 'runs' / 'crate')}")


@results_group.command()
@click.argument("study", required=False)
@click.argument("dataset", required=False)
def verify(study, dataset):
    """Redo a sample of each table whose data are here, and compare: all, or STUDY [DATASET]."""
    from sportsml_lite.publish import results

    results.verify(study, dataset, click.echo)


def _bar(name: str):
    """A callback (done, total) in bytes that draws on a terminal and is silent elsewhere."""
    if not sys.stderr.isatty():
        return None

    def draw(done: int, total: int | None) -> None:
        whole = f" of {total / 1e6:.1f}" if total else ""
        click.echo(f"\r{name}: {done / 1e6:.1f}{whole} MB", nl=False, err=True)

    return draw


@main.command()
def doctor():
    """Check this computer: Python, libraries, data, browser; say what to do about each."""
    from sportsml_lite.publish import doctor as checks

    failed = False
    for good, what, advice in checks.examine():
        click.echo(f"{'ok ' if good else '-- '} {what}{'' if good else f': {advice}'}")
        failed |= not good and advice.startswith("needed")
    sys.exit(1 if failed else 0)
