"""Stage lists that hold together, and none that goes unproven."""

from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.registry import MARKETPLACES
from tests.processing.floor import Pipeline
from tests.processing.pipelines import PIPELINES, every_pipeline


def test_every_marketplace_that_processes_is_proven() -> None:
    processing = [place.code for place in MARKETPLACES if ScheduleTarget.FULL_PROCESSING in place.supported_targets]
    assert sorted(one.code for one in PIPELINES) == sorted(processing)
    assert [place.code for place in MARKETPLACES if place.stages and place.code not in processing] == []


@every_pipeline
def test_each_stage_needs_what_an_earlier_one_produces(pipeline: Pipeline) -> None:
    produced: set[str] = set()
    for stage in pipeline.place.stages:
        assert set(stage.needs) <= produced, stage.code
        produced |= set(stage.produces)


@every_pipeline
def test_a_pipeline_has_one_place_to_drop_at_and_nobody_joins_once_it_closed(pipeline: Pipeline) -> None:
    stages = pipeline.place.stages
    assert len({stage.code for stage in stages}) == len(stages)
    assert stages[0].joins
    assert sum(stage.drops for stage in stages) == 1
    closing = [number for number, stage in enumerate(stages) if stage.closes]
    assert len(closing) <= 1
    behind = stages[closing[0] + 1 :] if closing else ()
    assert [stage.code for stage in behind if stage.joins or stage.drops] == []
