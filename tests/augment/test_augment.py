import dataclasses
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humpback.augment import CHECKS, clean, instruct, read_by, validate
from humpback.config import AugmentSettings
from humpback.engines.fake import FakeEngine
from humpback.prompts import backward_messages, ending
from humpback.records import Candidate, Segment, content_id, record_rng_seed
from humpback.requests import Completion, Likelihood

SETTINGS = AugmentSettings()
TEXT = (
    "Humpback whales sing long songs that change slowly from one year to the next. Every male of a population sings "
    "the same song, and new phrases spread from west to east across the Pacific. How do whales learn? They listen."
)

VALID = [
    "Why do humpback whales sing?",
    "How do whales learn songs?",
    "How do humpback whale songs change over the years, and how do they spread?",
    "Write a short paragraph on the songs of humpback whales.",
    "Explain the sentence 'new phrases spread from west to east' in the context of whale songs.",
    "I can't connect to my network. What should I try first?",
    "I cannot generate a key on my machine, what is wrong?",
    "I'm sorry for being late with my essay. Write a note to my teacher.",
    "As an AI researcher, I want to know how whales communicate.",
    "Write a poem in which every line begins with 'the sea': the sea is deep, the sea is wide.",
    "What is 2^10?",
    "Warum singen Buckelwale?",
    "Fill in the blank: the whale is __________ than the dolphin.",
    "Rate this sentence for clarity: 'Whales sing.'",
]

INVALID = {
    "": "empty",
    " \n": "empty",
    ending("backward").strip(): "echo of the prompt",
    "Write the request or question from the user that it replies to.": "echo of the prompt",
    "Why do they sing?\n</text>": "echo of the prompt",
    "<text> Why do whales sing?": "echo of the prompt",
    "Humpback whales sing long songs that change slowly from one year to the next.": "copy of the response",
    "humpback WHALES sing long songs": "copy of the response",
    "every male of a population sings the same song, and new phrases spread": "copy of the response",
    "So new phrases spread from west to east across the Pacific. How do whales learn?": "copy of the response",
    "Whales?": "too short",
    "Tell me more about whales. " * 40: "too long",
    "I'm sorry, but I cannot help with that request.": "refusal",
    "I’m sorry, but I can’t write that.": "refusal",
    "I am sorry, I am unable to see the text.": "refusal",
    "Sorry, I can't do that.": "refusal",
    "I cannot assist with this request.": "refusal",
    "Unfortunately, I cannot provide an answer.": "refusal",
    "As an AI language model, I do not have opinions.": "refusal",
    "As a language model, I cannot know.": "refusal",
    "What is a whale song and what is a whale song and what is a whale song": "repeats itself",
    "Why do whales sing?\nWhy do whales sing?": "repeats itself",
    "Whaaaaaaaaaaaaaaaat is a whale?": "repeats itself",
    "1234567890123": "not an instruction",
    "?!?!?!?!?!?!": "not an instruction",
    "Not applicable.": "not an instruction",
    "(no instruction)": "not an instruction",
    "1. Why do whales sing?\n2. How long is a song?": "several requests",
    "Why do whales sing?\nHow long is a song?\nWho hears it?": "several requests",
    "Why do whales sing?\n\nAlternatively: How long is a song?": "several requests",
    'Either "Why do whales sing?" or "How long?"': "several requests",
    "Why do whales sing?\n\nOr:\n\nHow long is a song?": "several requests",
    '["Why do whales sing?", "How long?"]': "several requests",
    "Write an article about [topic] for [company name].": "left blank",
    "Write about {animal name} please.": "left blank",
    "Write an email to [recipient's name].": "left blank",
    "Write an email to (insert name).": "left blank",
    "Write a letter from <your name> about whales.": "left blank",
    "Summarise https://example.org/whales for me.": "left blank",
    "Summarise the text above.": "speaks of an unseen text",
    "Can you explain this passage?": "speaks of an unseen text",
    "What does the passage say about whales?": "speaks of an unseen text",
    "ザトウクジラはなぜ歌うのですか?": "another script",
    "Почему киты поют такие длинные песни?": "another script",
}


