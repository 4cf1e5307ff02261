"""A student in whole numbers: the C has the bits of the reference, the reference is near."""

from dataclasses import replace

import numpy as np
import pytest
from test_deploy_c import QUICK, SIZES, a_prior, gaps, measured, needs_compiler
from test_deploy_network import a_student

from sportsml_lite.deploy.c import FAST, write_c
from sportsml_lite.deploy.compiled import EXACT, compile_c, footprint
from sportsml_lite.deploy.int8 import quantise, whole, whole_state
from sportsml_lite.deploy.network import describe
from sportsml_lite.deploy.personal import personal_head
from sportsml_lite.errors import UserError
from sportsml_lite.prepare import fill_windows


def made(name, reach=1.0):
    student, card = a_student(**SIZES[name])
    network = describe(student, card)
    return card, network, quantise(network, reach * network.scale(measured(network, 30, seed=5)))


@needs_compiler
@pytest.mark.parametrize(
    ("name", "reach"),
    [*((name, 1.0) for name in SIZES), ("runner", 0.3)],  # numbers are cut off, too
)
def test_the_c_has_the_bits_of_the_reference(name, reach, tmp_path):
    card, network, int8 = made(name, reach)
    write_c(network, None, card, tmp_path, int8)
    program = compile_c(tmp_path, network, EXACT if name == "swimming" else QUICK)
    x = gaps(measured(network, 8))
    scaled = network.scale(fill_windows(x, network.mean))
    logits, features = program.windows(x)
    assert np.array_equal(logits, int8.logits(scaled))
    assert np.array_equal(features, int8.features(scaled))
    program.reset()
    assert np.array_equal(program.stream(x[0])[-1], logits[0])


@needs_compiler
def test_a_stream_keeps_its_history(tmp_path):
    card, network, int8 = made("runner")
    write_c(network, None, card, tmp_path, int8)
    program = compile_c(tmp_path, network, QUICK)
    x = measured(network, 1, 10 * network.samples)
    program.reset()
    found = program.stream(x[0])
    h = int8.states(network.scale(x))[0]
    total = whole_state(h * int8.per_state[:, None]).astype(np.int32)[:, -network.steps :].sum(1)
    mean = total.astype(np.float32) * int8.state_unit / network.steps
    wanted = network.head_mean @ mean + network.head_last @ h[:, -1] + network.head_bias
    assert np.allclose(found[-1], wanted, atol=1e-5 * np.abs(wanted).max())


@needs_compiler
def test_fused_operations_move_the_answer_by_a_rounding_at_most(tmp_path):
    card, network, int8 = made("runner")
    write_c(network, None, card, tmp_path, int8)
    x = measured(network, 30)
    wanted = int8.logits(network.scale(x))
    found = compile_c(tmp_path, network, FAST).windows(x)[0]
    assert np.abs(found - wanted).max() < 0.01 * np.abs(wanted).max()


@pytest.mark.parametrize("name", ["swimming", "runner"])
def test_whole_numbers_answer_as_the_network_does(name):
    _, network, int8 = made(name)
    x = network.scale(measured(network, 300, seed=7))
    wanted, found = network.logits(x), int8.logits(x)
    sure = np.sort(wanted, 1)
    sure = sure[:, -1] - sure[:, -2] > 0.05 * wanted.std()
    assert sure.mean() > 0.8
    assert (found.argmax(1) == wanted.argmax(1))[sure].mean() > 0.99
    assert np.abs(found - wanted).max() < 0.2 * wanted.std()


def test_a_scale_for_each_channel_keeps_a_quiet_one():
    _, network, _ = made("runner")
    x = network.scale(measured(network, 40))
    x[:, 0] *= 100  # one channel moves a hundred times as much as the other
    loud = replace(network, stem=network.stem * np.array([0.01, 1], np.float32)[:, None])
    found, wanted = quantise(loud, x).logits(x), loud.logits(x)
    assert np.abs(found - wanted).max() < 0.1 * wanted.std()


def test_rounding_is_to_the_nearest_and_ends_at_the_largest():
    x = np.array([-200, -0.5, -0.4, 0, 0.4, 0.5, 1.5, 126.6, 200], np.float32)
    assert whole(x).tolist() == [-127, -1, 0, 0, 0, 1, 2, 127, 127]
    assert whole_state(np.maximum(x, 0)).tolist() == [0, 0, 0, 0, 0, 1, 2, 127, 200]
    assert whole_state(np.array([254.6, 300], np.float32)).tolist() == [255, 255]


@needs_compiler
def test_an_athletes_head_is_learnt_from_its_own_features(tmp_path):
    card, network, int8 = made("swimming")
    prior = a_prior(5, 16)
    write_c(network, prior, card, tmp_path, int8)
    program = compile_c(tmp_path, network, QUICK)
    features, y = program.windows(measured(network, 6))[1], np.array([0, 0, 1, 2, 3, 4])
    for found, wanted in zip(program.learn(features, y), personal_head(prior, features, y),
                             strict=True):  # fmt: skip
        assert np.allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())


@needs_compiler
def test_it_takes_less_room(tmp_path):
    card, network, int8 = made("swimming")
    write_c(network, None, card, tmp_path, int8)
    found = footprint(tmp_path, network)
    assert found.weights <= 5_000
    assert found.state <= 2_200


def test_what_does_not_fit_is_refused():
    _, network, _ = made("runner")
    x = np.zeros((0, 2, 60), np.float32)
    with pytest.raises(UserError, match="at least one window"):
        quantise(network, x)
    with pytest.raises(UserError, match="without gaps"):
        quantise(network, np.full((1, 2, 60), np.nan, np.float32))


def test_a_channel_that_is_never_read_or_a_state_that_is_never_woken_is_no_division_by_0():
    _, network, _ = made("runner")
    quiet = replace(network, stem_bias=np.full(8, -1, np.float32))
    int8 = quantise(quiet, np.zeros((2, 2, 60), np.float32))
    assert np.isfinite(int8.logits(np.ones((1, 2, 60), np.float32))).all()


def test_every_bit_is_used():
    _, network, _ = made("runner")
    x = network.scale(measured(network, 30, seed=5))
    int8 = quantise(network, x)
    stem = replace(network, blocks=()).states(x)
    read = np.abs(x).max((0, 2)) > 0
    assert np.allclose((np.abs(x).max((0, 2)) * int8.per_sample)[read], 127)
    assert np.allclose(stem.max((0, 2)) * int8.blocks[0].per_state, 255)
    assert np.allclose(network.states(x).max((0, 2)) * int8.per_state, 255)
    for weights in (int8.stem, int8.blocks[1].depth, int8.blocks[2].point):
        assert (np.abs(weights.reshape(len(weights), -1)).max(1) == 127).all()
