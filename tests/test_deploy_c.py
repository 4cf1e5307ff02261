"""What the C of a student answers is what the student answers."""

import ctypes
import itertools
import re
import subprocess
import tempfile
from functools import cache

import numpy as np
import pytest
import torch
from test_deploy_network import a_student

from sportsml_lite.deploy import compiled
from sportsml_lite.deploy.c import FAST, HEADER, SOURCE, c_array, c_files, write_c
from sportsml_lite.deploy.compiled import SMALL, compile_c, footprint, run_compiler
from sportsml_lite.deploy.network import describe
from sportsml_lite.deploy.personal import NEVER, Prior, personal_head
from sportsml_lite.errors import UserError
from sportsml_lite.prepare import fill_windows

needs_compiler = pytest.mark.skipif(
    compiled.compiler() is None, reason="no C compiler: none of cc, gcc, clang is installed"
)
# The swimmers' sizes, a runner's, and odd ones: no multiple of a vector, a stride as long as the
# kernel, no look back at all.
SIZES = {
    "swimming": {"channels": 10, "classes": 5, "width": 16, "samples": 180},
    "runner": {"channels": 2, "classes": 3, "width": 8, "stride": 2},
    "odd": {"channels": 3, "classes": 2, "width": 7, "kernel": 5, "stride": 5},
    "five classes": {"channels": 2, "classes": 5, "width": 6},
    "no past": {"channels": 4, "classes": 3, "width": 5, "kernel": 1, "stride": 1, "samples": 7},
}


QUICK = ("-O1", "-ffp-contract=off")  # to compile; swimmers get the fast flags


def a_prior(classes, width, lacking=False):
    g = np.random.default_rng(3)
    root = g.normal(size=(2 * width, 2 * width)) / width
    means = g.normal(size=(classes, 2 * width)).astype(np.float32)
    if lacking:
        means[-2:] = np.nan  # nobody has shown these; the athlete shows one of them
    return Prior(means, (root @ root.T + np.eye(2 * width)).astype(np.float32), 3.0)


@cache
def made(name, lacking=False):
    """A random student of these sizes, its network, its prior, and its compiled C."""
    student, card = a_student(**SIZES[name])
    network = describe(student, card)
    prior = a_prior(len(card.classes), card.width, lacking)
    with tempfile.TemporaryDirectory() as folder:
        write_c(network, prior, card, folder)
        program = compile_c(folder, network, FAST if name == "swimming" else QUICK)
    return student, network, prior, program


def measured(network, n, samples=None, seed=0):
    """Windows (n, C, T) float32 as a device measures them."""
    channels = network.stem.shape[1]
    g = np.random.default_rng(seed)
    x = g.normal(size=(n, channels, samples or network.samples))
    spread = np.where(network.inverse == 0, 1, network.inverse)
    return (x / spread[:, None] + network.mean[:, None]).astype(np.float32)


def gaps(x, seed=1):
    """The same, with a third missing, the first samples of a channel, and a whole channel."""
    missing = np.random.default_rng(seed).random(x.shape) < 1 / 3
    missing[:, 0, :5] = True
    missing[0, 1] = True
    return np.where(missing, np.float32(np.nan), x)


def close(found, wanted):
    """Within 1e-5 of the largest logit."""
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= 1e-5 * max(1, np.abs(wanted).max())


@needs_compiler
@pytest.mark.parametrize("name", SIZES)
def test_a_window_is_answered_as_pytorch_does(name):
    student, network, _, program = made(name)
    x = measured(network, 20)
    scaled = network.scale(x)
    with torch.no_grad():
        wanted = student(torch.from_numpy(scaled)).numpy()
    logits, features = program.windows(x)
    close(logits, wanted)
    close(logits, network.logits(scaled))
    close(features, network.features(scaled))


@needs_compiler
@pytest.mark.parametrize("name", SIZES)
def test_a_gap_holds_the_last_value_and_at_the_start_the_mean(name):
    _, network, _, program = made(name)
    x = gaps(measured(network, 6))
    filled = fill_windows(x, network.mean)
    assert np.isnan(x).any()
    close(program.windows(x)[0], network.logits(network.scale(filled)))


@needs_compiler
def test_what_is_not_finite_is_a_gap_and_is_forgotten():
    _, network, _, program = made("runner")
    x = measured(network, 1)
    x[0, 1, 20] = np.inf
    held = np.where(np.isinf(x), np.nan, x)
    close(program.windows(x)[0], network.logits(network.scale(fill_windows(held, network.mean))))


