# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 7 · The LSTM teacher
#
# **The question.** Can an LSTM read a window of a recording better than every baseline, for athletes
# never seen?
#
# ```{admonition} You will be able to
# - **write** the equations of an LSTM cell, and check them against PyTorch;
# - **train** a network on windows: masks, class weights, clipping, a schedule, early stopping;
# - **use** the physics of a sensor instead of more data;
# - **judge** a network against baselines that were given the same care, and say when it loses.
# ```
#
# | You need | Where |
# |---|---|
# | windows, missing values, why athletes are split | chapter 2 |
# | gradients, AdamW | chapter 3 |
# | Lightning, early stopping, verdicts with intervals | chapter 4 |
#
# *40 minutes to read, about a minute to run.*

# %% tags=["imports"]
import logging
import tempfile
import warnings
from dataclasses import replace

import lightning
import numpy as np
import pandas as pd
import torch
from torch import nn

from sportsml_lite import losses
from sportsml_lite.baselines.windows import (
    NEEDS,
    WINDOW_BASELINES,
    fit_symmetric_baseline,
    fit_window_baseline,
    window_baselines_of,
)
from sportsml_lite.collect.datasets import public
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import (
    by_athlete,
    compare,
    ece,
    fit_temperature,
    gain_interval,
    macro_f1,
    reliability,
    score_interval,
)
from sportsml_lite.models import LSTMTeacher, count_parameters
from sportsml_lite.plots import style
from sportsml_lite.plots import teacher as figures
from sportsml_lite.plots.accepted import side_by_side
from sportsml_lite.prepare.tasks import load_task
from sportsml_lite.protocol import PARTS, PROTOCOL, fold_athletes, margin
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.simulate import GENERATORS
from sportsml_lite.studies import accepted
from sportsml_lite.training.folds import (
    ask,
    each,
    in_units,
    make_fold,
    sizes_for,
    splits_of,
    train_teacher,
)
from sportsml_lite.training.recipe import repeatable
from sportsml_lite.training.sequences import Batches, fit_windows

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: simulated(_b), swimming, actes or a folder
data_dir = ""  # path: folder of your own tables, or the one that holds the data set
seed = 0  # 0 to 1000000: simulated athletes, and the first training run
profile = "quick"  # 'quick' or 'full': one fold and two seeds, or five of both
n_athletes = 200  # athletes, 20 to 2000: how many are simulated
length_s = 0.0  # s, 0 to 3600: length of a window; 0 takes the data set's own

# %% tags=["hide-input"]
check_values("07", globals())
warnings.filterwarnings("ignore", ".*LeafSpec.*")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
torch.set_num_threads(1)
simulated = dataset in GENERATORS and not data_dir
full = profile == "full"
seeds = [seed + s for s in (PROTOCOL.seeds if full else PROTOCOL.seeds[:2])]
workers = 2 if full else 1
# A short page takes every fourth window of the simulated runs, for every model alike.
stride_s = 240.0 if simulated and not full else 0.0


def load(target, n_athletes=n_athletes):
    return load_task(
        dataset,
        data_dir,
        target=target,
        seed=seed,
        length_s=length_s,
        stride_s=stride_s,
        n_athletes=n_athletes,
    )


task = load("class")
windows = task.windows
splits = splits_of(task, profile)
jobs = [(k, s) for k in range(len(splits)) for s in seeds]
fold = make_fold(task, splits[0])
sizes = sizes_for(fold, profile)
classes = [name.replace("_", " ") for name in windows.classes]
n_channels = len(windows.channels)
n_samples = windows.X.shape[2]
motion = windows.rate_hz > 1

# %% [markdown]
# ## A window, and its label
#
# A {term}`window` is a piece of a recording: {glue:text}`n_channels` channels,
# {glue:text}`n_samples` samples each, {glue:text}`length` seconds. Here
# (*{glue:text}`data`*) there are {glue:text}`n_windows` windows of {glue:text}`n_people` athletes, begun
# every {glue:text}`apart` seconds, and each has one label: {glue:text}`labels_are`. A heart rate, where
# there is one, is read as a share of the maximum expected at the athlete's age {footcite:p}`nes2013`.
# Left out by the loader, or assumed: {glue:text}`left_out`.
# What a network reads is

# %% tags=["hide-input"]
LOOKS = {
    "hr_fraction": ("heart rate", "share of the maximum expected at this age"),
    "speed_mps": ("speed", "m/s"),
    "cadence_spm": ("cadence", "per min"),
    "power_w": ("power", "W"),
    "grade": ("slope", "rise over run"),
    "acc": ("acceleration", "m/s²"),
    "gyro": ("angular rate", "rad/s"),
}


def kind(channel):
    """What a channel measures; the three axes of a sensor count as one."""
    known = channel if channel in LOOKS else channel.split("_")[0]
    return LOOKS.get(known, (channel, ""))


shown = pd.DataFrame(
    [
        (name, *kind(name), f"{100 * np.isnan(windows.X[:, c]).mean():.1f}")
        for c, name in enumerate(windows.channels)
    ],
    columns=["channel", "measures", "unit", "missing (%)"],
)
style.text_table(shown)

