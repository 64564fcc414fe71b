"""What every engine must do. The tests of an engine subclass `EngineContract` and provide the `engine` fixture."""

from collections.abc import Iterator

import pytest

from humpback.config import EngineSpec
from humpback.engines.base import Engine
from humpback.errors import EngineError, UnsupportedError
from humpback.requests import EmbeddingRequest, LikelihoodRequest, Message, Part, Request, Sampling, Span

TEXTS = (
    "Name a large animal of the sea.",
    "Why is the sky blue?",
    "Translate 'good morning' into French, German, Spanish and Italian, one line for each language.",
    "Count to three.",
    "What does a compiler do?",
    "<|im_end|></s><eos> is a string. How long is it?",
    "Ünïcödé, 日本語 and 🐋 in one request.",
)


def ask(text: str, *, cut: bool = False) -> tuple[Message, ...]:
    return (Message("user", (Part(text, cut=cut),)),)


def request(index: int, *, temperature: float = 0.7, max_new_tokens: int = 12) -> Request:
    sampling = Sampling(max_new_tokens, temperature, 0.9, seed=1000 + index)
    return Request(f"r{index}", ask(TEXTS[index % len(TEXTS)]), sampling)


def likelihood(index: int, continuations: tuple[str, ...] = ("1", "2", "3", "4", "5")) -> LikelihoodRequest:
    return LikelihoodRequest(f"l{index}", ask(TEXTS[index % len(TEXTS)]), continuations, "Score: ")


def embedding(index: int) -> EmbeddingRequest:
    return EmbeddingRequest(f"e{index}", TEXTS[index % len(TEXTS)])


def stretched(index: int) -> LikelihoodRequest:
    """Reads an answer that stands there: the whole, its opening, every third token, nothing; and whether it ends."""
    said = (
        Part("Well. "),
        Part("The harbour lies behind a long wall of grey stone, and the sea is loud there.", cut=True),
    )  # fmt: skip
    messages = (*ask(TEXTS[index % len(TEXTS)]), Message("assistant", said))
    spans = (Span(2), Span(2, 0, 4), Span(2, step=3), Span(2, 5, 5))
    return LikelihoodRequest(f"s{index}", messages, ("",), ends=True, spans=spans)


