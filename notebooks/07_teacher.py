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
# never seen, and who is worth learning from?
#
# **In one sentence.** {glue:text}`in_short`
#
# ```{admonition} You will be able to
# - **use** the physics of a sensor where data are missing;
# - **write** an LSTM cell in six lines, and check it against PyTorch;
# - **train** a network on windows with Lightning, and **turn** its sensor while it learns;
# - **judge** it against a rival that was given the same care.
# ```
#
# | You need | Where |
# |---|---|
# | windows, and why athletes are split | chapter 2 |
# | gradients, AdamW | chapter 3 |
# | early stopping, verdicts with intervals | chapter 4 |
# | matrix products, the logistic function | any first course in linear algebra and calculus |
#
# *20 minutes to read, 15 seconds to run.*

# %% tags=["imports"]
import logging
import warnings

import lightning
import torch
from torch import nn

from sportsml_lite.findings.teacher import PEOPLE, findings
from sportsml_lite.models import LSTMTeacher, count_parameters
from sportsml_lite.plots import style
from sportsml_lite.plots import teacher as figures
from sportsml_lite.prepare.tasks import load_task
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import accepted
from sportsml_lite.training import folds, live
from sportsml_lite.training.augment import rotations
from sportsml_lite.training.config import repeatable

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: simulated, swimming, actes or a folder
data_dir = ""  # path: folder of your own tables, or the one that holds the data set
seed = 0  # 0 to 1000000: simulated athletes and the live training
n_athletes = 60  # athletes, 20 to 500: how many are simulated for the live example
length_s = 0.0  # s, 0 to 3600: of a window; 0 takes the data set's own
stride_s = 0.0  # s, 0 to 3600: from window to window; 0 follows the length
epochs = 8  # 2 to 100: how often the live example looks at its validation athletes
tracking = ""  # '' or 'tensorboard' or 'wandb': who also keeps its curve
accelerator = "cpu"  # name: where Lightning trains it: cpu, gpu, auto
devices = 1  # 1 to 64: processes, or GPUs, that share each batch
strategy = "auto"  # name: how they share it, as Lightning calls it: ddp_fork
num_nodes = 1  # 1 to 1000: computers with so many devices each

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Above: an average six seconds of one stroke, from two swimmers (windows laid over one another where they fit best). Dashed: the second as the watch recorded it; blue: the same in the mirror. Below: what the mirror gains one LSTM in macro-F1 (over the classes that a swimmer performs), a dot a swimmer.", "name": "fig-teacher-wrists"}, "image": {"alt": "Three waves: one swimmer's acceleration lies below zero, the second's above; mirrored, it falls onto the first. Below, a row of dots for each wrist: far right for the other one, near zero for the usual one."}}
check_values("07_teacher", globals())
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="lightning")
torch.set_num_threads(1)
results = {name: accepted.load("teacher", name) for name in PEOPLE}
tables = {name: result.scores for name, result in results.items()}
figures.two_wrists(tables["swimming"])

# %% tags=["check"]
for name, text in findings(tables).items():
    record(name, text)
record("command", results["swimming"].command)

# %% [markdown]
# ## Two swimmers, one stroke
#
# Two people swim the same stroke, and their watches disagree. Of {glue:text}`shown` swimmers who show it,
# {glue:text}`few` have a mean acceleration along the forearm of the opposite sign. The likely reason is
# simple: the watch sits on the other wrist.
#
# A network that has met few such people must guess. But we can *compute* what they would have recorded,
# since a left arm is a right arm in the mirror.
#
# **Equation.** Acceleration is a vector, so a mirror $M$ takes it to $Ma$. Angular rate is a
# pseudovector: in a mirror, a wheel turns the other way round.
#
# $$ \begin{gathered}
#    a \to M a, \qquad \omega \to \det(M)\, M \omega, \\
#    M = \mathrm{diag}(-1, 1, 1).
#    \end{gathered} $$
#
# With $\det M = -1$, three of the six channels change their sign: $a_x$, $\omega_y$ and $\omega_z$. The
# mirror serves twice. In training, each window is turned or not, by chance ({term}`augmentation`). In
# use, the network reads a window both ways and its {term}`logits <logit>` are averaged. Then the answer
# *cannot* depend on the wrist, whatever the weights:

# %%
mirror = torch.tensor([-1.0, 1, 1, 1, -1, -1])[:, None]


def both_wrists(network, x):
    """Mean logits of windows (N, 6, T) and of their mirror images."""
    return (network(x) + network(mirror * x)) / 2


untrained = LSTMTeacher(n_channels=6, n_outputs=5).eval()
x = torch.randn(4, 6, 180)
with torch.inference_mode():
    left, right = both_wrists(untrained, x), both_wrists(untrained, mirror * x)