def segment(index=0, text=TEXT):
    return Segment(content_id(text, str(index)), "doc", f"doc.html#{index}", ("Whales", "Songs"), text, "en")


def run(segments, reply=None, settings=SETTINGS, **options):
    return instruct(segments, FakeEngine("M_yx", reply=reply, **options), settings, 0, "candidates")


def scripted(*texts, log_probabilities=None):
    """Replies to the k-th request of each segment with the k-th text."""

    def reply(request):
        k = int(request.id.rsplit("/", 1)[1])
        finish = "length" if texts[k].endswith("...") else "stop"
        return Completion(request.id, texts[k], finish, 10, 5, log_probabilities[k] if log_probabilities else -5.0)

    return reply


@pytest.mark.parametrize("instruction", VALID)
def test_valid(instruction):
    assert validate(instruction, TEXT, SETTINGS) is None


@pytest.mark.parametrize("instruction", INVALID)
def test_invalid(instruction):
    assert validate(instruction, TEXT, SETTINGS) == INVALID[instruction]


def test_a_script_is_judged_by_the_response():
    text = "ザトウクジラの歌はとても長く、毎年少しずつ変わります。" * 3
    assert validate("ザトウクジラはなぜ歌うのですか、教えてください?", text, SETTINGS) is None
    assert validate("Why do humpback whales sing?", text, SETTINGS) == "another script"


def test_every_check_is_seen_to_fail():
    assert set(INVALID.values()) == {reason for reason, _ in CHECKS}


class Reads(FakeEngine):
    """Finds each character of an instruction e to the -1 likely behind its response, e to the -4 likely alone."""

    def loglikelihood(self, requests):
        for request in requests:
            (text,) = request.continuations
            if "whale" in text:
                yield Likelihood(request.id, error="no")
                continue
            each = -4.0 if request.messages == backward_messages("") else -1.0
            yield Likelihood(request.id, (each * len(text),), (len(text),), prompt_tokens=7)


