"""Live trainings: their curve, who else keeps it, and the same loss from two processes as one."""

import importlib.util
import json
import subprocess
import sys

import lightning
import pytest
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.training import live

QUIET = {
    "max_epochs": 3, "enable_checkpointing": False, "enable_progress_bar": False,
    "enable_model_summary": False, "num_sanity_val_steps": 0,
}  # fmt: skip


class Line(lightning.LightningModule):
    """Least squares of a line; logs as the lesson's network does."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.line = torch.nn.Linear(3, 1)

    def training_step(self, batch, batch_idx):
        X, y = batch
        loss = ((self.line(X)[:, 0] - y) ** 2).mean()
        self.log("train_loss", loss, on_step=False, on_epoch=True, sync_dist=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05)


def train(tracking="", **machine):
    """Trainer after three epochs of one batch, which all processes share."""
    torch.manual_seed(1)
    X = torch.randn(64, 3)
    rows = torch.utils.data.TensorDataset(X, X @ torch.tensor([1.0, -2.0, 0.5]) + 1)
    batches = torch.utils.data.DataLoader(rows, batch_size=64 // (machine.get("devices") or 1))
    trainer = lightning.Trainer(logger=live.loggers(tracking), **live.machine(**machine), **QUIET)
    trainer.fit(Line(), batches)
    return trainer


@pytest.fixture(autouse=True)
def run_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SPORTSML_RUN_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


quiet = pytest.mark.filterwarnings("ignore")


@quiet
def test_the_curve_holds_a_row_an_epoch_and_nothing_else_is_written(run_folder):
    trainer = train()
    curve = live.curve(trainer)
    assert list(curve) == ["train_loss"] and curve.index.tolist() == [0, 1, 2]
    assert curve["train_loss"].is_monotonic_decreasing
    logged = float(trainer.callback_metrics["train_loss"])
    assert curve["train_loss"].iloc[-1] == pytest.approx(logged, rel=1e-6)
    assert not list(run_folder.iterdir())


@quiet
def test_tensorboard_reads_back_what_was_logged(run_folder):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    curve = live.curve(train("tensorboard"))
    (file,) = (run_folder / "tracking" / "tensorboard").rglob("events.out.tfevents.*")
    found = events.EventAccumulator(str(file.parent)).Reload()
    values = [one.value for one in found.Scalars("train_loss")]
    assert values == pytest.approx(curve["train_loss"].tolist(), rel=1e-6)


@quiet
def test_weights_and_biases_writes_offline(run_folder, monkeypatch):
    if importlib.util.find_spec("wandb") is None:
        pytest.skip("wandb is not installed; it brings fourteen packages, so no extra names it")
    monkeypatch.setenv("WANDB_SILENT", "true")
    train("wandb")
    assert list((run_folder / "tracking").rglob("*.wandb"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tracking": "tensorbord"}, "tracking = 'tensorbord': choose one of tensorboard, wandb"),
        (
            {"accelerator": "abacus"},
            "accelerator = 'abacus' is no name of Lightning's: choose auto",
        ),
        ({"accelerator": "tpu"}, "accelerator = 'tpu' is not here: choose"),
        ({"strategy": "dpp"}, "strategy = 'dpp': choose one of auto, .*ddp_fork"),
        ({"devices": 0}, "devices = 0: give 1 or more"),
    ],
)
def test_what_lightning_does_not_know_is_named(wrong, said):
    with pytest.raises(UserError, match=said):
        train(**wrong)


def test_a_tracker_that_is_not_installed_says_how_to_get_it(monkeypatch):
    def absent(*_, **__):
        raise ModuleNotFoundError("no")

    monkeypatch.setattr(live, "TensorBoardLogger", absent)
    with pytest.raises(UserError, match=r"not installed: pip install .*\[tracking\]"):
        live.loggers("tensorboard")


BOTH = """
import json, sys, warnings
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")
from sportsml_lite.training import live
from test_live import train
machines = {}, {"devices": 2, "strategy": "ddp_fork"}
curves = [live.curve(train(**machine))["train_loss"].tolist() for machine in machines]
print("found", json.dumps(curves))
"""


@pytest.mark.cluster
def test_two_processes_give_the_loss_of_one(request):
    """Gradients of half a batch each, averaged (gloo), are the gradient of the batch."""
    here = str(request.path.parent)
    done = subprocess.run(
        [sys.executable, "-c", BOTH, here], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "2 processes" in done.stderr
    one, two = json.loads(done.stdout.rpartition("found")[2])
    assert two == pytest.approx(one, rel=1e-5) and one[-1] < one[0]