assert torch.allclose(left, right, atol=1e-5)

# %% [markdown]
# For the swimmers on the other wrist the mirror changes the macro-F1 of one
# network by {glue:text}`mended` on average, for those on the usual one by {glue:text}`unmended`.
#
# ## Turn the sensor
#
# A watch also sits a little round the wrist. If it measures $v$, a watch worn otherwise measures $R v$, with
# $R$ a rotation; acceleration and angular rate turn alike, since a rotation, unlike a mirror, knows no
# pseudovectors. So training turns each window about an axis drawn by chance, up to 30°, and scales each
# channel by up to a fifth, anew in every batch. Lengths and angles stay:

# %%
random = torch.Generator().manual_seed(seed)
turn = rotations(4, 30, random).float()  # (N, 3, 3)
acc, gyro = x[:, :3], x[:, 3:]
turned_acc, turned_gyro = turn @ acc, turn @ gyro
for one, other in ((acc, turned_acc), (gyro, turned_gyro)):
    assert torch.allclose(one.norm(dim=1), other.norm(dim=1), atol=1e-4)
dots = (acc * gyro).sum(1), (turned_acc * turned_gyro).sum(1)
assert torch.allclose(*dots, atol=1e-4)

# %% [markdown]
# Which such change pays? We try each alone, on a small network that knows the mirror:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Gain in macro-F1 (over the classes that a swimmer performs) of a small network over the same network with the mirror alone, with 95 % intervals over swimmers and models. Blue: the interval lies above zero; grey band: too small to name.", "name": "fig-teacher-invariances"}, "image": {"alt": "A row for each invariance, the best on top: a dot with its interval around zero."}}
figures.invariances(tables["swimming"])

# %% [markdown]
# For the swimmers, {glue:text}`worth`. One LSTM gains {glue:text}`turned` from rotation and gain together.
#
# **Caveat.** A change must be one that physics has. Time run backwards is nobody's stroke. And a heart rate
# has no axes: riders and runners have to do without.
#
# ## A window, and a mask
#
# A {term}`window` is a piece of a recording, $C$ channels of $T$ samples, with one label. For the
# swimmers these are six seconds of motion, and the label is the stroke. For riders and runners it is
# one or two minutes of heart rate (and, for runners, speed, cadence and slope), and the label is how
# hard the last second was: below the first {term}`ventilatory threshold` (VT1), where one can still talk
# with ease; between the two; or above the second (VT2), where the end is near.
#
# A recording may be shorter than a window. Padded with zeros, it has zeros that nobody measured, and a
# network believes every number. So a {term}`mask` goes along, True where something was recorded, and a
# promise: *the answer for a padded recording is the answer for the recording alone.* We take a live
# example, {glue:text}`live`, and hold an untrained teacher to it.

# %% tags=["hide-input"]
window = {"length_s": length_s, "stride_s": stride_s}
task = load_task(
    dataset, data_dir, seed=seed, n_athletes=n_athletes, sessions_each=2, **window
)
print(task.told)
fold = folds.make_fold(task, folds.folds_of(task)[0])
_, C, T = fold.test.X.shape
K = len(fold.classes)

# %%
with repeatable(seed):
    network = LSTMTeacher(C, K, width=24, hidden=32, layers=2).eval()