def test_pairs_of_whatever_origin_get_the_gain_that_they_would_have():
    pairs = [Candidate(name, "", "", "", (), text, TEXT, "", 0.0) for name, text in
             (("a", "Why do they sing?"), ("b", "What is a whale?"))]  # fmt: skip
    (read, unread), usage = read_by(pairs, Reads("M_yx"))

    assert (read.id, read.log_probability, read.gain) == ("a", -1.0, 3.0)
    assert unread == pairs[1]
    assert usage.read == 14


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("  Why?\n", "Why?"),
        ('"Why do whales sing?"', "Why do whales sing?"),
        ("“Why?”", "Why?"),
        ("Instruction: Why?", "Why?"),
        ("**Instruction:** Why?", "Why?"),
        ('Question: "Why?"', "Why?"),
        ('"Yes" and "no": which is shorter?', '"Yes" and "no": which is shorter?'),
        ('"Yes" or "no"', '"Yes" or "no"'),
        ("What does the prompt: field do?", "What does the prompt: field do?"),
        ('"', '"'),
        ("<think>\nA user might ask why.\n</think>\n\nWhy?", "Why?"),
        ("<think>\nA user might ask", ""),
        ('Sure! Here is a possible user request that the text would answer:\n\n"Why?"', "Why?"),
        ("Okay, here's the request:\n\n**Why?**", "Why?"),
        ("The user might have asked: Why?", "Why?"),
        ("Possible user request: Why?", "Why?"),
        ("User: Why?", "Why?"),
        ("I think the user asked: Why?", "Why?"),
        ('The text is an answer to the question "Why?"', "Why?"),
        ('A user might ask, "Why?"', "Why?"),
        ('"Why?" - this is what the user asked.', "Why?"),
        ("[INST] Why? [/INST]", "Why?"),
        ("<|user|>\nWhy?\n<|assistant|>", "Why?"),
        ("1. Why?", "Why?"),
        ("# Why?", "Why?"),
        ("*Why?*", "Why?"),
        ("Why?\n\nAnswer: Because.", "Why?"),
        ("Why?\n\n---\n\nThis request fits the text.", "Why?"),
        ('{"questions": ["Why?"]}', "Why?"),
        ("**User:** Why?", "Why?"),
        ("User request:\n> Why?", "Why?"),
        ("### Instruction\n\nWhy?", "Why?"),
        ("Q: Why?\nA: Because.", "Why?"),
        ("Why?\n\nAssistant: Because.", "Why?"),
        ("Why?\n\n(This request is answered by the text above.)", "Why?"),
        ("Why?\n\nNote: this request is answered by the text.", "Why?"),
        ("Why?\n\n**Explanation:** It is asked.", "Why?"),
        ("Why?\n\nLet me know if you want another.", "Why?"),
        ("Why?<|im_end|>", "Why?"),
        ("```\nWhy?\n```", "Why?"),
        ("<request>Why?</request>", "Why?"),
        ('{"instruction": "Why?"}', "Why?"),
        ('```json\n{"request": "Add.", "input": "1 2"}\n```', "Add.\n\n1 2"),
        ('["Why?"]', "Why?"),
        ("According to the passage above, why do whales sing?", "Why do whales sing?"),
        ("Why do whales sing, according to the text?", "Why do whales sing?"),
        ("Instruction:", ""),
        ("", ""),
    ],
)
def test_clean(raw, cleaned):
    assert clean(raw) == cleaned


@pytest.mark.parametrize(
    "instruction",
    [
        "Answer the following question: why do whales sing?",
        "Write code.\n\nNote: use no library.",
        "Translate: 'Where is the user?'",
        "Rewrite the text below so that a child understands it: Whales sing songs that change from year to year.",
        "List the dates in the format [date] - [event].",
        "What is <b> in HTML, and what does [1] mean?",
        "1. Sort the list.\n2. Print it.",
        "Explain JSON such as {} to me.",
        "Is this request for comments an RFC?",
        "Based on what you know, why do whales sing?",
    ],
)
def test_an_instruction_that_is_good_stays_as_it_is(instruction):
    assert clean(instruction) == instruction
    assert validate(instruction, "", SETTINGS) is None


def test_reasoning_is_kept_apart_and_a_reply_of_reasoning_alone_says_so():
    thought = scripted("<think>\nAbout songs.\n</think>\n\nWhy do they sing?")
    (one,) = run([segment()], thought).kept
    assert (one.instruction, one.instruction_reasoning) == ("Why do they sing?", "About songs.")
    for text, reason in (("<think>\nAbout songs ...", "did not end"), ("<think>About songs.</think>", "empty")):
        (dropped,) = run([segment()], scripted(text)).dropped
        assert (dropped.reason, dropped.detail) == (reason, "reasoning alone, and no answer behind it")
        assert dropped.excerpt.startswith("About songs")


@given(st.text(alphabet=" \n\"'`*:#“”Instruction a?"))
def test_cleaning_twice_changes_nothing(text):
    assert clean(clean(text)) == clean(text)


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_can_be_judged(instruction, response):
    assert validate(instruction, response, SETTINGS) in {None, *(reason for reason, _ in CHECKS)}


@given(st.integers(0, 40), st.integers(8, 20))
def test_every_long_stretch_of_the_response_is_a_copy(start, length):
    words = TEXT.replace("?", "").split()
    span = " ".join(words[start : start + length])

    assert len(span.split()) < 8 or validate(span, TEXT, SETTINGS) == "copy of the response"


