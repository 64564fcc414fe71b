from humpback.config import TagSettings
from humpback.engines.fake import FakeEngine
from humpback.evaluation.answers import Answering, EvalPrompt, answer


def test_an_answer_is_what_stands_behind_the_reasoning_and_reasoning_alone_is_none():
    replies = ["<think>\nHm.\n</think>\n\nHi.", "<think>\nHm."]
    engine = FakeEngine("m", reply=lambda request: replies[int(request.id)])
    prompts = [EvalPrompt("Say hi.", "d"), EvalPrompt("Say no.", "d")]
    outcome = answer(prompts, engine, "m", TagSettings(), Answering())

    assert [(one.output, one.reasoning) for one in outcome.kept] == [("Hi.", "Hm.")]
    assert [(one.reason, one.detail) for one in outcome.dropped] == [
        ("empty answer", "reasoning alone, and no answer behind it")
    ]
