"""M_0 has the seed alone, so it can be trained longer than those that have more."""

from humpback.config import Config
from humpback.method.plan import plan
from humpback.runs.status import recipes


def trainings(settings, **forward):
    config = Config.model_validate(settings | {"forward": forward})
    return {stage.name: stage for stage in plan(config, "base") if stage.name.startswith("forward")}


def test_m_0_takes_its_own_passes_and_the_others_theirs(settings):
    stages = trainings(settings, epochs=1, seed_epochs=3)
    assert [stage.settings["forward.epochs"] for stage in stages.values()] == [3, 1, 1]
    steps = trainings(settings, steps=40, seed_epochs=3)
    assert [(stage.settings["forward.steps"], stage.settings["forward.epochs"]) for stage in steps.values()] == [
        ("paper", 3),
        (40, None),
        (40, None),
    ]


def test_it_is_the_training_that_those_passes_would_give_everywhere(settings):
    def fingerprints(**forward):
        config = Config.model_validate(settings | {"forward": forward})
        return {name: recipe.fingerprint for name, recipe in recipes(plan(config, "base")).items()}

    own, longer, shorter = (
        fingerprints(**given) for given in ({"epochs": 1, "seed_epochs": 3}, {"epochs": 3}, {"epochs": 1})
    )
    assert own["forward-0"] == longer["forward-0"] != shorter["forward-0"]
