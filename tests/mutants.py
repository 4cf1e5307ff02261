"""Plant a fault in a copy of the package, run the tests that should see it, and print who survives.

``python tests/mutants.py`` plants all of them, ``python tests/mutants.py schedule margin`` those
whose names hold one of the words. A fault that every test overlooks is a test that is missing.
Tests that fail without any fault are named in the end: what they "find" is no find.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
from hypothesis import Phase

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("sportsml_lite", "tests", "conftest.py", "pyproject.toml", "_config.yml")
LIMIT_S = 300
CAUGHT = "caught"
SLOW_IMPORTS = ("lightning", "pandas", "sklearn.ensemble", "scipy.stats", "filelock")


@dataclass(frozen=True)
class Mutant:
    """One fault: ``old`` stands once in ``file`` and becomes ``new``; ``tests`` should see it.

    tests : names of test files without ``test_``; a word after a colon chooses tests as ``-k`` does
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def _of(file: str, *faults: tuple) -> list[Mutant]:
    return [Mutant(name, file, old, new, tests) for name, old, new, *tests in faults]


MUTANTS = [
    # The nine that no test saw when this was first tried.
    *_of(
        "evaluate/verdicts.py",
        ("compare is unpaired",
         "(candidate - reference) *", "(candidate - reference.to_numpy()[::-1]) *",
         "wiring:compared", "verdicts:paired"),
    ),
    *_of(
        "training/trainer.py",
        ("class weights are not passed to the loss",
         "self.loss(outputs, y, soft, self.data.weight)", "self.loss(outputs, y, soft, None)",
         "wiring"),
        ("the schedule is not applied",
         'return [optimizer], [{"scheduler": schedule, "interval": "step"}]', "return optimizer",
         "wiring"),
        ("gradients are not clipped",
         "gradient_clip_val=config.clip", "gradient_clip_val=None", "wiring"),
    ),
    *_of(
        "baselines/windows.py",
        ("boosted trees train without class weights",
         "        _weights(train, train.y),\n        X_val", "        None,\n        X_val",
         "wiring"),
    ),
    *_of(
        "protocol/rules.py",
        ("margin of harm 0.02 becomes 0.05",
         'Margin("macro_f1", "1", "higher", 0.01, 0.02,',
         'Margin("macro_f1", "1", "higher", 0.01, 0.05,', "protocol"),
        ("more beats of error are better",
         'Margin("hr_bpm", "bpm", "lower"', 'Margin("hr_bpm", "bpm", "higher"', "protocol"),
    ),
    *_of(
        "protocol/splits.py",
        ("15 instead of 15 in 85 per cent of a fold validate",
         "share = PROTOCOL.validation / (PROTOCOL.train + PROTOCOL.validation)",
         "share = PROTOCOL.validation", "protocol"),
    ),
    *_of(
        "simulate/blocks.py",
        ("strain of men and women swapped",
         'np.where(man, effect.STRAIN["m"], effect.STRAIN["f"])',
         'np.where(man, effect.STRAIN["f"], effect.STRAIN["m"])', "simulate:strained"),
    ),
    # Recommending.
    *_of(
        "recommend/limits.py",
        ("a session may be 1.20 times the longest",
         '"none": Limits(cap=1.10', '"none": Limits(cap=1.20', "rules", "candidates"),
        ("who comes back from an injury has the cap of the healthy",
         "cap=1.07", "cap=1.10", "rules", "candidates"),
        ("hard minutes are no faster",
         "float(60 * by_zone @ share / share[:2].mean())", "float(60 * by_zone.sum())", "rules"),
    ),
    *_of(
        "recommend/rules.py",
        ("the cap lets a minute more pass",
         "if longest.minutes > cap:", "if longest.minutes > cap + 1:", "rules"),
        ("Sunday and Monday do not follow each other",
         "(after.day - before.day) % 7 <= 1", "abs(after.day - before.day) <= 1", "rules"),
    ),
    *_of(
        "recommend/layout.py",
        ("after Sunday any Monday is fine",
         "after = {(d + 1) % 7 for d in hard}", "after = {d + 1 for d in hard}", "candidates"),
        ("a small cap is rounded away",
         "if minutes > most - 2.5 and most < FULL_MIN:", "if False:", "candidates"),
    ),
    *_of(
        "recommend/rehabilitation.py",
        ("the longest session counts for five weeks", "MONTH = 4 ", "MONTH = 5 ",
         "rehabilitation"),
    ),
    *_of(
        "recommend/squad.py",
        ("the plan for the least is that for the sum",
         "min(each.values.values())", "sum(each.values.values())", "squad"),
        ("alone means without the weeks of the squad",
         "own[name] = max(own[name], best, key=lambda pair: pair[1])", "pass", "squad"),
    ),
    # Losses.
    *_of(
        "losses.py",
        ("tau instead of its square", "alpha * tau**2 * soft", "alpha * tau * soft", "losses"),
        ("a gradient flows into the teacher",
         "-(soften(teacher.detach(), tau) * log_student)", "-(soften(teacher, tau) * log_student)",
         "losses"),
        ("cross-entropy forgets the weights",
         "F.cross_entropy(outputs, y, weight)", "F.cross_entropy(outputs, y)", "losses", "wiring"),
        ("alpha and 1 - alpha swapped in the mixed target",
         "return alpha * teacher + (1 - alpha) * y", "return alpha * y + (1 - alpha) * teacher",
         "losses"),
    ),
    # Training.
    *_of(
        "training/trainer.py",
        ("the last weights are kept, not the best",
         'monitor="val_loss", save_weights_only', "save_weights_only",
         "training:keeps_the_best"),
        ("patience is three times as long",
         "patience=config.patience)", "patience=3 * config.patience)",
         "training:stops_early"),
        ("the best epoch is chosen without class weights",
         "losses.hard_loss(outputs, part.y, self.data.weight)",
         "losses.hard_loss(outputs, part.y, None)", "wiring"),
        ("no window is ever mirrored",
         "X = X * self.data.signs[turn][:, :, None]", "X = X * 1",
         "training_windows:symmetr"),
        ("a batch repeats its rows", "self.left = self.left[: self.size], self.left[self.size :]",
         "self.left = self.left[: self.size], self.left[self.size - 1 :]",
         "training:every_row"),
    ),
    *_of(
        "training/config.py",
        ("the rate never falls", "return 0.5 * (1 + math.cos(", "return 1 + 0 * (1 + math.cos(",
         "training_windows:rate_rises"),
    ),
    *_of(
        "training/together.py",
        ("side by side, the schedule is not applied",
         "config.rate * config.factor(self.step)", "config.rate", "training_students:alone"),
        ("side by side, gradients are not clipped",
         "        if config.clip:", "        if config.clip is False:", "training_students:alone"),
        ("side by side, class weights are not passed to the loss",
         "y, soft, self.ask.data.weight)", "y, soft, None)", "training_students:alone"),
    ),
    *_of(
        "training/cache.py",
        ("the cache does not know the seed", "repr((seed, config, loss,", "repr((config, loss,",
         "training_windows:whatever"),
        ("the cache does not know the class weights",
         "[soft, data.signs, data.weight, *model", "[soft, data.signs, *model",
         "training_windows:whatever"),
    ),
    *_of(
        "training/folds.py",
        ("the scale is learned from all athletes",
         'fit_scaler(parts["train"].X)', "fit_scaler(windows.X)", "folds:decide_the_scale"),
        ("athletes without labels keep theirs",
         "without_labels(train, ~known) if unlabelled", "train if unlabelled", "folds:stay_or_go"),
        ("class weights are squared",
         "weight[present] = count.sum() / (present.sum() * count[present])",
         "weight[present] = (count.sum() / (present.sum() * count[present])) ** 2",
         "folds:weights"),
    ),
    *_of(
        "training/networks.py",
        ("a class that training lacks is answered",
         "outputs[:, absent] = -torch.inf", "outputs[:, absent] += 0", "wiring:never_showed"),
        ("the networks of a teacher are all the same",
         "for s in seeds]", "for s in [seeds[0]] * len(seeds)]", "folds:teacher"),
    ),
    # Verdicts and metrics.
    *_of(
        "evaluate/verdicts.py",
        ("a larger error is a gain", "(-1 if metric in ERRORS else 1)", "1", "verdicts:error"),
        ("harm is judged by the smallest effect",
         "harmed=int((own < -rule.harm)", "harmed=int((own < -rule.smallest_effect)",
         "verdicts:harmed"),
        ("athletes of one model count as independent",
         '"models": _clustered(pull, model) if models > 1 else 0.0', '"models": 0.0',
         "verdicts:fold_effect"),
        ("Holm corrects nothing",
         "(1 - level) / (len(order) - rank)", "(1 - level)", "verdicts:holm"),
        ("a hair is called better",
         'if gain.low > 0 and gain.estimate >= rule.smallest_effect:', "if gain.low > 0:",
         "verdicts:claims"),
    ),
    *_of(
        "evaluate/metrics.py",
        ("macro-F1 counts classes that the truth never shows",
         "f1.sum(-1, where=true > 0) / (true > 0).sum(-1)",
         "f1.sum(-1) / (true + predicted > 0).sum(-1)", "evaluate:sums_give"),
    ),
    # Protocol.
    *_of(
        "protocol/fewshot.py",
        ("the latest rows calibrate",
         "rank = groups.cumcount() + 1", "rank = groups.cumcount(ascending=False) + 1",
         "protocol:earliest"),
        ("no gap before the test",
         'rows["start"] >= before + gap_s', 'rows["start"] >= before', "protocol:gap"),
        ("windows keep no gap", "PROTOCOL.gap_windows * length", "0 * length",
         "protocol:windows_count"),
        ("an athlete with one rare class remains",
         'transform("min").where(tested', 'transform("max").where(tested', "protocol:every_class"),
    ),
    *_of(
        "protocol/splits.py",
        ("who stands where depends on the order of rows",
         "    return sorted(names, key=", "    return list(names) or sorted(names, key=",
         "protocol:partition"),
    ),
    # Physiology and simulation.
    *_of(
        "intensity.py",
        ("fitness and fatigue swapped", "= 42.0, 7.0", "= 7.0, 42.0",
         "simulate:banister"),
        ("women weigh as men do", '"f": (0.86, 1.67)', '"f": (0.64, 1.67)', "prepare:banister"),
        ("220 - age", "return 211 - 0.64 * age_y", "return 220 - age_y", "simulate:nes"),
    ),
    *_of(
        "simulate/effect.py",
        ("less noise than is said", "NOISE_SD = 0.3", "NOISE_SD = 0.2", "simulate:noise"),
        ("today's load makes today fit",
         "out[:, today] = g, h, before / weight, w\n        done = ~np.isnan(w)\n"
         "        w = np.where(done, w, 0)\n"
         "        g, h = g * slow + w * (1 - slow), h * quick + w * (1 - quick)",
         "done = ~np.isnan(w)\n        w = np.where(done, w, 0)\n"
         "        g, h = g * slow + w * (1 - slow), h * quick + w * (1 - quick)\n"
         "        out[:, today] = g, h, before / weight, np.where(done, w, np.nan)",
         "simulate:banister or tomorrow"),
    ),
    *_of(
        "simulate/adaptation.py",
        ("fatigue weighs the same however much there is", "(h**3 - 1) / (3 *", "(h - 1) / (1 *",
         "adaptation:best"),
        ("today's training counts twice", "keep * out[today] + (1 - keep) * w",
         "keep * out[today] + w", "adaptation:hand"),
    ),
    *_of(
        "simulate/periods.py",
        ("the last day before a test is trained", "& (day + 1 != test).all(axis=2)", "",
         "periods:side_by_side"),
        ("the laboratory makes no error", "1 + error_pct / 100 *", "1 + 0 *",
         "periods:laboratory"),
    ),
    # Preparing.
    *_of(
        "prepare/history.py",
        ("a session sees itself",
         'known = np.minimum(known, np.searchsorted(key, base + end, side="left"))', "",
         "prepare:looking_back"),
        ("a session sees those that have not ended",
         'known = np.searchsorted(key, base + start, side="right")',
         'known = np.searchsorted(key, base + end, side="right")', "prepare:looking_back"),
    ),
    *_of(
        "prepare/impute.py",
        ("the mean is that of the recording to be filled",
         "{c: np.full(len(streams), m) for c, m in self.means.items()}",
         "{c: np.full(len(streams), streams[c].mean()) for c in self.means}",
         "prepare:knows_if"),
        ("interpolation is called causal",
         "    causal: ClassVar[bool] = False", "    causal: ClassVar[bool] = True",
         "prepare:knows_if"),
    ),
    *_of(
        "studies/prepare.py",
        ("the imputer is fitted on the test athletes too",
         "prepare.fit_imputer(method, train, channels, seed)",
         "prepare.fit_imputer(method, data.streams, channels, seed)", "studies_prepare"),
        ("the scaler of every arm sees test athletes",
         "prepare.fit_scaler(X[learned | asked if arm.peek else learned])",
         "prepare.fit_scaler(X)", "studies_prepare"),
    ),
    *_of(
        "prepare/windows.py",
        ("the label is that of the first second",
         "return each[rows[:, -1]]", "return each[rows[:, 0]]", "prepare:majority_or_last"),
        ("a gap is filled by what comes later",
         "np.maximum.accumulate(np.where(known, np.arange(X.shape[2]), -1), axis=2)",
         "np.maximum.accumulate(np.where(known, np.arange(X.shape[2]), -1), axis=2)[..., ::-1]",
         "folds:held"),
    ),
    *_of(
        "prepare/tasks/seconds.py",
        ("the minute ahead holds the window's last second",
         "n = count[stop] - count[row + 1]\n    mean = (total[stop] - total[row + 1])",
         "n = count[stop] - count[row]\n    mean = (total[stop] - total[row])", "tasks:sixty"),
        ("a slope begins in another recording",
         "inside = (source >= begin) & (source < end)", "inside = source >= 0", "tasks:grade"),
    ),
    *_of(
        "prepare/tasks/motion.py",
        ("a window bridges a jump", ".between(0.5, 1.5)", ".between(0.5, 1500)", "tasks:jump"),
        ("the mirror turns the wrong axis",
         "(-1, 1, 1, 1, -1, -1)", "(-1, 1, 1, -1, -1, 1)", "tasks:sign_row"),
    ),
    *_of(
        "prepare/load.py",
        ("a pause counts as training", "_LONGEST_S = 10.0", "_LONGEST_S = 1000.0", "prepare:pause"),
    ),
    # Collecting.
    *_of(
        "collect/datasets/actes.py",
        ("a missed beat stays", "MISSED, EXTRA = 1.8, 0.55", "MISSED, EXTRA = 2.8, 0.55",
         "public:missed"),
        ("the heart rate waits for later beats",
         "rolling(RECENT, min_periods=3)", "rolling(RECENT, center=True, min_periods=3)",
         "public:earlier"),
    ),
    # Baselines and networks.
    *_of(
        "baselines/sessions.py",
        ("the worst strength of the ridge is chosen",
         "models[int(np.argmin(errors))]", "models[int(np.argmax(errors))]",
         "baselines:ridge_strength"),
    ),
    *_of(
        "baselines/kernels.py",
        ("one file for all windows",
         "in (self.train.X, self.signs, windows.X)", "in (self.train.X, self.signs)",
         "kernels:files_of_their_own"),
    ),
    *_of(
        "training/augment.py",
        ("a sensor is turned as it is scaled",
         "change = change * factor / factor[:, None]", "change = change * 1.0",
         "augment:sits_on_the_wrist"),
    ),
    *_of(
        "teachers.py",
        ("the worst candidate teaches",
         "max((self.fit(kind) for kind in kinds)", "min((self.fit(kind) for kind in kinds)",
         "teachers:chosen_one"),
    ),
    *_of(
        "models.py",
        ("the student looks ahead",
         "depth(nn.functional.pad(x, (reach, 0)))",
         "depth(nn.functional.pad(x, (reach - 1, 1)))", "models:ahead"),
    ),
    # Personal models.
    *_of(
        "transfer/shrink.py",
        ("a prior worth more with every window",
         "n / (n + kappa) * (means - prior)", "kappa / (n + kappa) * (means - prior)",
         "transfer:shrink"),
    ),
    *_of(
        "studies/transfer.py",
        ("settings are chosen on the athletes that test",
         "setting(arm, student, validation, known)", "setting(arm, student, exams[False], known)",
         "wiring:settings"),
    ),
    # Studies.
    *_of(
        "studies/runner.py",
        ("all folds share one seed",
         "options.seed + 100 * partition + fold)", "options.seed)", "studies:tested_once"),
    ),
    *_of(
        "prepare/periods.py",
        ("a feature knows the test after the period",
         '"last_change": _at(rows, change.shift(1, axis=1))', '"last_change": _at(rows, change)',
         "periods_table"),
        ("the running of the month before stands for the month's own",
         'done["period"] = done["month"] - 1', 'done["period"] = done["month"]', "periods_table"),
    ),
    *_of(
        "studies/outcome.py",
        ("neighbouring changes are multiplied across a gap",
         '.where(own["period"] - before["period"] == 1)', "", "studies_outcome:hand"),
        ("the tested rider chooses the ridge's penalty",
         "X, y = np.concatenate([train.X, validation.X]), np.concatenate([train.y, validation.y])",
         "X, y = np.concatenate([train.X, test.X]), np.concatenate([train.y, test.y])",
         "studies_outcome:laboratory"),
    ),
    *_of(
        "evaluate/power.py",
        ("the left-out athlete is not left out", "(own.sum(axis=1, keepdims=True) - own) / rows",
         "own.sum(axis=1, keepdims=True) / (rows + periods)", "power:fast_sums"),
    ),
    # Plans that others would have given, and a model that cannot be identified.
    *_of(
        "simulate/impulse.py",
        ("an impulse does not fade on its first day",
         "lfilter([keep], [1.0, -keep]", "lfilter([1.0], [1.0, -keep]", "impulse:faded"),
    ),
    *_of(
        "recommend/banister.py",
        ("an impulse fit may call fatigue good",
         "inside = regular & (k1 >= 0) & (k2 >= 0)", "inside = regular", "banister:bounded_least"),
        ("an impulse fit that cannot move is returned",
         "if squares.min() >= (1 - 1e-12)", "if squares.min() >= 2", "banister:no_time_constant"),
        ("a profile is that of the other time constant",
         "squares.min(1 - axis)", "squares.min(axis)", "banister:profile_is"),
    ),
    *_of(
        "recommend/profiles.py",
        ("an interval towards a bound counts as closed",
         "if first > 0 else 0.0", "if first > 0 else float(tau_d[0])", "banister:interval_ends"),
    ),
    *_of(
        "recommend/offpolicy.py",
        ("off-policy intervals count decisions",
         "own = np.bincount(code, weights=terms) / count",
         "own, people = terms, len(terms)", "offpolicy:counts_once"),
        ("doubly robust adds the reward without the model's answer",
         "w * (reward - model[", "w * (reward - 0 * model[", "offpolicy:either_is"),
        ("off-policy weights are upside down",
         "target[np.arange(n), log.action] / np", "1 / target[np.arange(n), log.action] * np",
         "offpolicy:unbiased"),
        ("the model of a row has met its athlete",
         "np.asarray(fit(~rows)(rows), float)", "np.asarray(fit(rows)(rows), float)",
         "offpolicy:met_its", "studies_offpolicy:regression_never"),
    ),
    *_of(
        "simulate/assignment.py",
        ("a logged chance is not that of the draw",
         "odds = np.exp(STRENGTH * opinion[:, None] * rank)",
         "odds = np.exp(STRENGTH * opinion[:, None] * rank) if assignment != 'seen' else "
         "np.exp(-STRENGTH * opinion[:, None] * rank)", "assignment:thought"),
    ),
    *_of(
        "studies/offpolicy.py",
        ("estimated propensities are the coach's own",
         '"estimated": np.maximum(own, LEAST)',
         '"estimated": logged["propensity"].to_numpy()', "studies_offpolicy:hidden"),
    ),
    *_of(
        "studies/banister.py",
        ("a fit knows a later test",
         "values = tests[design.days]\n    if arm.kind",
         "values = tests.iloc[1 : len(design.days) + 1]\n    if arm.kind",
         "studies_banister:later_tests"),
    ),
    *_of(
        "recommend/judged.py",
        ("weeks that are not there may be chosen",
         "return there / there.sum(axis=2, keepdims=True)", "return np.full(there.shape, 1 / there."
         "shape[2])", "judged:by_hand"),
    ),
]  # fmt: skip


