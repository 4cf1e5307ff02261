"""Simulated athletes, their training over months, and what their watches record."""

from sportsml_lite.simulate.effect import GENERATORS, noise_floor
from sportsml_lite.simulate.example import example_run, export_fit
from sportsml_lite.simulate.simulation import ARMS, Simulation, simulate

__all__ = [
    "ARMS",
    "GENERATORS",
    "Simulation",
    "example_run",
    "export_fit",
    "noise_floor",
    "simulate",
]
