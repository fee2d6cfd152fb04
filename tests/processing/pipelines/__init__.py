"""Every marketplace whose orders can be processed, found by its file in this folder: its `PIPELINE` is proven like all the others."""

import pkgutil
from importlib import import_module

import pytest

from tests.processing.floor import Pipeline

PIPELINES: tuple[Pipeline, ...] = tuple(
    import_module(f"{__name__}.{found.name}").PIPELINE for found in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name)
)

every_pipeline = pytest.mark.parametrize("pipeline", PIPELINES, ids=[one.code for one in PIPELINES])
every_stage = pytest.mark.parametrize(
    ("pipeline", "position"),
    [
        pytest.param(one, position, id=f"{one.code}-{position}-{stage.code}")
        for one in PIPELINES
        for position, stage in enumerate(one.place.stages, start=1)
    ],
)
# The first of each pipeline in every run of the tests, the others in the long proofs.
every_changing_call = pytest.mark.parametrize(
    ("pipeline", "operation"),
    [
        pytest.param(one, operation, id=f"{one.code}-{operation}", marks=[pytest.mark.soak] if later else [])
        for one in PIPELINES
        for later, operation in enumerate(one.lost)
    ],
)
