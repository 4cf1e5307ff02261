"""Many students side by side: each does what it would do alone."""

import pytest
import torch
from torch.nn import functional as F

from sportsml_lite.models import Student
from sportsml_lite.training.students import Seen, gradient, outputs

# pytest undoes the filter that the package sets when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec")


def stack(models):
    return {n: torch.stack([m.get_parameter(n).detach() for m in models])
            for n, _ in models[0].named_parameters()}  # fmt: skip


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("samples", [6, 24, 60])  # at 6 some taps see before the window only
def test_outputs_and_gradient_are_autograds(samples, padded):
    torch.manual_seed(0)
    models = [Student(3, 4, 8, kernel=5, stride=2).double() for _ in range(3)]
    for model in models:  # as they come, norms scale by 1 and shift by 0
        for norm in model.norms:
            torch.nn.init.normal_(norm.scale)
            torch.nn.init.normal_(norm.shift)
    X = torch.randn(3, 7, 3, samples, dtype=torch.float64)
    ahead = torch.randint(0, samples - 1, (3, 7, 1))
    mask = torch.arange(samples) >= ahead if padded else None
    aim = torch.randn(3, 7, 4, dtype=torch.float64)
    weights, seen = stack(models), Seen.of(models[0], X, mask)

    def slope(z):
        return (z - aim).square().sum((1, 2)), 2 * (z - aim)

    losses, found = gradient(weights, seen, slope)
    assert set(found) == set(weights)
    for s, model in enumerate(models):
        z = model(X[s], None if mask is None else mask[s])
        torch.testing.assert_close(outputs(weights, seen)[s], z.detach(), rtol=0, atol=1e-12)
        loss = F.mse_loss(z, aim[s], reduction="sum")
        loss.backward()
        torch.testing.assert_close(losses[s], loss.detach())
        for name, p in model.named_parameters():
            torch.testing.assert_close(found[name][s], p.grad, rtol=1e-10, atol=1e-10)


def test_only_what_moves_has_a_gradient():
    torch.manual_seed(0)
    model = Student(3, 4, 8, kernel=5, stride=2)
    weights, seen = stack([model]), Seen.of(model, torch.randn(1, 7, 3, 24))

    def slope(z):
        return z.square().sum((1, 2)), 2 * z

    every = gradient(weights, seen, slope)[1]
    for names in (["head.bias"], ["norms.1.scale", "head.weight"], ["stem.weight"]):
        found = gradient(weights, seen, slope, names)[1]
        assert set(found) == set(names)
        for name in names:
            assert torch.equal(found[name], every[name])