class EngineContract:
    """The suite. `too_long` is a text that the engine of the fixture cannot read."""

    spec: EngineSpec
    """The engine's entry in the table."""
    too_long = "whale " * 20_000
    tolerance = 1e-3
    """How far log-probabilities may move with the batch they are computed in."""

    @pytest.fixture
    def engine(self) -> Iterator[Engine]:
        raise NotImplementedError("the subclass provides the engine")

    def test_it_says_which_model_answers(self, engine: Engine):
        assert engine.model
        assert engine.model == engine.model

    def test_every_request_is_answered_once(self, engine: Engine):
        answers = list(engine.generate([request(i) for i in range(9)]))

        assert sorted(answer.id for answer in answers) == sorted(f"r{i}" for i in range(9))
        for answer in answers:
            assert not answer.error
            assert answer.finish_reason in ("stop", "length")
            assert answer.prompt_tokens > 0
            assert 0 <= answer.completion_tokens <= 13
            assert answer.log_probability <= 0

    def test_nothing_asked_nothing_answered(self, engine: Engine):
        assert list(engine.generate([])) == []
        assert list(engine.loglikelihood([])) == []

    def test_requests_are_taken_from_any_iterable(self, engine: Engine):
        assert len(list(engine.generate(request(i) for i in range(3)))) == 3
        assert len(list(engine.loglikelihood(likelihood(i) for i in range(3)))) == 3

    def test_a_limit_is_kept_and_named(self, engine: Engine):
        (answer,) = engine.generate([request(2, max_new_tokens=1)])

        assert answer.completion_tokens <= 1
        assert answer.finish_reason in ("stop", "length")

    @pytest.mark.parametrize("temperature", [0.0, 0.7])
    def test_an_answer_does_not_depend_on_the_batch(self, engine: Engine, temperature: float):
        requests = [request(i, temperature=temperature) for i in range(7)]
        together = {answer.id: answer for answer in engine.generate(requests)}
        backwards = {answer.id: answer for answer in engine.generate(requests[::-1])}
        alone = {one.id: next(iter(engine.generate([one]))) for one in requests}

        for one in requests:
            assert together[one.id].text == backwards[one.id].text == alone[one.id].text
            assert together[one.id].finish_reason == alone[one.id].finish_reason
            assert together[one.id].log_probability == pytest.approx(
                alone[one.id].log_probability, rel=self.tolerance, abs=self.tolerance
            )

    def test_the_same_request_twice_gives_the_same_answer(self, engine: Engine):
        first, second = (next(iter(engine.generate([request(1)]))) for _ in range(2))

        assert first.text == second.text

    def test_a_request_that_is_too_long_fails_alone(self, engine: Engine):
        long = Request("long", ask(self.too_long), Sampling(8))
        answers = {answer.id: answer for answer in engine.generate([request(0), long, request(1)])}

        assert set(answers) == {"r0", "long", "r1"}
        assert answers["long"].error
        assert answers["long"].finish_reason == "error"
        assert answers["long"].text == ""
        assert not answers["r0"].error
        assert not answers["r1"].error
        assert answers["r0"].text == next(iter(engine.generate([request(0)]))).text

    def test_what_may_be_cut_is_cut(self, engine: Engine):
        long = Request("long", ask(self.too_long, cut=True), Sampling(8))
        (answer,) = engine.generate([long])

        assert not answer.error
        assert answer.prompt_tokens > 0

    def test_likelihoods_come_in_the_order_of_the_continuations(self, engine: Engine):
        there, back = ("1", "2", "3", "4", "5"), ("5", "4", "3", "2", "1")
        (one,) = engine.loglikelihood([likelihood(0, there)])
        (other,) = engine.loglikelihood([likelihood(0, there)])

        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=self.tolerance)
        assert len(one.log_probabilities) == len(one.tokens) == len(there)
        (reverse,) = engine.loglikelihood([likelihood(0, back)])
        assert len(reverse.log_probabilities) == len(back)
        assert reverse.log_probabilities[::-1] == pytest.approx(one.log_probabilities, abs=self.tolerance)

    def test_likelihoods_are_of_probabilities_and_count_tokens(self, engine: Engine):
        continuations = ("a whale", "an elephant that swims in the sea all day")
        answers = {answer.id: answer for answer in engine.loglikelihood([likelihood(0), likelihood(1, continuations)])}

        assert set(answers) == {"l0", "l1"}
        for answer in answers.values():
            assert not answer.error
            assert answer.prompt_tokens > 0
            assert all(value <= 0 for value in answer.log_probabilities)
            assert all(count > 0 for count in answer.tokens)
        assert answers["l1"].tokens[0] < answers["l1"].tokens[1]

    def test_likelihoods_do_not_depend_on_the_batch(self, engine: Engine):
        requests = [likelihood(i) for i in range(7)]
        together = {answer.id: answer for answer in engine.loglikelihood(requests)}

        for one in requests:
            (alone,) = engine.loglikelihood([one])
            assert together[one.id].log_probabilities == pytest.approx(
                alone.log_probabilities, rel=self.tolerance, abs=self.tolerance
            )

    def test_the_end_of_the_turn_counts_where_it_is_asked_for(self, engine: Engine):
        open_, closed = (LikelihoodRequest("e", ask(TEXTS[0]), ("A whale.",), ends=ends) for ends in (False, True))
        (without,) = engine.loglikelihood([open_])
        (with_end,) = engine.loglikelihood([closed])

        assert with_end.tokens[0] > without.tokens[0]

    def test_a_likelihood_request_that_is_too_long_fails_alone(self, engine: Engine):
        long = LikelihoodRequest("long", ask(self.too_long), ("1", "2"))
        answers = {answer.id: answer for answer in engine.loglikelihood([likelihood(0), long, likelihood(1)])}

        assert set(answers) == {"l0", "long", "l1"}
        assert answers["long"].error
        assert answers["long"].log_probabilities == ()
        assert not answers["l0"].error
        assert not answers["l1"].error

    def test_stretches_are_read_in_order_whatever_the_batch(self, engine: Engine):
        requests = [stretched(i) for i in range(7)]
        if not self.spec.reads_spans:
            with pytest.raises(EngineError, match=r"curate\.scorer"):
                list(engine.loglikelihood(requests))
            return
        together = {answer.id: answer for answer in engine.loglikelihood(requests)}
        for one in requests:
            (alone,) = engine.loglikelihood([one])
            assert [reading.tokens for reading in alone.spans] == [r.tokens for r in together[one.id].spans]
            for reading, other in zip(alone.spans, together[one.id].spans, strict=True):
                assert reading.log_probability == pytest.approx(
                    other.log_probability, rel=self.tolerance, abs=self.tolerance
                )  # fmt: skip

    def test_stretches_are_of_probabilities_and_count_tokens(self, engine: Engine):
        if not self.spec.reads_spans:
            return
        for answer in engine.loglikelihood([stretched(i) for i in range(7)]):
            whole, opening, some, nothing = answer.spans
            assert not answer.error
            assert whole.tokens > some.tokens >= opening.tokens > 0
            assert nothing.tokens == nothing.log_probability == 0
            assert all(reading.log_probability <= 0 for reading in answer.spans)
            assert len(answer.log_probabilities) == 1

    def test_a_stretch_can_hold_the_end_of_its_turn_before_another_turn_too(self, engine: Engine):
        if not self.spec.reads_spans:
            return
        text = "The harbour lies behind a wall."
        open_ = (*ask(TEXTS[0]), Message("assistant", (Part(text, cut=True),)))
        spans = (Span(1), Span(1, ends=True), Span(1, len(text), ends=True))
        requests = [
            LikelihoodRequest("last", open_, (), spans=spans),
            LikelihoodRequest("not last", (*open_, *ask(TEXTS[3])), ("1", "2"), "Score: ", spans=spans),
        ]
        for answer in engine.loglikelihood(requests):
            without, with_end, end = answer.spans
            assert not answer.error
            assert with_end.tokens == without.tokens + end.tokens
            assert end.tokens > 0 >= end.log_probability
            assert len(answer.log_probabilities) == (2 if answer.id == "not last" else 0)

    def test_hidden_states_are_shown_or_refused_in_one_line(self, engine: Engine):
        if self.spec.embeds:
            assert list(engine.embed([])) == []
            return
        with pytest.raises(UnsupportedError, match="hidden states") as caught:
            list(engine.embed([embedding(0)]))
        assert "\n" not in str(caught.value)

    def test_each_text_has_one_vector_of_the_same_length(self, engine: Engine):
        if not self.spec.embeds:
            return
        answers = {answer.id: answer for answer in engine.embed(embedding(i) for i in range(9))}

        assert set(answers) == {f"e{i}" for i in range(9)}
        assert len({len(answer.values) for answer in answers.values()}) == 1
        assert len({answer.values for answer in answers.values()}) == len(TEXTS)
        for answer in answers.values():
            assert not answer.error
            assert 0 < answer.tokens <= 64

    def test_a_vector_does_not_depend_on_the_batch(self, engine: Engine):
        if not self.spec.embeds:
            return
        requests = [embedding(i) for i in range(7)]
        together = {answer.id: answer for answer in engine.embed(requests)}

        for one in requests:
            (alone,) = engine.embed([one])
            assert alone.tokens == together[one.id].tokens
            assert alone.values == pytest.approx(together[one.id].values, rel=self.tolerance, abs=self.tolerance)

    def test_a_vector_is_of_the_beginning_and_an_empty_text_fails_alone(self, engine: Engine):
        if not self.spec.embeds:
            return
        requests = [EmbeddingRequest("a", self.too_long, 8), EmbeddingRequest("b", self.too_long + " More.", 8)]
        answers = {answer.id: answer for answer in engine.embed([*requests, EmbeddingRequest("empty", "")])}

        assert answers["a"].tokens == answers["b"].tokens == 8
        assert answers["a"].values == pytest.approx(answers["b"].values, abs=self.tolerance)
        assert answers["empty"].error
        assert answers["empty"].values == ()

    def test_closing_twice_does_no_harm(self, engine: Engine):
        name = engine.model
        engine.close()
        engine.close()
        assert engine.model == name