def sliding(network, x):
    """Logits (steps, K) of each step of scaled samples (1, C, T), from the states of them all."""
    h = network.states(x)[0]
    head = np.concatenate([network.head_mean, network.head_last], 1)
    rows = [h[:, max(0, i + 1 - network.steps) : i + 1] for i in range(h.shape[1])]
    seen = np.stack([np.concatenate([r.mean(1), r[:, -1]]) for r in rows])
    return seen @ head.T + network.head_bias


@needs_compiler
@pytest.mark.parametrize("name", SIZES)
def test_a_stream_keeps_its_history(name):
    _, network, _, program = made(name)
    x = gaps(measured(network, 1, 7 * network.samples))
    wanted = sliding(network, network.scale(fill_windows(x, network.mean)))
    program.reset()
    close(program.stream(x[0]), wanted)
    program.reset()
    cuts = [0, 1, 2, 17, 40, x.shape[2]]  # as the samples come in
    parts = [program.stream(x[0, :, a:b]) for a, b in itertools.pairwise(cuts)]
    close(np.concatenate(parts), wanted)
    first = network.steps - 1
    close(wanted[first], network.logits(network.scale(fill_windows(x, network.mean))
                                        [..., : network.samples])[0])  # fmt: skip


@needs_compiler
def test_rounding_does_not_grow_with_the_stream():
    _, network, _, program = made("runner")
    x = measured(network, 1, 200 * network.samples)
    x[..., : 100 * network.samples] *= 1e4  # large states, whose remainders would stay behind
    program.reset()
    found = program.stream(x[0])[-1]
    close(found, sliding(network, network.scale(x[..., 100 * network.samples :]))[-1])


@needs_compiler
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("lacking", [True, False])
def test_an_athletes_head_is_that_of_python(masked, lacking):
    _, network, prior, program = made("five classes", lacking)
    x = measured(network, 9)
    features = program.windows(x)[1]
    y = np.array([0, 0, 0, 2, 2, 3, 3, 3, 3])
    weight, bias = program.learn(features, y, masked)
    wanted = personal_head(prior, features, y, masked)
    close(weight, wanted[0])
    close(bias[bias > NEVER], wanted[1][wanted[1] > NEVER])
    assert ((bias == NEVER) == (wanted[1] == NEVER)).all()
    assert (bias == NEVER).any() == (masked or lacking)
    before = program.windows(x)[0]
    program.wear(weight, bias)
    after, _ = program.windows(x)
    close(after[:, bias > NEVER], (features @ weight.T + bias)[:, bias > NEVER])
    assert not np.allclose(before, after)
    program.wear(np.concatenate([network.head_mean, network.head_last], 1), network.head_bias)
    assert np.allclose(program.windows(x)[0], before, atol=1e-4)


@needs_compiler
def test_no_windows_leave_the_population_and_a_wrong_class_leaves_the_head():
    prior, program = made("runner")[2:]
    none = np.zeros((0, 16), np.float32), np.zeros(0, int)
    for masked in (True, False):
        found = program.learn(*none, masked)
        assert np.allclose(found[1], personal_head(prior, *none, masked)[1], rtol=1e-5)
    with pytest.raises(UserError, match="give 0 to 2"):
        program.learn(np.ones((1, 16), np.float32), np.array([3]))
    head = np.full(3 * 17, 7, np.float32)
    y, x = np.array([0, -1], np.int32), np.ones((2, 16), np.float32)
    at = [a.ctypes.data_as(ctypes.c_void_p) for a in (head, x, y)]
    assert program._library.student_learn(at[0], 2, at[1], at[2], 1) != 0
    assert (head == 7).all()


MAIN = """
#include "student.h"
#include <math.h>
#include <stdio.h>

int main(void)
{
    static student_state s;
    static student_head head;
    static float x[STUDENT_SAMPLES][STUDENT_CHANNELS], features[2][STUDENT_FEATURES];
    float logits[STUDENT_CLASSES], sample[STUDENT_CHANNELS];
    int classes[2] = {0, STUDENT_CLASSES - 1}, steps = 0;

    student_init(&s);
    student_features(&s, features[0]);
    for (int t = 0; t < 5 * STUDENT_SAMPLES + 1; t++) {
        for (int c = 0; c < STUDENT_CHANNELS; c++)
            sample[c] = t % 7 == c ? NAN : t % 11 == c ? 3e38f : (float)(t % 13);
        steps += student_push(&s, sample, logits);
    }
    student_window(&s, (const float (*)[STUDENT_CHANNELS])x, logits);
    student_features(&s, features[1]);
    student_learn(&head, 2, (const float (*)[STUDENT_FEATURES])features, classes, 1);
    student_wear(&s, &head);
    student_window(&s, (const float (*)[STUDENT_CHANNELS])x, logits);
    printf("%d steps\\n", steps);
    return 0;
}
"""


