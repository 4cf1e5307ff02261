"""The command ``sportsml``: it parses and delegates; a reader's mistake ends with exit code 2."""

from __future__ import annotations

import contextlib
import importlib.util
import sys

import click

from sportsml_lite.errors import UserError


class _Failure(click.ClickException):
    def __init__(self, message: str, exit_code: int):
        super().__init__(message)
        self.exit_code = exit_code


@contextlib.contextmanager
def _plain_errors():
    """One message instead of a traceback: exit code 2 for the reader's mistake, 1 for a failure."""
    from sportsml_lite.publish.runs import Failed

    try:
        yield
    except UserError as error:
        raise _Failure(str(error), 2) from None
    except Failed as error:
        raise _Failure(str(error), 1) from None
    except OSError as error:
        raise _Failure(f"{error.filename}: {error.strerror or error}", 2) from None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sportsml_lite", prog_name="sportsml")
def main():
    """Machine learning for athlete training: run its chapters, build its book."""


@main.command()
@click.argument("chapter")
def params(chapter):
    """List the parameters of CHAPTER (1, 01 or 01_collect) with defaults, units and ranges."""
    from sportsml_lite.publish.chapters import find

    with _plain_errors():
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

    The executed notebook, its recorded numbers and its page are kept in runs/.
    """
    from sportsml_lite.publish import runs
    from sportsml_lite.publish.chapters import find

    with _plain_errors():
        chosen = find(chapter)
        folder = runs.run(chosen, dict(given), progress=sys.stderr.isatty())
        for name, value in runs.read_record(folder)["numbers"].items():
            click.echo(f"  {name} = {value}")
        click.echo(f"notebook: {folder / chosen.name}.ipynb")
        if page and importlib.util.find_spec("jupyter_book") is None:
            click.echo("page:     none; pages need the extra 'book' (README)")
        elif page:
            from sportsml_lite.publish import book

            click.echo(f"page:     {book.run_page(folder, chosen)}")


@main.command()
def book():
    """Build the book: execute the chapters that changed, then write the site."""
    from sportsml_lite.publish import book as build

    with _plain_errors():
        click.echo("Building the book: executing what changed, then writing the pages.")
        build.build(click.echo)


@main.command()
@click.option("--diff", is_flag=True, help="Only show which checked numbers changed.")
def pairs(diff):
    """Write each .ipynb anew from its .py, with freshly checked numbers."""
    from sportsml_lite.publish import book as build

    with _plain_errors():
        (build.show_changed_numbers if diff else build.update_pairs)(click.echo)


@main.command()
@click.argument("names", nargs=-1, metavar="NAME...")
def fetch(names):
    """Fetch public data sets from their original homes; without NAME, list them."""
    from sportsml_lite.collect import fetch as source

    with _plain_errors():
        if not names:
            for name in source.ORIGINS:
                state = "here" if source.locate(name) else "not here"
                click.echo(f"{name:<14} {state:<9} {source.ORIGINS[name].what}")
        for name in names:
            click.echo(source.notice(name))
            click.echo(f"{name}: {source.fetch(name, progress=_bar(name))}")


@main.group()
def results():
    """Numbers that pages print without computing them: list them, accept a run's."""


@results.command("list")
def list_results():
    """List the accepted results with the command that redoes each."""
    import json

    from sportsml_lite.studies.accepted import folder

    with _plain_errors():
        for path in sorted(folder().glob("*.json")):
            found = json.loads(path.read_text(encoding="utf-8"))
            click.echo(f"{path.stem}: {len(found['numbers'])} numbers; {found['command']}")


@results.command()
@click.argument("run_folder", metavar="RUN")
def accept(run_folder):
    """Accept the record of RUN, a folder that `sportsml run` printed, into results/."""
    from sportsml_lite.studies import accepted as accepted

    with _plain_errors():
        click.echo(f"accepted: {accepted.accept(run_folder)}")


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

    with _plain_errors():
        failed = False
        for good, what, advice in checks.examine():
            click.echo(f"{'ok ' if good else '-- '} {what}{'' if good else f': {advice}'}")
            failed |= not good and advice.startswith("needed")
    sys.exit(1 if failed else 0)
