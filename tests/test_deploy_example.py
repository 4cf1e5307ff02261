"""The lesson's live example: whose windows, and what the guided run holds."""

from dataclasses import replace

import numpy as np
import pytest
from test_deploy_network import a_student

from sportsml_lite.deploy import example
from sportsml_lite.deploy.network import describe
from sportsml_lite.deploy.people import Demonstration, Person, Recording, Scale
from sportsml_lite.errors import UserError
from sportsml_lite.intensity import DOMAINS


@pytest.fixture
def demo():
    """Three athletes with a recording of 100 samples, two channels, two windows each."""
    student, card = a_student(channels=2, classes=3, samples=60)
    card = replace(card, classes=DOMAINS, rate_hz=1.0)
    scale = Scale(np.zeros(2), np.array([0.01, 0.01]))
    people = tuple(
        Person(name, "", 30.0, (Recording(
            "r", 0.0, np.full((2, 100), code, np.uint16), np.array([0, 40]), np.array(y)
        ),))
        for name, code, y in (("a", 100, [0, 0]), ("b", 200, [0, 2]), ("c", 300, [0, 0]))
    )  # fmt: skip
    return Demonstration(describe(student, card), card, None, people, scale, None)


def test_windows_are_those_of_the_people_who_are_asked_for(demo):
    fitted = example.measured_windows(demo, demo.people[:1])
    others = example.measured_windows(demo, demo.people[1:])
    assert fitted.shape == (2, 2, 60)
    assert (len(others), np.unique(fitted).tolist()) == (4, [1.0])
    assert np.allclose(np.unique(others), [2.0, 3.0])


def test_a_guided_run_is_the_middle_athletes_from_the_first_known_domain_on(demo):
    run = example.guided_run(demo)
    assert np.allclose(run["heart"], 2.0)
    assert run["t_s"][0] == 59
    assert run["t_s"][-1] == 98
    nearer = np.where(run["t_s"] < 79, 0, 2)  # windows end with the samples of 59 and 99 s
    assert (run["truth"] == nearer).all()
    assert np.allclose(run["probability"].sum(1), 1)
    assert set(run["said"]) <= {"", "hold", "ease", "stop"}


def test_classes_that_are_no_domains_are_refused(demo):
    with pytest.raises(UserError, match="domains of intensity"):
        example.guided_run(replace(demo, card=replace(demo.card, classes=("a", "b", "c"))))