# %% mystnb={"figure": {"caption": "A window of each class, from the middle of the table.", "name": "fig-teacher-windows"}, "image": {"alt": "Small panels: for each class a window, with a line for each of up to three channels against seconds."}}
present = [k for k in range(len(classes)) if (windows.y == k).any()]
middle = [np.flatnonzero(windows.y == k) for k in present]
picked = windows.take(np.array([rows[len(rows) // 2] for rows in middle]))
axis = [f" {c.split('_')[1]}" if motion else "" for c in windows.channels]
looks = [
    f"{kind(c)[0]}{x}\n({kind(c)[1].split(' of')[0]})"
    for c, x in zip(windows.channels[:3], axis, strict=False)
]
clock = np.arange(n_samples) / windows.rate_hz
figures.examples(picked.X[:, :3], clock, looks, [classes[k] for k in present])

# %% tags=["hide-input"]
parts = {p: splits[0].rows(windows.athlete, p) for p in PARTS[:3]}
counts = pd.DataFrame(
    {
        "class": classes,
        **{
            f"{part} windows": np.bincount(windows.y[rows], minlength=len(classes))
            for part, rows in parts.items()
        },
        "athletes who show it": [
            len(set(windows.athlete[windows.y == k])) for k in range(len(classes))
        ],
    }
)
style.table(counts)

# %% tags=["check"]
named = simulated or dataset in ("swimming", "actes")
record("data", dataset if named else "your own tables")
record("n_windows", f"{len(windows):,}")
record("n_people", len(set(windows.athlete)))
record("n_channels", n_channels)
record("n_samples", n_samples)
record("length", n_samples / windows.rate_hz, digits=0)
same_recording = windows.recording[1:] == windows.recording[:-1]
record("apart", np.median(np.diff(windows.t0_s)[same_recording]), digits=0)
record("n_folds", len(splits))
record("n_seeds", len(seeds))
record(
    "labels_are",
    "what fills most of the window"
    if motion
    else "that of the window's last second",
)
record("absent", ", ".join(fold.absent) or "none")
record("left_out", task.left_out)

# %% [markdown]
# Classes that no training athlete shows, in the first fold: {glue:text}`absent`. Such a class is
# never predicted, and its windows count as wrong.
#
# Athletes are dealt into five folds. Each fold tests its athletes once, with a network that has seen
# none of them; others validate. This page runs {glue:text}`n_folds` of the folds from
# {glue:text}`n_seeds` seeds each. Scaling, filling, weights: all come from training athletes.
#
# ### Padding and masks
#
# **Intuition.** A recording may be shorter than a window. To put it into the same array we *pad* it
# with zeros in front. But a zero is a value like any other, and a network believes it. So a
# **{term}`mask`** goes along, True where something was recorded; the network must give the same answer
# for a padded recording as for the recording alone. Let us ask an untrained teacher about the later
# half of one window.

# %%
with repeatable(seed):
    untrained = LSTMTeacher(n_channels, len(classes)).eval()
short = fold.test.X[:1, :, n_samples // 2 :]
padded = nn.functional.pad(short, (n_samples // 2, 0))
mask = torch.arange(n_samples)[None] >= n_samples // 2
with torch.inference_mode():
    alone, masked, blind = (
        untrained(short),
        untrained(padded, mask),
        untrained(padded),
    )

# %% tags=["check"]
gap = float((masked - alone).abs().max() / alone.std())
record("mask_same", "the same logits" if gap < 1e-4 else "OTHER LOGITS")
off = float((blind - alone).abs().max() / alone.std())
record("mask_blind", "other ones" if off > 1e-3 else "the same ones, by chance")

# %% [markdown]
# The recording alone and the padded one with its mask give {glue:text}`mask_same`; without the mask
# the network gives {glue:text}`mask_blind`. The trick: padding is moved *behind* the recording, set to
# zero after every layer, and left out of every mean and maximum.
#
# **Caveat.** A missing value *inside* a recording is another matter. It holds the last value before
# it (chapter 2), since a mask with holes would cut the LSTM's memory.
#
# ## The LSTM cell
#
# **Intuition.** A recurrent network reads a sequence step by step and carries a state along. If the
# state is *multiplied* at every step, what it knew fades or explodes. The long short-term memory
# {footcite:p}`hochreiter1997` *adds* to its state, and lets **gates**, numbers between 0 and 1, decide
# what is written, kept {footcite:p}`gers2000` and shown.
#
# **Equation.** With input $x_t \in \mathbb{R}^D$, output $h_{t-1} \in \mathbb{R}^H$ and memory
# $c_{t-1} \in \mathbb{R}^H$ of the step before,
#
# $$ \begin{aligned}
#    i_t &= \sigma(W_i x_t + U_i h_{t-1} + b_i) & f_t &= \sigma(W_f x_t + U_f h_{t-1} + b_f) \\
#    g_t &= \tanh(W_g x_t + U_g h_{t-1} + b_g)  & o_t &= \sigma(W_o x_t + U_o h_{t-1} + b_o) \\
#    c_t &= f_t \odot c_{t-1} + i_t \odot g_t   & h_t &= o_t \odot \tanh(c_t)
#    \end{aligned} $$
#
# | symbol | meaning |
# |---|---|
# | $i_t, f_t, o_t$ | input, forget and output gate, each in $(0, 1)^H$: write, keep, show |
# | $g_t$ | candidate: what would be written, in $(-1, 1)^H$ |
# | $c_t, h_t$ | memory, and what is shown of it; both zero before the first step |
# | $W, U, b$ | weights of the input ($H \times D$), of the output before ($H \times H$), and biases ($H$), learned |
# | $\sigma, \odot$ | logistic function $1/(1 + e^{-z})$; product element by element |
#
# While nothing is written, a memory shrinks by $f$ a step: $c_{t+n} = f^n c_t$, and its gradient too.
# With $f = 0.99$ it lasts for a hundred steps; a gate learns its own time scale.
#
# **Code.** Six lines. Do they give what PyTorch gives?


# %%
def lstm_step(cell, x, h, c):
    """One step of an ``nn.LSTM``: x (N, D), h and c (N, H)."""
    z = x @ cell.weight_ih_l0.T + cell.bias_ih_l0
    z = z + h @ cell.weight_hh_l0.T + cell.bias_hh_l0
    i, f, g, o = z.chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


cell = nn.LSTM(n_channels, 8, batch_first=True)
sequence = fold.test.X[:5].mT  # (N, T, D): time before channels
with torch.inference_mode():
    h = c = torch.zeros(len(sequence), 8)
    for step in range(n_samples):
        h, c = lstm_step(cell, sequence[:, step], h, c)
    by_torch = cell(sequence)[0][:, -1]

# %% tags=["check"]
record(
    "same_lstm",
    "the same" if torch.allclose(h, by_torch, atol=1e-5) else "NOT THE SAME",
)

# %% [markdown]
# After {glue:text}`n_samples` steps the two outputs are {glue:text}`same_lstm`.
#
# ## From window to answer
#
# An LSTM on raw samples has a long way to go, one step at a time. The teacher therefore begins with
# **convolutions** that slide along time and take every second step: they learn short patterns (a
# rise, a turn of the wrist), and each leaves half the sequence. Each step is then normalised
# over its channels. The LSTM reads it forwards and, with a second cell, backwards. What comes out is a
# sequence of states; one answer is wanted.
#
# **Why three poolings?** The mean says how *much* of something there was, and forgets a short event. The
# maximum says whether it occurred *at all*, and forgets for how long. The last step says how things
# stand *now*. Together they cost no weights of their own, do not depend on the length, and pass the
# gradient to every step.

# %% tags=["hide-input"]
width, hidden = sizes.teacher_width, sizes.teacher_hidden
teacher = LSTMTeacher(n_channels, len(classes), width, hidden, sizes.teacher_layers)
steps = [n_samples]
for _ in teacher.front:
    steps.append(-(-steps[-1] // 2))
layers = [
    ("window", f"{n_channels} × {n_samples}", 0),
    *(
        (
            f"convolution of {conv.kernel_size[0]}",
            f"{width} × {t}",
            count_parameters(conv),
        )
        for conv, t in zip(teacher.front, steps[1:], strict=True)
    ),
    ("norms of a step", f"{width} × {steps[-1]}", count_parameters(teacher.norms)),
    (
        "LSTM, both ways",
        f"{2 * hidden} × {steps[-1]}",
        count_parameters(teacher.lstm),
    ),
    ("mean, maximum, last", f"{6 * hidden}", 0),
    ("linear", f"{fold.n_outputs}", count_parameters(teacher.head)),
]
layers = pd.DataFrame(layers, columns=["layer", "its output", "parameters"])
style.table(layers)

# %% [markdown]
# {glue:text}`n_weights` parameters, all of them trained at once by what follows.
#
# ## Training it
#
# **The loss.** The network gives {term}`logits <logit>` $z \in \mathbb{R}^K$. With the true class $y$ and
# class weights $w_k$, the weighted {term}`cross-entropy` of a batch is
#
# $$ L = -\frac{\sum_n w_{y_n} \log p_{n, y_n}}{\sum_n w_{y_n}}, \qquad
#    p_{n,k} = \frac{e^{z_{n,k}}}{\sum_j e^{z_{n,j}}}, \qquad w_k = \frac{N}{K_+ N_k} . $$
#
# $N_k$ counts the training windows of class $k$ among $N$, and $K_+$ the classes that training has (one
# that it lacks weighs 0). Here the most frequent class has
# {glue:text}`imbalance` times the windows of the rarest. Without weights a network does well by
# ignoring the rare one; macro-F1, which we judge by, counts every class the same.
#
# **Four habits.** The gradient $\nabla L$ is *clipped*: if its norm exceeds
# {glue:text}`clip`, it is shortened to it, since one odd batch can throw a recurrent network far away
# {footcite:p}`pascanu2013`. The learning rate *rises* over the first tenth of the steps, while AdamW's
# averages are still rough, and then *falls* to zero along a cosine. Dropout hides some pooled features
# at random. And {term}`early stopping` keeps the weights of the lowest validation *loss*: macro-F1
# jumps, as chapter 4 showed, when a handful of windows changes sides.
#
# In Lightning, all but the last fits on a page:


# %%
class Teacher(lightning.LightningModule):
    def __init__(self, network, weight, plan):
        super().__init__()
        self.network, self.weight, self.plan = network, weight, plan
        self.val_losses = []

    def loss(self, batch):
        X, mask, y, _ = batch
        logits = self.network(X, mask if mask.numel() else None)
        return nn.functional.cross_entropy(logits, y, self.weight)

    def training_step(self, batch, batch_idx):
        return self.loss(batch)

    def validation_step(self, batch, batch_idx):
        self.val_losses.append(float(self.loss(batch)))

    def configure_optimizers(self):
        plan = self.plan
        optimizer = torch.optim.AdamW(
            self.parameters(),
            lr=plan.rate,
            weight_decay=plan.weight_decay,
            fused=True,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, plan.factor)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


plan, data = sizes.teacher, fold.data()
everybody = data.validation  # one batch of all validation windows
no_mask = torch.empty(0)
validation_batch = (
    everybody.X,
    no_mask if everybody.mask is None else everybody.mask,
    everybody.y,
    no_mask,
)
validation_loader = torch.utils.data.DataLoader(
    [validation_batch], batch_size=None, generator=torch.Generator()
)
with repeatable(seed):
    module = Teacher(
        LSTMTeacher(n_channels, len(classes), width, hidden, sizes.teacher_layers),
        data.weight,
        plan,
    )
    lightning.Trainer(
        max_epochs=2,  # of the plan's checks: enough to compare
        gradient_clip_val=plan.clip,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=tempfile.gettempdir(),
    ).fit(module, Batches(data, None, plan, seed), validation_loader)

# %% [markdown]
# The package's `fit_windows` does the same and goes on to the end of its plan, {glue:text}`steps`
# batches of {glue:text}`batch_size` windows with {glue:text}`checks` looks at the validation athletes.
# A number of *steps*, not of passes, so that a model with more windows does not also get more work.
# Validation losses of the first looks: {glue:text}`same_as_package`.

# %%
first = [train_teacher(fold, s, sizes) for s in seeds]

# %% mystnb={"figure": {"caption": "Loss against the step, a pair of lines a seed. Training loss is taken with dropout, over the steps since the last look. Triangles: the weights that early stopping keeps. Dashed: who gives every class the same probability.", "name": "fig-teacher-curves"}, "image": {"alt": "Falling training curves and validation curves that flatten out, with a marked lowest validation loss for each seed."}}
figures.learning_curves([t.history for t in first], np.log(len(present)))

# %% tags=["check"]
by_package = first[0].history["val_loss"].to_numpy()[:2]
same = np.allclose(module.val_losses, by_package, rtol=0.02)
record("same_as_package", "they agree within 2 %" if same else "THEY DIFFER")
frequency = np.bincount(fold.train.y, minlength=len(classes))
record("imbalance", frequency.max() / frequency[frequency > 0].min(), digits=1)
record("n_weights", f"{count_parameters(teacher):,}")
record("clip", f"{plan.clip:g}")
record("steps", plan.steps)
record("batch_size", plan.batch_size)
record("checks", plan.checks)

# %% tags=["check", "nbval-ignore-output"]
kept = [int(t.history["step"][t.history["val_loss"].idxmin()]) for t in first]
record("kept_low", min(kept))
record("kept_high", max(kept))
early = max(kept) < plan.steps
record(
    "kept_say",
    "What follows no longer helps new athletes"
    if early
    else "Where that is the last step, more of them might still help",
)

# %% [markdown]
# The weights kept are those after step {glue:text}`kept_low` to {glue:text}`kept_high` of
# {glue:text}`steps`. {glue:text}`kept_say`.
#
# ## Symmetries: data that physics gives
#
# **Intuition.** Somebody who wears the watch on the other wrist swims the same stroke. A network that has
# met few such people must guess; but we can *compute* what they would have recorded: the mirror image.
#
# **Equation.** A symmetry is a matrix $M$ that turns what one watch measures into what the other would
# have. Acceleration is a vector, $a \to M a$. Angular rate is a pseudovector: in a mirror, a
# rotation runs the other way round, $\omega \to \det(M)\, M \omega$. For the mirrored body,
# $M = \mathrm{diag}(-1, 1, 1)$ and $\det M = -1$: so $a_x$, $\omega_y$ and $\omega_z$ change sign, and
# the other three do not. Half a turn of the watch about the normal of its face would be
# $\mathrm{diag}(-1, -1, 1)$, also only signs; the book uses the mirror alone.
#
# They serve twice. In training every window gets one of them by chance ({term}`augmentation`). And in use the
# network is asked $G$ times, once a symmetry, with logits averaged over the group $\mathcal{G}$ of symmetries,
#
# $$ \bar z(x) = \frac{1}{G} \sum_{g \in \mathcal{G}} z(g x) . $$
#
# Then $\bar z(g'x) = \bar z(x)$ for every $g'$ in the group, since $g g'$ runs through the group just as
# $g$ does: the answer *cannot* depend on the wrist. Here: {glue:text}`symmetries`.

# %% tags=["check"]
turned = ask(
    first[:1],
    replace(fold.test, X=fold.test.X * fold.signs[-1][:, None]),
    fold.signs,
)
same = torch.allclose(turned, ask(first[:1], fold.test, fold.signs), atol=1e-4)
with_signs = len(fold.signs) > 1
record(
    "symmetries",
    f"{len(fold.signs)} symmetries, and averaged logits of windows turned round are "
    f"{'equal' if same else 'NOT EQUAL'}"
    if with_signs
    else "there is one symmetry only, the one that changes nothing. A heart rate has no left and "
    "right, and a window is read as it is",
)


# %% tags=["hide-input"]
def other_wrist():
    """Athletes with the mean acceleration along x of the few in the most frequent movement,
    and how many show that movement."""
    if "acc_x_mps2" not in windows.channels or not with_signs:
        return [], 0
    moving = np.bincount(windows.y[windows.y > 0]).argmax()
    rows = windows.y == moving
    x = windows.X[rows, windows.channels.index("acc_x_mps2")].mean(axis=1)
    by_one = pd.Series(x).groupby(windows.athlete[rows].astype(str)).mean()
    few = -1 if (by_one > 0).mean() > 0.5 else 1
    return list(by_one.index[np.sign(by_one) == few]), len(by_one)


others, n_movers = other_wrist()

# %% tags=["check"]
record(
    "wrist",
    f"Of {n_movers} athletes who show the most frequent movement, {len(others)} have a mean "
    "acceleration along x of the opposite sign: most likely the watch on the other wrist. With so few "
    "of them, validation athletes could hardly tell; this symmetry has to come from physics"
    if others
    else "No recording here is mirrored"
    if with_signs
    else "There is nothing to be mirrored here",
)

# %% [markdown]
# {glue:text}`wrist`.
#
# ```{admonition} How it was found
# :class: note
# The mirror, the sizes and the number of steps were found while looking at some of the swimmers of the
# data set *swimming*. Read the swimming column below as a description. On validation swimmers three
# other ideas did not change macro-F1: small random rotations and changes of size in training; half a
# turn of the watch beside the mirror; more steps. Not tried: turning each window by the direction of
# gravity, and attention.
# ```
#
# ## A teacher chosen on validation
#
# Which parts earn their place? Five candidates, trained for the same steps on the same windows (two
# of them exist only where there is a symmetry). The **plain LSTM** has no convolutions: it reads means
# of four samples. Each fold chooses by macro-F1 on its own *validation* athletes, since those of another
# fold may be tested here. They are few ({glue:text}`validation_people` in the first fold, who show
# {glue:text}`validation_classes` classes), and their best candidate may just be lucky. So the last of
# the list, which has everything, stands unless another beats it by {glue:text}`worth_naming`, the
# smallest difference that the protocol lets us name. What is chosen is tested, and beside it one
# network, to see what the mean over seeds adds.


# %%
class PlainLSTM(nn.Module):
    """Means of four samples, a two-way LSTM, mean and maximum over time."""

    def __init__(self, n_channels, n_outputs, hidden, dropout=0.3):
        super().__init__()
        self.lstm = nn.LSTM(
            n_channels, hidden, batch_first=True, bidirectional=True
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4 * hidden, n_outputs)

    def forward(self, x, mask=None):
        few = nn.functional.avg_pool1d(x, 4, ceil_mode=True)
        states = self.lstm(few.mT)[0]
        if mask is None:
            mean, top = states.mean(1), states.amax(1)
        else:
            seen = nn.functional.max_pool1d(
                mask[:, None].float(), 4, ceil_mode=True
            ).mT
            mean = (states * seen).sum(1) / seen.sum(1)
            top = states.masked_fill(seen == 0, -torch.inf).amax(1)
        return self.head(self.dropout(torch.cat([mean, top], 1)))


CANDIDATES = {
    "plain": "plain LSTM",
    "unturned": "convolutions + LSTM, no symmetries",
    "once": "convolutions + LSTM, symmetries in training",
    "teacher": "convolutions + LSTM, symmetries in training and use"
    if with_signs
    else "convolutions + LSTM",
    "ensemble": "convolutions + LSTM, mean of all seeds",
}


def logits_of(fold, s):
    """Logits of every candidate for validation and test windows, from one seed."""
    net = train_teacher(fold, s, sizes)
    asked = {"teacher": (net, fold.signs)}
    if full or s == seeds[0]:  # a short page trains the others once
        plain = fit_windows(
            lambda: PlainLSTM(n_channels, len(classes), hidden),
            fold.data(),
            s,
            sizes.teacher,
        )
        asked["plain"] = plain, fold.signs
    if with_signs:
        asked["once"] = net, None
        if full or s == seeds[0]:
            untouched = replace(fold, signs=fold.signs[:1])
            asked["unturned"] = train_teacher(untouched, s, sizes), None
    return {
        name: [
            ask([one], part, signs).numpy() for part in (fold.validation, fold.test)
        ]
        for name, (one, signs) in asked.items()
    }


# %% [markdown]
# Beside them stand the baselines, with the same training and validation athletes:
#
# | baseline | what it does |
# |---|---|
# | most frequent class | the naive answer |
# | heart-rate zones | mean heart rate of the last 10 s, cut where training athletes are told apart best |
# | random forest, boosted trees | trees on statistics of each channel: mean, quartiles, slope, steps, end; of motion also frequency and correlation |
# | MiniRocket + ridge | thousands of fixed random convolutions and a linear model {footcite:p}`dempster2021`: hard to beat |
#
# Not on this page, for what it would need: {glue:text}`not_here`.
#
# A symmetry is no secret of networks. Where there is one, forest and MiniRocket also stand here
# *mirrored*: they learn every window in each symmetry and vote over them in use. And where MiniRocket
# was drawn from several seeds, they also vote, as the networks of the ensemble do.

# %% tags=["hide-input"]
baselines = window_baselines_of(windows)
# The network's advantage for the others too: every window also in the mirror, and a vote.
drawn = [n for n in ("forest", "minirocket") if n in baselines]  # by the seed
mirrored = [f"{n}_mirrored" for n in drawn] if with_signs else []
baselines += mirrored
of_classes = ("majority", "zone", "boosting", "forest", "minirocket")
TITLES = {n: WINDOW_BASELINES[n] for n in of_classes} | {
    "forest_mirrored": "random forest, mirrored",
    "minirocket_vote": "MiniRocket, all seeds vote",
    "minirocket_mirrored": "MiniRocket, mirrored",
    "minirocket_mirrored_vote": "MiniRocket, mirrored, all seeds vote",
    "single": "LSTM, one network",
    "lstm": "LSTM teacher",
}
shuffled = np.random.default_rng(seed).permutation(n_samples)
kinds = list(dict.fromkeys(kind(c)[0] for c in windows.channels))
changes = ["time shuffled", "time reversed", "first half lost", "last half lost"]
changes += [f"no {name}" for name in kinds] if len(kinds) > 1 else []


def spoil(X, mean, change):
    """Windows (N, C, T) with something taken away; a channel becomes its mean, of (C,)."""
    half = n_samples // 2
    if change.startswith("time"):
        order = (
            shuffled if change == "time shuffled" else np.arange(n_samples)[::-1]
        )
        return X[..., order].copy()
    X = X.copy()
    # The other half stands there twice, so that the window keeps its length.
    if change == "first half lost":
        X[..., :half] = X[..., -half:]
    elif change == "last half lost":
        X[..., -half:] = X[..., :half]
    else:
        gone = [f"no {kind(c)[0]}" == change for c in windows.channels]
        X[:, gone] = mean[gone, None]
    return X


def run(job):
    """Everything that one fold and one seed give."""
    torch.set_num_threads(1)
    k, s = job
    fold, split = make_fold(task, splits[k]), splits[k]
    train, validation = (
        windows.take(split.rows(windows.athlete, p)) for p in PARTS[:2]
    )
    found = {"logits": logits_of(fold, s), "answers": {}}
    for name in baselines:
        # A short page fits every baseline once; most give the same for every seed.
        if s == seeds[0] or (full and name in drawn):
            if name in mirrored:
                name_ = name.removesuffix("_mirrored")
                model = fit_symmetric_baseline(
                    name_, train, validation, task.signs, s
                )
            else:
                model = fit_window_baseline(name, train, validation, s)
            found["answers"][name] = model(fold.windows)
            if name == "forest" and s == seeds[0]:
                found["spoiled"] = spoiled_answers(fold, train, model)
    return found


def spoiled_answers(fold, train, forest):
    """Answers of one network and of the forest to spoiled test windows."""
    net = train_teacher(fold, seeds[0], sizes)
    scaled = fold.train.X.mean((0, 2)).numpy()
    raw = np.nanmean(train.X, axis=(0, 2), dtype=np.float64)
    found = {}
    for change in ["nothing", *changes]:
        X, own = fold.test.X.numpy(), fold.windows.X
        if change != "nothing":
            X, own = spoil(X, scaled, change), spoil(own, raw, change)
        part = replace(fold.test, X=torch.from_numpy(X))
        answer = in_units(fold, ask([net], part, fold.signs))
        found[change] = answer, forest(replace(fold.windows, X=own))
    return found


runs = dict(zip(jobs, each(run, jobs, workers), strict=True))


# %% tags=["check"]
not_here = [
    f"{TITLES[n]} ({NEEDS[n]})"
    for n in ("zone", "minirocket")
    if n not in baselines
]
record("not_here", "; ".join(not_here) or "none")

# %% tags=["hide-input"]
held = [make_fold(task, split) for split in splits]
absent = [[f.classes.index(name) for name in f.absent] for f in held]
y = np.concatenate([f.windows.y for f in held])
who = np.concatenate([f.windows.athlete for f in held])


def logits(name, k, part):
    """Logits of a candidate in fold k, a list over seeds (one for the ensemble)."""
    source = "teacher" if name == "ensemble" else name
    each_seed = [runs[k, s]["logits"].get(source) for s in seeds]
    each_seed = [pair[part] for pair in each_seed if pair is not None]
    return [np.mean(each_seed, axis=0)] if name == "ensemble" else each_seed


def never(z, k):
    """A class that training lacks is not an answer."""
    z = z.copy()
    z[:, absent[k]] = -np.inf
    return z.argmax(1)


def validated(name, k):
    """Macro-F1 on the validation athletes of fold k, a list over seeds."""
    truth = held[k].validation.y.numpy()
    return [macro_f1(truth, never(z, k)) for z in logits(name, k, 0)]


def pick(k):
    """The candidate that fold k tests."""
    f1 = {n: np.mean(on_validation[n][k]) for n in there}
    best = max(f1, key=f1.get)
    ahead = f1[best] - f1["ensemble"]
    return best if ahead >= margin("macro_f1").worth_naming else "ensemble"


def chosen_logits(names, part=1):
    """Logits by fold and seed; ``names`` has a candidate for each fold.

    What has no seeds in one fold stands beside every seed of the others.
    """
    found = [logits(name, k, part) for k, name in enumerate(names)]
    most = max(len(each_seed) for each_seed in found)
    return [each_seed * (most // len(each_seed)) for each_seed in found]


def tested_answers(names):
    """Answers to all test windows, a list over seeds."""
    per_fold = [
        [never(z, k) for z in each_seed]
        for k, each_seed in enumerate(chosen_logits(names))
    ]
    return [np.concatenate(one_seed) for one_seed in zip(*per_fold, strict=True)]


there = [n for n in CANDIDATES if n == "ensemble" or n in runs[jobs[0]]["logits"]]
on_validation = {n: [validated(n, k) for k in range(len(splits))] for n in there}
chosen = [pick(k) for k in range(len(splits))]
in_folds = {
    n: f"{chosen.count(n)} of {len(splits)} folds" for n in there if n in chosen
}
plain_weights = count_parameters(PlainLSTM(n_channels, len(classes), hidden))
weights = {
    "plain": plain_weights,
    "ensemble": len(seeds) * count_parameters(teacher),
}
candidates = pd.DataFrame(
    [
        (
            CANDIDATES[n],
            f"{weights.get(n, count_parameters(teacher)):,}",
            f"{np.mean(f1):.3f}",
            f"{np.min(f1):.3f} to {np.max(f1):.3f}" if np.size(f1) > 1 else "–",
            in_folds.get(n, ""),
        )
        for n, f1 in on_validation.items()
    ],
    columns=[
        "candidate",
        "parameters",
        "macro-F1, validation",
        "folds and seeds",
        "chosen in",
    ],
)
style.text_table(candidates)

# %% tags=["check", "nbval-ignore-output"]
record("chosen", "; ".join(f"{CANDIDATES[n]} ({c})" for n, c in in_folds.items()))
for name in CANDIDATES:
    f1 = on_validation.get(name)
    record(f"validation_{name}", f"{np.mean(f1):.3f}" if f1 else "–")

# %% tags=["check"]
record("validation_people", len(splits[0].validation))
record(
    "validation_classes", f"{len(fold.validation.y.unique())} of the {len(classes)}"
)
record("worth_naming", margin("macro_f1").worth_naming, digits=2)

# %% [markdown]
# Chosen: **{glue:text}`chosen`**. The validation athletes have now chosen the step, the candidate and,
# below, a temperature: their score is flattering. Only the test athletes, asked once, tell.
#
# ## Against every baseline


# %% tags=["hide-input"]
def vote(each_seed):
    """The most frequent answer, (N,); of two equally frequent ones the first class."""
    votes = [np.sum(np.equal(each_seed, k), axis=0) for k in range(len(classes))]
    return np.argmax(votes, axis=0)


answers = {
    name: [
        np.concatenate([runs[k, s]["answers"][name] for k in range(len(splits))])
        for s in seeds
        if name in runs[0, s]["answers"]
    ]
    for name in baselines
}
for name in [n for n in drawn if "minirocket" in n and len(answers[n]) > 1]:
    answers[f"{name}_vote"] = [vote(answers[name])]
rivals = list(answers)
answers["single"] = tested_answers(["teacher"] * len(splits))
answers["lstm"] = tested_answers(chosen)


def each_athlete(name):
    """Macro-F1 of each athlete, a column a seed."""
    columns = [
        by_athlete(y, p, who, ["macro_f1"])["macro_f1"] for p in answers[name]
    ]
    return pd.concat(columns, axis=1, keys=range(len(columns)))


f1s = {n: score_interval(y, p, who, "macro_f1") for n, p in answers.items()}
accuracies = {n: score_interval(y, p, who, "accuracy") for n, p in answers.items()}
per_athlete = {n: each_athlete(n) for n in answers}
teacher_answers, teacher_f1s = answers["lstm"], per_athlete["lstm"]
gains, judged = {}, {}
for n in [*rivals, "single"]:
    gains[n] = gain_interval(y, answers[n], teacher_answers, who, "macro_f1")
    judged[n] = compare(per_athlete[n], teacher_f1s, "macro_f1")
best_rival = max(rivals, key=lambda n: f1s[n].estimate)
alone = compare(per_athlete[best_rival], per_athlete["single"], "macro_f1")
order = sorted(answers, key=lambda n: f1s[n].estimate)
standing = pd.DataFrame(
    [
        (
            TITLES[n],
            f"{accuracies[n]:.2f}",
            f"{f1s[n]:.3f}",
            f"{gains[n]:.3f}" if n in gains else "–",
            judged[n].verdict if n in judged else "–",
            f"{judged[n].harmed.estimate:.0%}" if n in judged else "–",
        )
        for n in order
    ],
    columns=[
        "model",
        "accuracy",
        "macro-F1",
        "teacher's gain",
        "verdict on the teacher",
        "athletes harmed",
    ],
)
style.text_table(standing)


# %% mystnb={"figure": {"caption": "Left: macro-F1 of every model on athletes never seen. Right: how much better the teacher is than each other model but the naive one, for the same drawn athletes. Bars: 95 % intervals over athletes, and over seeds where a model has several.", "name": "fig-teacher-standing"}, "image": {"alt": "Dot plot with intervals: macro-F1 of each baseline and of the LSTM teacher, and the teacher's paired gain over each baseline."}}
def to_frame(intervals):
    rows = {
        TITLES[n]: (i.estimate, i.low, i.high) if i else (np.nan,) * 3
        for n, i in intervals.items()
    }
    return pd.DataFrame(rows, index=["estimate", "low", "high"]).T


best_first = order[::-1]
figures.standing(
    to_frame({n: f1s[n] for n in best_first}),
    # The naive answer is so far below that it would press the others together.
    to_frame({n: None if n == "majority" else gains.get(n) for n in best_first}),
    TITLES["lstm"],
)

# %% tags=["check", "nbval-ignore-output"]
for name in TITLES:
    known = name in f1s
    record(f"f1_{name}", f"{f1s[name]:.3f}" if known else "–")
    record(f"accuracy_{name}", f"{accuracies[name]:.3f}" if known else "–")
    if name != "lstm":
        record(f"verdict_{name}", judged[name].verdict if known else "–")
        record(f"gain_{name}", f"{gains[name]:.3f}" if known else "–")
beaten = [n for n in rivals if judged[n].verdict == "better"]
record(
    "beats",
    "beats every baseline"
    if len(beaten) == len(rivals)
    else f"does not beat every baseline ({len(beaten)} of {len(rivals)})",
)
record("best_rival", TITLES[best_rival])
record("verdict_best", judged[best_rival].verdict)
record("gain_best", f"{judged[best_rival].gain:.3f}")
record("single_best", f"{alone.verdict}, {alone.gain:.3f}")
record("harmed_best", 100 * judged[best_rival].harmed.estimate, digits=0)

# %% tags=["check"]
record("people_tested", len(set(who)))
record("windows_tested", f"{len(y):,}")

# %% [markdown]
# On the {glue:text}`windows_tested` windows of {glue:text}`people_tested` athletes never seen, the
# teacher **{glue:text}`beats`**. The best of them is {glue:text}`best_rival`; against it the teacher is
# **{glue:text}`verdict_best`**, with a gain of {glue:text}`gain_best` (mean over athletes), and
# {glue:text}`harmed_best` % of the athletes lose more than the margin of harm.
#
# The gain in the table is that of macro-F1 over *all* windows together; the verdict averages each
# athlete's own macro-F1, and calls nothing below {glue:text}`worth_naming` a difference.
#
# **Caveat.** A mean over seeds is *one* model: its interval is over athletes only, and does not say how
# other seeds would do. It is also the work of several networks. One network alone, as a mean over
# its seeds, stands beside it; against the best baseline its verdict and gain are
# {glue:text}`single_best`. (A forest is a mean of many trees already, and MiniRocket votes where it
# has several seeds, in the long run.)

# %% [markdown]
# ## Does 80 per cent mean 80 per cent?
#
# The next chapter learns from the teacher's *probabilities*, so they should mean something. A network
# that was trained until its validation loss stopped falling is often too sure of itself
# {footcite:p}`guo2017`. **{term}`Temperature <temperature>`** is the mildest cure: one number $\tau > 0$,
#
# $$ p_k(\tau) = \frac{e^{z_k/\tau}}{\sum_j e^{z_j/\tau}}, \qquad
#    \hat\tau = \arg\min_\tau \; -\frac1N \sum_n \log p_{n, y_n}(\tau)
#    \quad \text{on validation athletes.} $$
#
# Above 1 it makes answers softer, below 1 harder; it never changes *which* class is first, so accuracy
# stays. The loss here has no class weights: a probability should be right for windows as they come.


# %%
to_validate, to_test = chosen_logits(chosen, 0), chosen_logits(chosen, 1)


def calibrated(k, i):
    """Temperature of fold k, and probabilities of its test windows before and after."""
    z_val, z_test = to_validate[k][i], torch.tensor(to_test[k][i])
    y_val = held[k].validation.y.numpy()
    known = ~np.isin(y_val, absent[k])
    tau = fit_temperature(z_val[known], y_val[known])
    return (
        tau,
        losses.soften(z_test, 1.0).numpy(),
        losses.soften(z_test, tau).numpy(),
    )


count = len(answers["lstm"])
softened = [[calibrated(k, i) for k in range(len(splits))] for i in range(count)]
taus = [tau for one_seed in softened for tau, _, _ in one_seed]
before, after = (
    [np.concatenate([fold_[at] for fold_ in one_seed]) for one_seed in softened]
    for at in (1, 2)
)


# %% tags=["hide-input"]
def ece_draws(probability, draws=PROTOCOL.draws, bins=10):
    """ECE with athletes drawn again and again, (draws,), from each athlete's sums a band."""
    names, code = np.unique(who.astype(str), return_inverse=True)
    sure, right = probability.max(1), probability.argmax(1) == y
    band = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)
    gap = np.zeros((len(names), bins))
    np.add.at(gap, (code, band), sure - right)
    rows = np.bincount(code).astype(float)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(
        len(names), np.full(len(names), 1 / len(names)), draws
    )
    return np.abs(drawn @ gap).sum(1) / (drawn @ rows)


eces = {
    name: (
        np.mean([ece(y, p) for p in probabilities]),
        *np.quantile(
            np.mean([ece_draws(p) for p in probabilities], axis=0), [0.025, 0.975]
        ),
    )
    for name, probabilities in (("before", before), ("after", after))
}
saved = np.mean(
    [ece_draws(b) - ece_draws(a) for b, a in zip(before, after, strict=True)], 0
)
low, high = np.quantile(saved, [0.025, 0.975])

# %% mystnb={"figure": {"caption": "How often the first answer is right, by how probable the network calls it, for athletes never seen (of several seeds the first). On the dashed line, probabilities mean what they say. The larger the dot, the more windows.", "name": "fig-teacher-reliability"}, "image": {"alt": "Two panels with a diagonal: accuracy against probability before and after the temperature."}}
figures.reliability(reliability(y, before[0]), reliability(y, after[0]))

# %% tags=["check", "nbval-ignore-output"]
record("tau_low", min(taus), digits=2)
record("tau_high", max(taus), digits=2)
for name, (estimate, down, up) in eces.items():
    record(f"ece_{name}", f"{estimate:.3f} [{down:.3f}, {up:.3f}]")
record(
    "ece_verdict",
    "does not clearly change it"
    if low <= 0 <= high or max(abs(low), abs(high)) < 0.0005  # none that is printed
    else "lowers it"
    if low > 0
    else "raises it",
)

# %% [markdown]
# Temperature: {glue:text}`tau_low` to {glue:text}`tau_high`. The expected calibration error (the mean
# distance from the dashed line) is {glue:text}`ece_before` before and {glue:text}`ece_after` after (95 %
# intervals over athletes): on athletes never seen the temperature **{glue:text}`ece_verdict`**. What is
# left cannot be mended by one number: class weights tilt the probabilities towards rare classes,
# and validation athletes are others than those we meet.

# %% [markdown]
# ## Where it is wrong

# %% mystnb={"figure": {"caption": "Share of each true class (rows) that gets each answer (columns), windows of unseen athletes in brackets, of several seeds the first.", "name": "fig-teacher-confusion"}, "image": {"alt": "A table of shades: true classes in rows, answers in columns, with percentages; most lie on the diagonal."}}
matrix = np.zeros((len(classes), len(classes)))
np.add.at(matrix, (y, answers["lstm"][0]), 1)
figures.confusion(matrix, classes)

# %% [markdown]
# An error has an address and a time. The address: some athletes are hard for everybody, others for one
# model only. The time: near a change of the label, where the window is half one thing and half
# another, or where an athlete stands at a threshold that was itself measured with error.


# %% tags=["hide-input"]
def seconds_to_change(windows):
    """Seconds from a window's label to the nearest change of label in its recording, (N,)."""
    at = n_samples / windows.rate_hz * (0.5 if motion else 1.0)
    frame = pd.DataFrame(
        {"r": windows.recording, "t": windows.t0_s + at, "y": windows.y}
    )
    near = np.full(len(frame), np.nan)
    for _, rows in frame.sort_values("t").groupby("r"):
        t, label = rows["t"].to_numpy(), rows["y"].to_numpy()
        changed = np.flatnonzero(label[1:] != label[:-1])
        if len(changed):
            borders = (t[changed] + t[changed + 1]) / 2
            near[rows.index] = np.abs(t[:, None] - borders).min(1)
    return near


def error_near(near):
    """Share of wrong answers by distance to a change, with intervals over athletes."""
    found = []
    edges = np.unique(np.nanquantile(near, np.linspace(0, 1, 7)[:-1]))
    band = np.digitize(near, edges)
    for b in range(1, len(edges) + 1):
        rows = (band == b) & np.isfinite(near)
        if len(set(who[rows])) < 2:
            continue
        for name in ("lstm", best_rival):
            right = [p[rows] for p in answers[name]]
            i = score_interval(y[rows], right, who[rows], "accuracy")
            found.append(
                (
                    TITLES[name],
                    np.median(near[rows]),
                    1 - i.estimate,
                    1 - i.high,
                    1 - i.low,
                )
            )
    return found


near = np.concatenate([seconds_to_change(f.windows) for f in held])
error_by_time = pd.DataFrame(
    error_near(near) if np.isfinite(near).any() else [],
    columns=["model", "seconds", "estimate", "low", "high"],
)
each_f1 = pd.DataFrame(
    {TITLES[n]: per_athlete[n].mean(axis=1) for n in ("lstm", best_rival)}
)

# %% mystnb={"figure": {"caption": "Left: each unseen athlete's macro-F1 under the teacher and under the best baseline. Right: share of wrong answers against the time to the nearest change of the label in the recording, 95 % intervals over athletes, and over seeds where a model has several.", "name": "fig-teacher-wrong"}, "image": {"alt": "Left, a dot for each athlete around the diagonal. Right, error falling with distance from a change of label, for the teacher and the best baseline."}}
figures.wrong(each_f1, error_by_time, TITLES["lstm"], TITLES[best_rival])

# %% tags=["check", "nbval-ignore-output"]
own = error_by_time[error_by_time["model"] == TITLES["lstm"]]
record("athlete_worst", each_f1[TITLES["lstm"]].min(), digits=2)
record("athlete_best", each_f1[TITLES["lstm"]].max(), digits=2)
for name, row in (("near", 0), ("far", -1)):
    there = len(own) > 0
    record(f"seconds_{name}", f"{own['seconds'].iloc[row]:.0f}" if there else "–")
    record(
        f"error_{name}", f"{100 * own['estimate'].iloc[row]:.0f}" if there else "–"
    )

# %% [markdown]
# From athlete to athlete the teacher's macro-F1 goes from {glue:text}`athlete_worst` to
# {glue:text}`athlete_best`. About {glue:text}`seconds_near` s from a change {glue:text}`error_near` % of
# its answers are wrong, about {glue:text}`seconds_far` s away {glue:text}`error_far` %. Errors at a
# change may be mild: the label itself is uncertain there. An athlete for whom *most* windows are wrong
# is another matter, and more data of others will not help. Chapter 9 asks that athlete for a few labels.

# %% [markdown]
# ## What does it see?
#
# We take something away from the test windows, and look at what the score loses: the order of time, one
# half (the other stands there twice), a channel (its mean stays). No network is trained anew. The forest stands beside it: it reads statistics of a window, to most of which the order
# of the samples does not matter.


# %% tags=["hide-input"]
def spoiled_of(change, at):
    """Answers of the network (0) or the forest (1) to spoiled test windows."""
    return np.concatenate(
        [runs[k, seeds[0]]["spoiled"][change][at] for k in range(len(splits))]
    )


drops = []
for at, name in enumerate(("lstm", "forest")):
    untouched = spoiled_of("nothing", at)
    for change in changes:
        i = gain_interval(y, spoiled_of(change, at), untouched, who, "macro_f1")
        drops.append((change, TITLES[name], i.estimate, i.low, i.high))
drops = pd.DataFrame(drops, columns=["change", "model", "estimate", "low", "high"])

# %% mystnb={"figure": {"caption": "Loss of macro-F1 when part of a test window is taken away: order of time, one half, one channel. First seed, 95 % intervals over athletes.", "name": "fig-teacher-spoiled"}, "image": {"alt": "Dots with intervals: loss of macro-F1 of the teacher and the random forest for each change of the window."}}
figures.spoiled(drops)

# %% tags=["check", "nbval-ignore-output"]
lost = drops.pivot(index="change", columns="model", values="estimate")
for name, change in (
    ("shuffled", "time shuffled"),
    ("reversed", "time reversed"),
    ("first", "first half lost"),
    ("last", "last half lost"),
):
    for model in ("lstm", "forest"):
        record(f"lost_{name}_{model}", lost.loc[change, TITLES[model]], digits=2)
alone = [c for c in changes if c.startswith("no ")]
most = lost.loc[alone, TITLES["lstm"]].idxmax() if alone else None
record("lost_most", most[3:] if most else "– (there is one channel only)")

# %% [markdown]
# | taken away | the teacher loses | the forest loses |
# |---|---|---|
# | order of time | {glue:text}`lost_shuffled_lstm` | {glue:text}`lost_shuffled_forest` |
# | direction of time | {glue:text}`lost_reversed_lstm` | {glue:text}`lost_reversed_forest` |
# | first half | {glue:text}`lost_first_lstm` | {glue:text}`lost_first_forest` |
# | last half | {glue:text}`lost_last_lstm` | {glue:text}`lost_last_forest` |
#
# What costs the teacher most among the channels: {glue:text}`lost_most`. A model that loses much when
# time is shuffled uses the *order* of samples.
#
# **Caveat.** A spoiled window is one that no athlete could record. A loss says that the model *uses*
# something, not that a model trained without it would do worse.

# %% [markdown]
# ## A column that must not be an input
#
# Intensity domains are *defined* by power or speed at two thresholds. A model that is given power and
# the thresholds needs no heart rate: {glue:text}`leak`. That is {term}`leakage`, a label read off its
# own formula, and useless for whoever has no laboratory. So power is no input where the label is a
# function of it.

# %% tags=["hide-input"]
leak_share = None
if dataset == "actes":
    measured = public.load("actes", data_dir)
    rows = measured.streams.dropna(subset=["power_w", "label"])
    owner = measured.sessions.set_index("session_id")["athlete_id"]
    limits = measured.athletes.set_index("athlete_id")[["vt1", "vt2"]]
    limits = limits.loc[owner.loc[rows["session_id"]]].to_numpy()
    domain = (rows["power_w"].to_numpy()[:, None] > limits).sum(1)
    leak_share = np.mean(np.array(windows.classes)[domain] == rows["label"])

# %% tags=["check"]
record(
    "leak",
    "(shown for the data set actes only)"
    if leak_share is None
    else f"the rule 'power up to VT1, up to VT2, or above' is right for "
    f"{100 * leak_share:.1f} % of the seconds, without having learned anything",
)

# %% [markdown]
# ## A number instead of a class: the next minute's heart rate
#
# **The task.** From the past of a run and the *planned* speed (or power) of the next minute: the mean
# heart rate of that minute. Nobody wrote the plan down: we take the speed (or power) that was then
# run. A real plan is kept less exactly, so this flatters every model that reads it. Heart rate
# follows effort with a delay of half a minute or more {footcite:p}`hunt2015`, so there is something
# to predict. It is also sluggish, so "as now" is a strong answer. In the literature an autoregression
# beat an LSTM at heart rate seconds ahead {footcite:p}`staffini2022`, while a model with physiology
# in it, for whole workouts of known people, erred by a few beats {footcite:p}`nazaret2023`. So the
# naive answers come first here, too. {glue:text}`hr_task`

# %% tags=["hide-input"]
hr_task, why_none = (
    None,
    "This data set has no heart rate, so there is no such task.",
)
if "hr_fraction" in windows.channels:
    try:
        # A short page simulates fewer athletes here.
        found = load("heart_rate", n_athletes if full else max(20, n_athletes // 3))
        hr_splits = fold_athletes(found.windows.athlete)[: len(splits)]
        hr_task = found
    except UserError as error:  # nothing was planned, or too few athletes
        why_none = f"Not here: {error}"
if hr_task is not None:
    hr = hr_task.windows
    slow = () if full else ("forest", "minirocket")  # too slow for a short page
    hr_baselines = [n for n in window_baselines_of(hr) if n not in slow]


def run_hr(job):
    """Heart rates (bpm) that one fold and one seed predict for its test windows."""
    torch.set_num_threads(1)
    k, s = job
    fold, split = make_fold(hr_task, hr_splits[k]), hr_splits[k]
    net = train_teacher(fold, s, sizes_for(fold, profile))
    found = {"lstm": in_units(fold, ask([net], fold.test, None))}
    train, validation = (
        hr.take(split.rows(hr.athlete, part)) for part in PARTS[:2]
    )
    for name in hr_baselines if s == seeds[0] else ():
        found[name] = fit_window_baseline(name, train, validation, s)(fold.windows)
    return found


# %% tags=["hide-input"]
hr_scores, hr_judged = {}, {}
if hr_task is not None:
    # A short page trains one network.
    hr_jobs = [(k, s) for k, s in jobs if full or s == seeds[0]]
    hr_runs = dict(zip(hr_jobs, each(run_hr, hr_jobs, workers), strict=True))
    rows = np.concatenate(
        [np.flatnonzero(s.rows(hr.athlete, "test")) for s in hr_splits]
    )
    truth, owner = hr.y[rows], hr.athlete[rows]
    predicted = {
        n: [
            np.concatenate([hr_runs[k, s][n] for k in range(len(hr_splits))])
            for s in seeds
            if (0, s) in hr_runs and n in hr_runs[0, s]
        ]
        for n in [*hr_baselines, "lstm"]
    }
    hr_scores = {
        n: [score_interval(truth, p, owner, m) for m in ("mae", "rmse")]
        for n, p in predicted.items()
    }
    hr_each = {
        n: pd.concat(
            [by_athlete(truth, q, owner, ["mae"])["mae"] for q in p], axis=1
        )
        for n, p in predicted.items()
    }
    hr_judged = {
        n: compare(hr_each[n], hr_each["lstm"], "hr_bpm") for n in hr_baselines
    }
hr_titles = WINDOW_BASELINES | {"lstm": "LSTM"}
hr_table = pd.DataFrame(
    [
        (
            hr_titles[n],
            f"{mae:.1f}",
            f"{rmse:.1f}",
            f"{hr_judged[n].gain:.1f}" if n in hr_judged else "–",
            hr_judged[n].verdict if n in hr_judged else "–",
        )
        for n, (mae, rmse) in sorted(
            hr_scores.items(), key=lambda i: -i[1][0].estimate
        )
    ],
    columns=[
        "model",
        "MAE (bpm)",
        "RMSE (bpm)",
        "the LSTM's gain (bpm)",
        "verdict on it",
    ],
)
style.text_table(hr_table) if hr_scores else why_none

# %% tags=["check"]
record(
    "hr_task",
    f"({len(hr):,} windows of {len(set(hr.athlete))} athletes, "
    f"{len(set(owner))} of them tested.)"
    if hr_task is not None
    else why_none,
)

# %% tags=["check", "nbval-ignore-output"]
for name in hr_titles:
    if name in ("majority", "zone"):
        continue
    there = name in hr_scores
    record(f"hr_mae_{name}", f"{hr_scores[name][0]:.1f}" if there else "–")
    if name != "lstm":
        record(f"hr_verdict_{name}", hr_judged[name].verdict if there else "–")
hr_beaten = [n for n, c in hr_judged.items() if c.verdict == "better"]
record(
    "hr_beats",
    "–"
    if not hr_judged
    else "beats every baseline shown"
    if len(hr_beaten) == len(hr_judged)
    else f"does not beat every baseline shown ({len(hr_beaten)} of {len(hr_judged)})",
)

# %% [markdown]
# The LSTM here: {glue:text}`hr_beats`. Against the mean of the last 5 s:
# {glue:text}`hr_verdict_last`; against an autoregression that also knows the plan:
# {glue:text}`hr_verdict_autoregression_plan`; against boosted trees: {glue:text}`hr_verdict_boosting`.
# (A dash stands for what this data set or this short page has not.)

# %% [markdown]
# ## The long run
#
# All five folds, so that every athlete is tested once, and five seeds. Macro-F1 on athletes never
# seen, with 95 % intervals over athletes, and over seeds where a model has several; in brackets the
# verdict on the teacher:

# %% tags=["hide-input"]
redo = "sportsml run 07 -p dataset {} -p profile full"
REAL = {
    "swimming": "swimming (real)",
    "actes": "actes (real)",
    "simulated": "simulated",
}
accepted_runs = {name: accepted.find("07_teacher", name) for name in REAL}


def cell(run, name):
    """Recorded score of a model and the verdict on the teacher against it."""
    if run is None:
        return "no accepted result"
    f1 = run["numbers"].get(f"f1_{name}", "–")
    verdict = run["numbers"].get(f"verdict_{name}")
    return f"{f1} ({verdict})" if verdict and f1 != "–" else f1


style.text_table(
    pd.DataFrame(
        [
            (title, *(cell(accepted_runs[name], model) for name in REAL))
            for model, title in TITLES.items()
        ],
        columns=["model", *REAL.values()],
    )
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Accepted results: macro-F1 on athletes never seen, all windows together, without the naive answer. Bars: 95 % intervals over athletes, and over seeds where a model has several.", "name": "fig-teacher-long"}, "image": {"alt": "A panel a data set: macro-F1 with intervals of every baseline, of one LSTM and of the LSTM teacher."}}
long_f1 = {
    REAL[name]: accepted.intervals(
        run_, {title: f"f1_{n}" for n, title in TITLES.items() if n != "majority"}
    )
    for name, run_ in accepted_runs.items()
    if run_
}
side_by_side(long_f1, "macro-F1") if long_f1 else style.nothing(
    "No accepted result yet."
)

# %% tags=["check"]
for name, run_ in accepted_runs.items():
    numbers = run_["numbers"] if run_ else {}
    record(f"long_{name}_command", run_["command"] if run_ else redo.format(name))
    for number in ("beats", "chosen", "people_tested", "best_rival", "gain_best", "verdict_best", "single_best",
                   "harmed_best", "ece_before", "ece_after", "hr_beats",
                   "leak", "lost_shuffled_lstm", "lost_shuffled_forest",
                   "hr_mae_lstm", "hr_mae_last", "hr_mae_autoregression_plan",
                   "hr_mae_boosting", "hr_mae_minirocket"):  # fmt: skip
        value = numbers.get(number, "–")
        value = f"{value:.2f}" if isinstance(value, float) else str(value)
        record(f"long_{name}_{number}", value)

# %% [markdown]
# *Accepted results: this page prints them and does not compute them. To redo them:*
# {glue:text}`long_swimming_command`; {glue:text}`long_actes_command`;
# {glue:text}`long_simulated_command`.
#
# | | swimming | actes | simulated |
# |---|---|---|---|
# | athletes tested | {glue:text}`long_swimming_people_tested` | {glue:text}`long_actes_people_tested` | {glue:text}`long_simulated_people_tested` |
# | teacher chosen | {glue:text}`long_swimming_chosen` | {glue:text}`long_actes_chosen` | {glue:text}`long_simulated_chosen` |
# | best baseline | {glue:text}`long_swimming_best_rival` | {glue:text}`long_actes_best_rival` | {glue:text}`long_simulated_best_rival` |
# | gain over it | {glue:text}`long_swimming_gain_best`: {glue:text}`long_swimming_verdict_best` | {glue:text}`long_actes_gain_best`: {glue:text}`long_actes_verdict_best` | {glue:text}`long_simulated_gain_best`: {glue:text}`long_simulated_verdict_best` |
# | one network alone against it | {glue:text}`long_swimming_single_best` | {glue:text}`long_actes_single_best` | {glue:text}`long_simulated_single_best` |
# | athletes harmed against it (%) | {glue:text}`long_swimming_harmed_best` | {glue:text}`long_actes_harmed_best` | {glue:text}`long_simulated_harmed_best` |
# | calibration error before | {glue:text}`long_swimming_ece_before` | {glue:text}`long_actes_ece_before` | {glue:text}`long_simulated_ece_before` |
# | and after | {glue:text}`long_swimming_ece_after` | {glue:text}`long_actes_ece_after` | {glue:text}`long_simulated_ece_after` |
# | lost without the order of time: teacher, forest | {glue:text}`long_swimming_lost_shuffled_lstm`, {glue:text}`long_swimming_lost_shuffled_forest` | {glue:text}`long_actes_lost_shuffled_lstm`, {glue:text}`long_actes_lost_shuffled_forest` | {glue:text}`long_simulated_lost_shuffled_lstm`, {glue:text}`long_simulated_lost_shuffled_forest` |
#
# The next minute's heart rate, MAE in bpm:
#
# | | actes | simulated |
# |---|---|---|
# | mean of the last 5 s | {glue:text}`long_actes_hr_mae_last` | {glue:text}`long_simulated_hr_mae_last` |
# | autoregression + plan | {glue:text}`long_actes_hr_mae_autoregression_plan` | {glue:text}`long_simulated_hr_mae_autoregression_plan` |
# | boosted trees | {glue:text}`long_actes_hr_mae_boosting` | {glue:text}`long_simulated_hr_mae_boosting` |
# | MiniRocket + ridge | {glue:text}`long_actes_hr_mae_minirocket` | {glue:text}`long_simulated_hr_mae_minirocket` |
# | LSTM | {glue:text}`long_actes_hr_mae_lstm` | {glue:text}`long_simulated_hr_mae_lstm` |
# | **it** | {glue:text}`long_actes_hr_beats` | {glue:text}`long_simulated_hr_beats` |
#
# And the leak, on actes: {glue:text}`long_actes_leak`.
#
# **Caveat.** A few swimmers and ramp tests of a few athletes: each interval is about people like these.
# The simulated column is about our equations.

# %% [markdown]
# ## Exercises
#
# Try each before opening the answer. {download}`This chapter as a notebook with empty answers
# <exercises/07_teacher_exercises.ipynb>` is there to work in.

# %% [markdown]
# ### Exercise 1
#
# A forget gate stays at $f = 0.99$ and nothing is written. After how many steps is half of the memory
# left?
#
# Expected: {glue:text}`exercise_1`

# %% tags=["solution"]
answer = np.log(0.5) / np.log(0.99)
record("exercise_1", answer, digits=0)

# %% [markdown]
# ### Exercise 2
#
# From the equations: how many parameters has a two-way LSTM with $D$ inputs and $H$ units each way?
# PyTorch keeps two biases a gate. Compute it for the teacher's, and compare with the table of layers.
#
# Expected: {glue:text}`exercise_2`

# %% tags=["solution"]
answer = 2 * 4 * (hidden * width + hidden * hidden + 2 * hidden)
record("exercise_2", f"{answer:,}")

# %% [markdown]
# ### Exercise 3
#
# Somebody always answers with the class that most training windows of the first fold have. What is the
# macro-F1 of that on the fold's test windows, and what the accuracy?
#
# Expected: {glue:text}`exercise_3`

# %% tags=["solution"]
most = np.full(len(fold.windows), np.bincount(fold.train.y).argmax())
right = np.mean(most == fold.windows.y)
record("exercise_3", f"{macro_f1(fold.windows.y, most):.2f} and {right:.2f}")

# %% [markdown]
# ## Summary
#
# - A mask makes padding harmless: the answer is that of the recording alone.
# - An LSTM adds to its memory, and gates decide what to write, keep and show.
# - Class weights, clipping and a schedule are one page of code; early stopping on the validation loss
#   keeps the weights that serve new athletes.
# - A symmetry of the sensor is free data, in training and in use. It must be one that physics has.
# - On this page the teacher {glue:text}`beats`; the best baseline is {glue:text}`best_rival`. In the
#   long run: swimming, it {glue:text}`long_swimming_beats`; actes, it {glue:text}`long_actes_beats`;
#   simulated, it {glue:text}`long_simulated_beats`.
#
# ## What comes next
#
# A teacher whose every network has {glue:text}`n_weights` parameters is no program for a watch. Chapter 8
# asks whether a far smaller network can learn from its answers, and whether that is better than learning
# from the labels alone.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