short = fold.test.X[:8, :, T // 2 :]
padded = nn.functional.pad(short, (T // 2, 0))
mask = (torch.arange(T) >= T // 2).expand(8, T)
with torch.inference_mode():
    alone, masked = network(short), network(padded, mask)
    blind = network(padded)
assert torch.allclose(masked, alone, atol=1e-4)
assert not torch.allclose(blind, alone, atol=1e-4)

# %% tags=["check"]
known = dataset in PEOPLE and not data_dir
record("live", PEOPLE[dataset] if known else task.whose)

# %% [markdown]
# ## The LSTM cell
#
# **Intuition.** A recurrent network reads step by step and carries a state along. If the state is
# *multiplied* at every step, what it knew fades or explodes. The {term}`LSTM`
# {footcite:p}`hochreiter1997` *adds* to its memory instead, and lets **gates**, numbers between 0 and 1,
# decide what is kept {footcite:p}`gers2000`, written and shown.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "One step of an LSTM. Blue: the memory, which runs through with one product and one sum. Orange: the three gates, each read from the input and from what was shown before.", "name": "fig-teacher-cell"}, "image": {"alt": "A line from the old memory to the new one, with a product at the forget gate and a sum where the input gate lets a candidate in; the output gate shows a part of it."}}
figures.cell()

# %% [markdown]
# **Equation.** With the input $x_t$, and what was shown and remembered at the step before, $h_{t-1}$ and
# $c_{t-1}$ (both zero at first):
#
# $$ \begin{aligned}
#    i_t &= \sigma(W_i x_t + U_i h_{t-1} + b_i) \\
#    f_t &= \sigma(W_f x_t + U_f h_{t-1} + b_f) \\
#    o_t &= \sigma(W_o x_t + U_o h_{t-1} + b_o) \\
#    g_t &= \tanh(W_g x_t + U_g h_{t-1} + b_g) \\
#    c_t &= f_t \odot c_{t-1} + i_t \odot g_t \\
#    h_t &= o_t \odot \tanh(c_t)
#    \end{aligned} $$
#
# Here $\sigma(z) = 1/(1 + e^{-z})$ is the logistic function and $\odot$ the product element by element;
# $W$, $U$ and $b$ are learned. While nothing is written, a memory shrinks by $f$ a step,
# $c_{t+n} = f^n c_t$, and so does its gradient: a gate learns its own time scale.
#
# **Code.** Six lines. They must give what PyTorch gives:


# %%
def lstm_step(cell, x, h, c):
    z = x @ cell.weight_ih_l0.T + cell.bias_ih_l0
    z = z + h @ cell.weight_hh_l0.T + cell.bias_hh_l0
    i, f, g, o = z.chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


# %%
cell = nn.LSTM(C, 8, batch_first=True)
sequence = fold.test.X[:5].mT  # (N, T, C): time before channels
with torch.inference_mode():
    h = c = torch.zeros(len(sequence), 8)
    for t in range(T):
        h, c = lstm_step(cell, sequence[:, t], h, c)
    by_torch = cell(sequence)[0][:, -1]
assert torch.allclose(h, by_torch, atol=1e-5)

# %% [markdown]
# ## From window to answer
#
# On raw samples an LSTM has a long way to go. So the teacher begins with two or three **convolutions**,
# small filters that slide along time and take every second step. They learn short patterns, a rise or a
# turn of the wrist, and shorten the way. One LSTM reads the result forwards, another backwards. Of all
# their states three things are kept: the mean (how *much* of something there was), the maximum (did it
# occur *at all*) and the last step (how things stand *now*). A linear layer turns these into logits.
#
# ## Training it
#
# **The loss** is {term}`cross-entropy`, weighted so that every class counts the same. With the
# probability $p_{n, k}$ that window $n$ gets for class $k$, its true class $y_n$, and the number $N_k$ of
# training windows of class $k$ out of $N$:
#
# $$ L = -\frac{\sum_n w_{y_n} \log p_{n, y_n}}{\sum_n w_{y_n}}, \qquad w_k = \frac{N}{K N_k} . $$
#
# Without weights, a network does well by ignoring the rare class. In Lightning, a model is a module that
# knows its loss, its steps and its optimizer:


# %%
class Classifier(lightning.LightningModule):
    def __init__(self, network, weight):
        super().__init__()
        self.network, self.weight = network, weight

    def step(self, batch, kind):
        X, y = batch
        loss = nn.functional.cross_entropy(self.network(X), y, self.weight)
        self.log(kind, loss, on_step=False, on_epoch=True, sync_dist=True)
        return loss


# %%
class Teacher(Classifier):
    def training_step(self, batch, batch_idx):
        return self.step(batch, "train_loss")

    def validation_step(self, batch, batch_idx):
        self.step(batch, "val_loss")

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=5e-4)


# %% [markdown]
# A trainer does the rest. Note the clipping: one odd batch can throw a recurrent network far away, so a
# gradient longer than 1 is shortened to 1 {footcite:p}`pascanu2013`.

# %%
with repeatable(seed):
    teacher = Teacher(network.train(), fold.data().weight)
    windows = torch.utils.data.TensorDataset(fold.train.X, fold.train.y)
    size = 64 // (devices * num_nodes)  # each process takes its part
    batches = torch.utils.data.DataLoader(windows, batch_size=size, shuffle=True)
    everyone = [(fold.validation.X, fold.validation.y)]  # one batch
    validation = torch.utils.data.DataLoader(everyone, batch_size=None)
    trainer = lightning.Trainer(
        max_epochs=epochs, limit_train_batches=20, gradient_clip_val=1.0,
        **live.machine(accelerator, devices, strategy, num_nodes),
        logger=live.loggers(tracking), enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(teacher, batches, validation)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The live example. Grey: loss on the batches it learns from, with dropout; blue: on validation athletes, whom it never learns from. The weights of the lowest blue point are those to keep. Dashed: whoever gives every class the same probability.", "name": "fig-teacher-curve"}, "image": {"alt": "Two falling curves of loss against the epoch; the lowest point of the validation curve is marked."}}
figures.learning_curve(
    live.curve(trainer), torch.log(torch.tensor(float(K))).item()
)

# %% [markdown]
# The package trains its networks in the same way and adds two habits: the learning rate rises over the
# first tenth of the steps and then falls along a cosine, and {term}`early stopping` keeps the weights of
# the lowest validation loss. It counts *steps*, not passes, so that whoever has more windows does not
# also get more work.
#
# Two such networks from two seeds, whose logits are averaged, are an {term}`ensemble`.
#
# ## The ranking
#
# A network needs rivals that were given the same care. They were named before anything ran:
#
# - **a simple rule**: the most frequent class, or zones of heart rate, cut where the training athletes
#   are told apart best;
# - **boosted trees** on statistics of each channel: mean, quartiles, slope, frequency;
# - **MiniRocket** {footcite:p}`dempster2021`: thousands of *fixed* random convolutions and a ridge, hard to
#   beat and trained in seconds. It is *the* rival. A mirror is no secret of networks, so where there is
#   one, {term}`MiniRocket` has it too.
#
# Every athlete is tested by *models* that have seen no window of theirs: one a fold, and real athletes
# are divided more than once.

# %% tags=["hide-input"]
figures.ranking(tables)

# %% [markdown]
# *Accepted results: this page prints them and does not compute them;* {glue:text}`command` *redoes the
# swimmers.* The swimmers and riders are real. The simulated runners follow our own equations and prove
# nothing about people.
#
# **Is the ensemble better than the rival?** {glue:text}`stands` in macro-F1, where
# {glue:text}`smallest` is the smallest effect worth naming. Two more answers: {glue:text}`riders`;
# {glue:text}`runners`.
#
# **Who is worth learning from?** Not always a network. A *blend* mixes the logits of LSTMs and MiniRocket,
# each at a temperature and in a share that validation athletes chose. **The teacher** of this book is
# whatever scores best on a fold's validation athletes: LSTMs, MiniRocket, trees or blend. For the swimmers
# that was {glue:text}`chosen`. **Is it better than the rival?** {glue:text}`against`. **Than every baseline?
# {glue:text}`answer`.**
#
# Look at the riders' simple rule, too. They sit on an ergometer, the load rises, and so does the heart
# rate. What can a teacher add there? {glue:text}`rule`
#
# **Who pays?** A mean hides people. Swimmers who lose more than {glue:text}`harm` under the teacher,
# against the rival: {glue:text}`harmed` of {glue:text}`swimmers`. One LSTM
# against *itself* from another seed: {glue:text}`harmed_null`.
#
# **Which of the gains stand?** Ask many questions, and some look like a gain by luck; *Holm's correction*
# {footcite:p}`holm1979` demands more of each. After it, {glue:text}`won`.
#
# **Caveat.** The mirror, the angle, the sizes and the number of steps were found while looking at some of
# these swimmers. Read their column as a description of twenty people, not as a promise. And a rider's label is a
# function of power, so power is no input here: a model that had it would read the answer off its own
# formula (chapter 2's {term}`leakage`).
#
# ## Summary
#
# - A symmetry of the sensor is free data, if physics has it: mirrored in training and in use, turned in
#   training.
# - An LSTM *adds* to its memory; gates decide what to keep, write and show. A mask makes padding harmless.
# - Name the rival before you train, give it the same care, and count who is harmed beside what luck does.
#
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
steps, memory = 0, 1.0
while memory > 0.5:
    steps, memory = steps + 1, 0.99 * memory
record("exercise_1", steps)

# %% [markdown]
# ### Exercise 2
#
# From the equations: how many weights has one LSTM cell with 24 inputs and 32 units? PyTorch keeps two
# biases a gate. Check it with `count_parameters`.
#
# Expected: {glue:text}`exercise_2`

# %% tags=["solution"]
answer = 4 * (32 * 24 + 32 * 32 + 2 * 32)
assert answer == count_parameters(nn.LSTM(24, 32))
record("exercise_2", f"{answer:,}")

# %% [markdown]
# ### Exercise 3
#
# Of 100 windows 90 are "easy" and 10 "hard". Somebody always answers "easy". What are the accuracy and
# the macro-F1?
#
# Expected: {glue:text}`exercise_3`

# %% tags=["solution"]
precision, recall = 90 / 100, 90 / 90
f1_easy = 2 * precision * recall / (precision + recall)
record("exercise_3", f"{precision:.2f} and {(f1_easy + 0) / 2:.2f}")

# %% [markdown]
# ## What comes next
#
# None of these is a program for a watch. Chapter 8 asks whether a far smaller network can learn from the
# teacher's answers, and whether that is better than learning from the labels alone.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