def test_the_limits_are_settings():
    assert validate("Why sing?", TEXT, AugmentSettings(min_chars=5)) is None
    assert validate("Why do humpback whales sing?", TEXT, AugmentSettings(max_chars=20)) == "too long"
    copied = "Tell me why every male of a population sings the same song, and new phrases spread."
    assert validate(copied, TEXT, SETTINGS) == "copy of the response"
    assert validate(copied, TEXT, AugmentSettings(max_overlap=0.9)) is None


def test_a_candidate_carries_its_segment_and_the_model():
    plain = SETTINGS.model_copy(update={"gain": False})
    outcome = run([segment()], scripted("Instruction: Why do whales sing?", log_probabilities=[-7.5]), plain)
    (one,) = outcome.kept

    assert one.id == content_id(segment().id, "Why do whales sing?")
    assert (one.segment_id, one.document_id, one.source, one.title_path) == (
        segment().id,
        "doc",
        "doc.html#0",
        ("Whales", "Songs"),
    )
    assert (one.instruction, one.response, one.model) == ("Why do whales sing?", TEXT, "M_yx")
    assert one.log_probability == -1.5
    assert (outcome.read, outcome.usage.read, outcome.usage.written) == (1, 10, 5)
    assert one.gain is None


class InProcess(FakeEngine):
    """Finds each token of an instruction that stands alone e to the -4 likely, and cannot read those of whales."""

    def loglikelihood(self, requests):
        for request in requests:
            assert request.messages == backward_messages(""), "nothing of the response may be seen"
            (text,) = request.continuations
            if "whale" in text:
                yield Likelihood(request.id, error="no")
            else:
                yield Likelihood(request.id, (-4.0 * len(text),), (len(text),), prompt_tokens=7)


def test_a_candidate_carries_what_the_response_adds_to_its_instruction():
    texts = [segment(0), segment(1)]
    written = {texts[0].id: "Why do they sing?", texts[1].id: "What is a whale?"}

    def reply(request, attempt=0):
        return Completion(request.id, written[request.id.partition("/")[0]], "stop", 10, 5, -7.5)

    outcome = instruct(texts, InProcess("M_yx", reply=reply), SETTINGS, 0, "candidates")
    assert {one.instruction: one.gain for one in outcome.kept} == {"Why do they sing?": 2.5, "What is a whale?": None}
    assert outcome.usage.read == 2 * 10 + 7


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        (Completion("", "", "error", 0, 0, 0.0, "too long"), "generation failed"),
        (Completion("", "Why do whales sing?", "error", 0, 0, 0.0, "broken"), "generation failed"),
        (Completion("", "", "stop", 9, 1, -1.0), "empty"),
        (Completion("", '""', "stop", 9, 1, -1.0), "empty"),
        (Completion("", "", "length", 9, 1, -1.0), "empty"),
        (Completion("", "Why do whales sing and", "length", 9, 9, -1.0), "did not end"),
        (Completion("", "Whales", "stop", 9, 1, -1.0), "too short"),
        (Completion("", "I'm sorry, but I cannot help.", "stop", 9, 1, -1.0), "refusal"),
    ],
)
def test_a_failed_generation_is_dropped_with_its_reason_and_nothing_stands_in(completion, reason):
    def reply(request):
        return Completion(request.id, *[getattr(completion, name) for name in completion.__slots__[1:]])

    outcome = run([segment()], reply)
    (one,) = outcome.dropped

    assert outcome.kept == ()
    assert (one.id, one.reason, one.source) == (segment().id, reason, "doc.html#0")
    assert one.detail
    assert one.excerpt == completion.text


def test_of_several_the_likeliest_valid_one_is_kept():
    reply = scripted("Why?", "Why do whales sing?", "How do songs spread?", log_probabilities=[-1.0, -9.0, -5.0])
    (one,) = run([segment()], reply, AugmentSettings(per_segment=3)).kept

    assert one.instruction == "How do songs spread?"
    assert one.log_probability == -1.0


