"""One look for every figure: colours that colour-blind readers tell apart, units on the axes."""

from __future__ import annotations

import base64
import builtins
import io

# Okabe and Ito's colours (2008), told apart with every common colour vision. The page turns a
# figure's lightness round in dark mode (book/_static/book.css), so figures are drawn for white.
BLUE, ORANGE, GREEN, PINK = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
SKY, AMBER, GREY, INK = "#56b4e9", "#e69f00", "#767676", "#1a1a1a"
ACCENT, QUIET, HARM = BLUE, GREY, ORANGE  # what a figure is about, what is beside it, who loses
CYCLE = (BLUE, ORANGE, GREEN, PINK, SKY, AMBER, GREY)

# Labels may be Chinese: the first of these that the computer has stands in for missing glyphs.
CHINESE = ("Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Zen Hei")

# Nearly the page's text column; on a telephone shrunk by half, so that its letters stay legible.
WIDTH_IN = 6.2


def use() -> None:
    """Set the book's figure style; call it once, in a notebook's first cell."""
    import matplotlib as mpl
    import matplotlib.style
    from cycler import cycler
    from matplotlib.font_manager import fontManager

    # Seaborn's look from matplotlib's own sheet: seaborn itself takes a second to import.
    mpl.style.use(["seaborn-v0_8-ticks", "seaborn-v0_8-notebook"])
    installed = {font.name for font in fontManager.ttflist}
    chinese = [name for name in CHINESE if name in installed][:1]
    mpl.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=CYCLE),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.titlelocation": "left",
            "axes.titlesize": "medium",
            "figure.dpi": 100,
            "figure.figsize": (WIDTH_IN, 3.6),
            "figure.constrained_layout.use": True,
            # The first of the sans-serif fonts may lack subscripts; matplotlib's own has them.
            "font.family": ["sans-serif", *chinese, "DejaVu Sans"],
            "font.size": 12,
            "axes.labelsize": 12,
            "xtick.labelsize": 11,
            "ytick.labelsize": 11.5,
            "legend.frameon": False,
            "svg.hashsalt": "sportsml_lite",
            "text.color": INK,
        }
    )
    if "get_ipython" in vars(builtins):  # in a notebook: twice the pixels, for sharp lines
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")


def figure(rows: int = 1, cols: int = 1, height_in: float = 3.6, **options):
    """``plt.subplots`` at the page's width; closed, so that a notebook shows it exactly once.

    Returns
    -------
    fig, axes : as from ``plt.subplots``; ``options`` go to it unchanged
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(rows, cols, figsize=(WIDTH_IN, height_in), **options)
    plt.close(fig)
    return fig, axes


def embedded(fig) -> str:
    """A figure as SVG in base64, for a page of one file; equal figures give equal text."""
    file = io.BytesIO()
    fig.savefig(file, format="svg", metadata={"Date": None})
    return base64.b64encode(file.getvalue()).decode()


def nothing(why: str):
    """A low figure that says why there is nothing to draw."""
    fig, ax = figure(height_in=0.6)
    ax.text(0, 0.5, why, va="center", color=GREY)
    ax.axis("off")
    return fig


def plain(text: str) -> str:
    """Text of the reader's own, such as a class: a ``$`` in it begins no formula."""
    return str(text).replace("$", r"\$")


def table(frame, precision: int = 1):
    """A table without its index; what a file calls itself is shown as text, never run as HTML."""
    return frame.style.hide().format(precision=precision, na_rep="–", escape="html")


def text_table(frame):
    """A table of text: aligned left, its lines broken where the page ends."""
    return table(frame).set_table_attributes('class="text-table"')