@contextmanager
def planted(home: Path, mutant: Mutant) -> Iterator[bool]:
    """The fault in the copy below ``home``, and out again; False where its text is not there."""
    path = home / "sportsml_lite" / mutant.file
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if text.count(mutant.old) != 1:
        yield False
        return
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        yield True
    finally:
        path.write_text(text, encoding="utf-8")


def fate(home: Path, mutant: Mutant) -> str:
    """What became of a fault: caught, survived, or neither can be said."""
    with planted(home, mutant) as there:
        if not there:
            return "does not apply: its text is gone"
        ends = {_passes(home, *_arguments(test)) for test in mutant.tests}
    return CAUGHT if False in ends else "no answer in time" if None in ends else "SURVIVES"


def _arguments(test: str) -> list[str]:
    name, _, words = test.partition(":")
    return [f"tests/test_{name}.py", *(["-k", words] if words else [])]


def _passes(home: Path, *arguments: str) -> bool | None:
    # A fork has the libraries at hand; the package itself it imports from the copy.
    child = multiprocessing.get_context("fork").Process(target=_run, args=(home, arguments))
    child.start()
    child.join(LIMIT_S)
    if child.is_alive():
        child.kill()
        child.join()
        return None
    if child.exitcode == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise SystemExit(f"no test is called {' '.join(arguments)}")
    return child.exitcode == 0


def _run(home: Path, arguments: tuple[str, ...]) -> None:
    os.chdir(home)
    sys.path.insert(0, str(home))
    sys.dont_write_bytecode = True
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    # One example that fails is enough: it need not be the simplest.
    hypothesis.settings.register_profile("planted", phases=[Phase.explicit, Phase.generate])
    hypothesis.settings.load_profile("planted")
    os._exit(pytest.main(["-o", "addopts=", "-p", "no:cacheprovider", "-xq", *arguments]))


def main(words: list[str]) -> int:
    """Plant every fault whose name holds one of ``words``; return how many survive."""
    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    survivors, used = [], set()
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in SLOW_IMPORTS:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "notebooks").mkdir()
        for name in COPIED:
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, home / name)
        for mutant in chosen:
            found = fate(home, mutant)
            print(f"{found:<8} {mutant.file}: {mutant.name}", flush=True)
            used |= set(mutant.tests)
            if found != CAUGHT:
                survivors.append(mutant)
        for test in sorted(used):
            if _passes(home, *_arguments(test)) is False:
                print(f"fails without any fault: {test}", flush=True)
    print(f"\n{len(chosen)} faults, {len(survivors)} not caught")
    return len(survivors)


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