def test_where_none_is_valid_the_first_reason_counts_and_the_others_are_told():
    reply = scripted("Why?", "", "Why do whales ...")
    (one,) = run([segment()], reply, AugmentSettings(per_segment=3)).dropped

    assert one.reason == "too short"
    assert one.detail == "4 characters; the others: empty, did not end"


def test_a_prompt_that_is_too_long_harms_no_other():
    broken = segment(1)

    def reply(request):
        if request.id.startswith(broken.id):
            return Completion(request.id, "", "error", 0, 0, 0.0, "the prompt is too long")
        return "Why do whales sing?"

    outcome = run([segment(0), broken, segment(2)], reply)

    assert [one.source for one in outcome.kept] == ["doc.html#0", "doc.html#2"]
    assert [(one.reason, one.detail) for one in outcome.dropped] == [("generation failed", "the prompt is too long")]


def test_answers_are_joined_by_id_and_a_missing_one_shifts_nothing():
    segments = [segment(i, f"{TEXT} Number {i}.") for i in range(20)]

    class Shuffled(FakeEngine):
        def generate(self, requests):
            answers = [one for one in super().generate(requests) if not one.id.startswith(segments[5].id)]
            random.Random(0).shuffle(answers)
            return iter(answers)

    straight = instruct(segments, FakeEngine(flaws=0), SETTINGS, 0, "candidates")
    odd = instruct(segments, Shuffled(flaws=0), SETTINGS, 0, "candidates")

    assert odd.kept == straight.kept[:5] + straight.kept[6:]
    assert [(one.id, one.reason) for one in odd.dropped] == [(segments[5].id, "generation failed")]
    assert odd.dropped[0].detail == "the engine gave no answer"


def test_requests_are_the_backward_prompt_with_a_seed_of_their_own():
    seen = []
    settings = AugmentSettings(per_segment=2, temperature=1.0, top_p=0.5, max_new_tokens=33)
    run([segment()], lambda one: seen.append(one) or "Why do whales sing?", settings)
    ids = [f"{segment().id}/0", f"{segment().id}/1"]

    assert [one.id for one in seen] == ids
    assert {one.messages for one in seen} == {backward_messages(TEXT)}
    assert [one.sampling.seed for one in seen] == [record_rng_seed(0, "candidates", name) for name in ids]
    assert {(one.sampling.temperature, one.sampling.top_p, one.sampling.max_new_tokens) for one in seen} == {
        (1.0, 0.5, 33)
    }


def test_the_titles_above_a_segment_are_shown_on_demand():
    seen = []
    one = dataclasses.replace(segment(), title_path=("Sea life", "Whales"))
    run([one], lambda request: seen.append(request) or "Why do whales sing?", AugmentSettings(title_path=True))
    assert seen[0].messages == backward_messages(f"Sea life > Whales\n\n{TEXT}")
    assert run([one], settings=AugmentSettings(title_path=True)).kept[0].response == TEXT, "the response stays the text"


def test_the_result_does_not_depend_on_the_shard():
    segments = [segment(i, f"{TEXT} Number {i}.") for i in range(30)]
    together = run(segments, settings=AugmentSettings(per_segment=2))
    alone = [run([one], settings=AugmentSettings(per_segment=2)) for one in segments]

    assert together.kept == tuple(kept for outcome in alone for kept in outcome.kept)
    assert together.dropped == tuple(dropped for outcome in alone for dropped in outcome.dropped)


def test_what_comes_in_is_kept_or_dropped():
    outcome = run([segment(i, f"{TEXT} Number {i}.") for i in range(400)], flaws=0.5)
    reasons = Counter(one.reason for one in outcome.dropped)

    assert outcome.read == 400 == len(outcome.kept) + len(outcome.dropped)
    assert {"did not end", "echo of the prompt", "empty", "refusal"} <= set(reasons)
    assert run([]).read == 0
