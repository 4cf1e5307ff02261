"""Simulated athletes, their training over months, and what their watches record."""

from sportsml_lite.simulate.effect import GENERATORS, noise_floor
from sportsml_lite.simulate.example import example_run
from sportsml_lite.simulate.simulation import Simulation, simulate

__all__ = [
    "GENERATORS",
    "Simulation",
    "example_run",
    "noise_floor",
    "simulate",
]