@needs_compiler
@pytest.mark.parametrize("name", ["swimming", "odd", "no past"])
def test_it_reads_and_writes_within_its_bounds(name, tmp_path):
    student, card = a_student(**SIZES[name])
    network = describe(student, card)
    write_c(network, a_prior(len(card.classes), card.width), card, tmp_path)
    (tmp_path / "main.c").write_text(MAIN)
    checks = "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O1", "-g"
    program = str(tmp_path / "main")
    try:
        run_compiler(tmp_path, [*checks, "-o", program, str(tmp_path / "main.c")])
    except UserError as error:
        pytest.skip(f"the compiler has no sanitizers: {error}")
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{(5 * card.samples + 1) // card.stride} steps\n"


@needs_compiler
def test_it_fits_into_a_watch(tmp_path):
    student, card = a_student(**SIZES["swimming"])
    network = describe(student, card)
    write_c(network, None, card, tmp_path)
    found = footprint(tmp_path, network)
    depths = sum(depth.bias.numel() for depth in student.depth)  # folded into what follows
    numbers = sum(weight.numel() for weight in student.parameters()) - depths
    assert 4 * numbers <= found.weights <= 12_000
    assert found.state <= 8_000
    assert 0 < found.code <= 4_000
    write_c(network, a_prior(5, 16), card, tmp_path)
    assert footprint(tmp_path, network, SMALL).weights >= found.weights + 4 * (32 * 32 + 5 * 32)


def test_the_files_say_what_they_read_and_ask_for_nothing(tmp_path):
    student, card = a_student(**SIZES["runner"])
    files = c_files(describe(student, card), a_prior(3, 8), card)
    assert all(name in files[HEADER] for name in (*card.channels, *card.classes, card.dataset))
    found = set(re.findall(r"#include (\S+)", "".join(files.values())))
    assert found == {'"student.h"', "<stdint.h>", "<math.h>", "<string.h>"}
    assert not re.search(r"malloc|calloc|printf", "".join(files.values()))
    assert max(len(line) for text in files.values() for line in text.splitlines()) <= 100
    paths = write_c(describe(student, card), None, None, tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert "student_learn" not in (tmp_path / HEADER).read_text()


@needs_compiler
def test_a_name_cannot_leave_its_comment(tmp_path):
    student, card = a_student(**SIZES["runner"])
    named = vars(card) | {
        "channels": ("hr */ int x; /*", "speed\nint y;\\"), "dataset": "mine */\n#error no",
    }  # fmt: skip
    network = describe(student, card)
    write_c(network, None, type(card)(**named), tmp_path)
    assert "int y" in (tmp_path / HEADER).read_text()
    assert not re.search(r"^\s*(int [xy]|#error)", (tmp_path / HEADER).read_text(), re.M)
    compile_c(tmp_path, network, QUICK)


def test_every_digit_of_a_weight_is_kept():
    values = np.random.default_rng(0).normal(size=(3, 50)).astype(np.float32) * np.float32(1e-3)
    words = re.findall(r"[-\d.e]+(?=f)", c_array(values))
    assert np.array_equal(np.array(words, np.float32).reshape(3, 50), values)
    assert c_array(np.array([1, -2], np.int8)) == "{1, -2}"


def test_what_does_not_fit_is_refused(tmp_path, monkeypatch):
    student, card = a_student(**SIZES["runner"])
    network = describe(student, card)
    with pytest.raises(UserError, match=r"a student of width 8 and 3 classes has \(3, 16\)"):
        c_files(network, a_prior(3, 4))
    with pytest.raises(UserError, match="names 3 channels"):
        c_files(network, None, a_student()[1])
    write_c(network, None, card, tmp_path)
    (tmp_path / SOURCE).write_text("int broken;;;\nint f(void) { return x; }\n")
    if compiled.compiler():
        with pytest.raises(UserError, match=r"student\.c: .* refuses it: .*error"):
            compile_c(tmp_path, network)
    monkeypatch.setattr(compiled, "COMPILERS", ("no-such-compiler",))
    with pytest.raises(UserError, match="no C compiler: install one of no-such-compiler"):
        compile_c(tmp_path, network)


@needs_compiler
def test_a_caller_who_gives_other_shapes_is_told():
    program = made("runner")[3]
    with pytest.raises(UserError, match=r"give \(N, 2, 60\)"):
        program.windows(np.zeros((1, 3, 60)))
    with pytest.raises(UserError, match=r"give \(2, T\)"):
        program.stream(np.zeros((3, 60)))
    with pytest.raises(UserError, match="a row a window"):
        program.learn(np.zeros((1, 3)), np.array([0]))
