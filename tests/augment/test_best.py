"""M_0 chooses among the instructions that M_yx drafts for a segment."""

import pytest

from humpback.augment import instruct, keep_best
from humpback.config import AugmentSettings, Config, TagSettings
from humpback.engines.fake import FakeEngine
from humpback.errors import ConfigError
from humpback.method.loop import self_augment
from humpback.method.settings_file import parse_settings
from humpback.records import Segment, content_id
from humpback.requests import Likelihood, SpanLikelihood
from humpback.runs.stage import ExternalModel, Produce, Stage

TEXT = "Whales sing long songs that change slowly from one year to the next, and every male sings the same song."
QUESTIONS = ("Why do whales sing?", "How do songs change over the years?", "Tell me of the songs of whales.")


class Reader(FakeEngine):
    """Finds the response the likelier the longer the instruction; cannot read one of them."""

    def __init__(self, unreadable=""):
        super().__init__("M_0")
        self.unreadable = unreadable
        self.read = []

    def loglikelihood(self, requests):
        for request in requests:
            instruction = request.messages[0].text
            self.read.append(instruction)
            if self.unreadable and self.unreadable in instruction:
                yield Likelihood(request.id, error="too long")
            else:
                yield Likelihood(
                    request.id, spans=(SpanLikelihood(float(len(instruction)) - 1000, 10),), prompt_tokens=5
                )


def segment(number):
    return Segment(content_id(TEXT, str(number)), "doc", f"doc#{number}", (), TEXT, "en")


def numbered(request):
    return QUESTIONS[int(request.id.split("/")[1])]


def drafts(count=2, **settings):
    chosen = AugmentSettings(per_segment=3, best_by="forward", **settings)
    return instruct([segment(k) for k in range(count)], FakeEngine("M_yx", reply=numbered), chosen, 0, "candidates")


def test_all_valid_drafts_are_handed_on_where_m_0_is_to_choose():
    outcome = drafts()
    assert len(outcome.kept) == outcome.read == 6
    assert {row.instruction for row in outcome.kept} == set(QUESTIONS)


def test_the_same_instruction_written_twice_is_one_draft():
    chosen = AugmentSettings(per_segment=3, best_by="forward")
    outcome = instruct([segment(0)], FakeEngine("M_yx", reply=lambda request: QUESTIONS[0]), chosen, 0, "candidates")
    assert [row.instruction for row in outcome.kept] == [QUESTIONS[0]]


@pytest.mark.parametrize("keep", [1, 2])
def test_the_ones_under_which_the_segment_is_likeliest_are_kept(keep):
    outcome = keep_best(drafts().kept, Reader(), TagSettings(), keep)
    by_length = sorted(QUESTIONS, key=len, reverse=True)
    for number in range(2):
        kept = [row.instruction for row in outcome.kept if row.segment_id == segment(number).id]
        assert kept == by_length[:keep]
    assert {row.reason for row in outcome.dropped} == {"another instruction fits better"}
    assert outcome.read == len(outcome.kept) + len(outcome.dropped) == 6
    assert outcome.usage.read == 30


def test_a_draft_that_cannot_be_read_comes_last_and_is_kept_where_it_is_alone():
    longest = max(QUESTIONS, key=len)
    rows = drafts().kept
    outcome = keep_best(rows, Reader(unreadable=longest), TagSettings(), 1)
    assert longest not in {row.instruction for row in outcome.kept}
    alone = [row for row in rows if row.instruction == longest]
    assert keep_best(alone, Reader(unreadable=longest), TagSettings(), 1).kept == tuple(alone)


def test_m_0_reads_with_the_tag_it_was_trained_with():
    reader = Reader()
    keep_best(drafts().kept, reader, TagSettings(seed="As an assistant."), 1)
    assert all("As an assistant." in text and "web search" not in text for text in reader.read)


def test_several_by_the_backward_model_need_no_reader():
    chosen = AugmentSettings(per_segment=3, keep=2)
    outcome = instruct([segment(0)], FakeEngine("M_yx", reply=numbered), chosen, 0, "candidates")
    assert len(outcome.kept) == outcome.read == 2


def test_more_cannot_be_kept_than_are_written():
    with pytest.raises(ConfigError, match=r"keep is 3, and per_segment writes only 2"):
        parse_settings("augment: {per_segment: 2, keep: 3}", "run.yaml", Config)


def test_a_command_without_m_0_says_so():
    config = Config.model_validate({"augment": {"per_segment": 2, "best_by": "forward"}})
    segments = Stage("segments", "", (), {}, Produce(lambda inputs, part, done: iter(())))
    with pytest.raises(ConfigError, match=r"there is no seed model M_0 to choose .* set augment.best_by to backward"):
        self_augment(config, segments, ExternalModel("backward", config.model))
