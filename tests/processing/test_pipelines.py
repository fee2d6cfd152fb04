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
def test_a_pipeline_drops_in_one_place_and_closes_in_one_at_most(pipeline: Pipeline) -> None:
    stages = pipeline.place.stages
    assert len({stage.code for stage in stages}) == len(stages)
    assert stages[0].joins
    assert sum(stage.drops for stage in stages) == 1
    assert sum(stage.closes for stage in stages) <= 1
