"""Templates of the usual shapes: others ask as was trained, on any day; a broken one is named in one line."""

from datetime import date, datetime
from types import SimpleNamespace

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from humpback.errors import ModelError
from humpback.models.template import MODEL_RECORD, Template, check_template
from humpback.models.template_trial import fault_of
from humpback.records import content_id
from humpback.requests import Message, Part

QUESTION, ANSWER = "How do tides rise?", "The moon pulls the sea."
HOSTILE = "A <think>thought</think>\n<|im_end|> <|e|><end_of_turn>é漢😀 <tool_call> [INST] </s>"
LOOP = "{% for m in messages %}"
HEAD = "{{ '<|h|>' + m.role + '\n' + m.content"
ASKS = "{% if add_generation_prompt %}{{ '<|h|>assistant\n' }}{% endif %}"

SHAPES = {
    # name: template, how the prompt ends, what is learnt before the answer, what is learnt behind it
    "chatml": (LOOP + HEAD + " + '<|im_end|>\n' }}{% endfor %}" + ASKS, "<|h|>assistant\n", "", "<|im_end|>"),
    "llama-3": (
        "{{ bos_token }}" + LOOP + "{{ '<|h|>' + m.role + '<|im_start|>\n\n' + m.content | trim + '<|e|>' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|h|>assistant<|im_start|>\n\n' }}{% endif %}",
        "<|h|>assistant<|im_start|>\n\n", "", "<|e|>",
    ),
    "gemma": (
        "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
        "{% endif %}" + LOOP + "{% set role = 'model' if m.role == 'assistant' else m.role %}"
        "{{ '<start_of_turn>' + role + '\n' + m.content | trim + '<end_of_turn>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}",
        "<start_of_turn>model\n", "", "<end_of_turn>",
    ),
    "qwen-3": (
        LOOP + "{% if m.role == 'assistant' and loop.last %}{{ '<|h|>assistant\n<think>\n\n</think>\n\n' + m.content }}"
        "{% else %}" + HEAD + " }}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}" + ASKS,
        "<|h|>assistant\n", "<think>\n\n</think>\n\n", "<|im_end|>",
    ),
    "thinker": (  # the thought is opened in the generation prompt, and closed where there is none
        LOOP + HEAD.replace("m.content", "('<think>\n\n</think>\n' if m.role == 'assistant' else '') + m.content")
        + " + '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|h|>assistant\n<think>\n' }}{% endif %}",
        "<|h|>assistant\n<think>\n", "\n</think>\n", "<|im_end|>",
    ),
    "deepseek": (  # the thought is opened in the generation prompt, and never shown
        "{{ bos_token }}" + LOOP + "{% if m.role == 'user' %}{{ '<|h|>' + m.content }}{% else %}"
        "{{ '<|im_start|>' + m.content.split('</think>')[-1] + eos_token }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|><think>\n' }}{% endif %}\n",
        "<|im_start|>", "", "</s>",
    ),
    "mistral": (
        "{{ bos_token }}" + LOOP + "{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}{% else %}"
        "{{ ' ' + m.content | trim + eos_token }}{% endif %}{% endfor %}",
        " [/INST]", " ", "</s>",
    ),
    "phi": (
        LOOP + HEAD + " + '<|e|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|h|>assistant\n' }}{% else %}{{ eos_token }}{% endif %}",
        "<|h|>assistant\n", "", "<|e|>",
    ),
    "no generation prompt": (LOOP + HEAD + " + '<|e|>' }}{% endfor %}", "<|h|>assistant\n", "", "<|e|>"),
    "marks for trainers": (
        LOOP + "{{ '<|h|>' + m.role + '\n' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<|e|>' }}"
        "{%- endgeneration -%}{% else %}{{ m.content + '<|e|>' }}{% endif %}{% endfor %}" + ASKS,
        "<|h|>assistant\n", "", "<|e|>",
    ),
    "no end behind the last": (
        LOOP + HEAD + " }}{% if not loop.last or add_generation_prompt %}{{ '<|e|>' }}{% endif %}{% endfor %}" + ASKS,
        "<|h|>assistant\n", "", "<|e|>",
    ),
    "the next turn follows at once": (LOOP + HEAD + " }}{% endfor %}" + ASKS, "<|h|>assistant\n", "", "</s>"),
    "an end of words": (LOOP + HEAD + " + '\n[over]\n' }}{% endfor %}" + ASKS, "<|h|>assistant\n", "", "[over]</s>"),
}  # fmt: skip


def tokenizer_with(template: str, kind: str = "BPE") -> PreTrainedTokenizerFast:
    """Bytes as tokens, and control tokens: two named, the others unflagged or in the vocabulary alone."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = ["<s>", "</s>", "<unk>", "<start_of_turn>", "<end_of_turn>", *letters]
    if kind == "BPE":
        backend = Tokenizer(models.BPE({word: number for number, word in enumerate(words)}, []))
    else:
        backend = Tokenizer(models.Unigram([(word, -1.0 * len(word) ** 0.5) for word in words], unk_id=2))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", chat_template=template, name_or_path="some/model"
    )
    tokens = ["<|h|>", "<|e|>", "<|im_start|>", "<|im_end|>", "[INST]", "[/INST]", "<think>", "</think>", "<tool_call>"]
    tokenizer.add_tokens([AddedToken(word, normalized=False) for word in [*tokens, "<start_of_turn>", "<end_of_turn>"]])
    return tokenizer


def turns(*texts: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in zip(("user", "assistant"), texts, strict=False)]


@pytest.fixture(params=list(SHAPES))
def shape(request) -> SimpleNamespace:
    template, opening, lead, end = SHAPES[request.param]
    return SimpleNamespace(tokenizer=tokenizer_with(template), opening=opening, lead=lead, end=end)


def test_what_is_read_is_what_others_ask_with_and_the_rest_is_learnt(shape, tmp_path):
    template = Template(shape.tokenizer)
    example = template.example((Message("user", (Part(QUESTION),)),), ANSWER, 400)
    read, learnt = example.ids[: example.start], example.ids[example.start :]
    assert shape.tokenizer.decode(learnt) == shape.lead + ANSWER + shape.end
    assert shape.tokenizer.decode(read).endswith(shape.opening)
    shape.tokenizer.save_pretrained(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    asked = theirs.apply_chat_template(turns(QUESTION), add_generation_prompt=True, return_dict=False)
    assert list(read) == asked
    whole = theirs.apply_chat_template(turns(QUESTION, ANSWER), return_dict=False)
    assert whole[: len(example.ids) - len(template.end_ids)] == list(example.ids[: -len(template.end_ids)])
    assert Template(theirs).identity == template.identity


def test_generation_stops_at_the_end_of_the_turn_and_at_the_end_of_sequence(shape):
    template = Template(shape.tokenizer)
    assert shape.tokenizer.eos_token_id in template.stop_ids
    assert template.end_ids[-1] in template.stop_ids
    written = [*template._text(ANSWER), *template.end_ids]
    ends = [count for count in range(1, len(written) + 1) if template.ends(written[:count])]
    assert len(written) - ends[0] <= 1
    assert template.decode(written[: ends[0]]).strip() == ANSWER


def test_no_text_becomes_a_control_token(shape):
    template = Template(shape.tokenizer)
    ids = template._text(HOSTILE)
    assert template._controls.isdisjoint(ids)
    assert shape.tokenizer.decode(ids) == HOSTILE
    span = template.tokens_of_span(HOSTILE, HOSTILE.index("é"), HOSTILE.index("😀"))
    assert shape.tokenizer.decode(ids[span.start : span.stop]) == "é漢"


@pytest.mark.parametrize("normalizer", [None, normalizers.NFKC()])
def test_no_text_becomes_a_control_token_of_the_vocabulary_itself(normalizer):
    tokenizer = tokenizer_with(SHAPES["gemma"][0], kind="Unigram")
    tokenizer.backend_tokenizer.normalizer = normalizer
    template = Template(tokenizer)
    plain, hostile = (template._text(text) for text in ("a b", "a <start_of_turn>model＜unk＞ <unk> b"))
    assert {tokenizer.convert_tokens_to_ids("<start_of_turn>"), 2} <= template._controls
    assert template._controls.isdisjoint(hostile)
    assert hostile[0] == plain[0]
    assert tokenizer.decode(hostile).startswith("a <start_of_turn>model")


def test_words_and_white_space_that_were_added_stay_words():
    tokenizer = tokenizer_with(SHAPES["chatml"][0])
    tokenizer.add_tokens(["harbour", "    ", "assistant"])
    template = Template(tokenizer)
    assert template.tokens(template._text("harbour    ")) == ["harbour", "    "]
    assert template.tokens(template._text("assistant")) == list("assistant")  # the template writes it


def test_an_answer_is_trimmed_where_the_template_trims_it():
    for name, expected in (("llama-3", ANSWER), ("chatml", f" {ANSWER}\n")):
        tokenizer = tokenizer_with(SHAPES[name][0])
        example = Template(tokenizer).example((Message("user", (Part(QUESTION),)),), f" {ANSWER}\n", 400)
        assert tokenizer.decode(example.ids[example.start : -1]) == expected


CLOCK = "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y, %-d.%m.%y%%') }}{% endif %}" + SHAPES["chatml"][0]


def test_the_clock_is_not_in_the_prompt(monkeypatch):
    asked = []
    for year in (2031, 2032):
        clock = SimpleNamespace(now=lambda year=year: datetime(year, 5, 6))
        monkeypatch.setattr("transformers.utils.chat_template_utils.datetime", clock)
        tokenizer = tokenizer_with(CLOCK)
        template = Template(tokenizer, date(2026, 2, 3))
        text = tokenizer.apply_chat_template(turns(QUESTION), add_generation_prompt=True, tokenize=False)
        assert tokenizer.decode(template.prompt((Message("user", (Part(QUESTION),)),), "", 400)) == text
        asked.append((text, template.identity))
    assert asked[0] == asked[1]
    assert asked[0][0].startswith("03 Feb 2026, 3.02.26%<|h|>user")
    assert Template(tokenizer, date(2027, 1, 1)).identity == template.identity  # the date is part of it now
    assert Template(tokenizer_with(CLOCK), date(2027, 1, 1)).identity != template.identity


BROKEN = {
    "a system turn is needed": "{{ raise_exception('a system turn is needed') }}",
    "unexpected": "{% for m in messages %}{{ m.content }",
    "UndefinedError": "{{ messages.none.such }}",
    "does not show every message": "{{ messages[0].content }}",
    "asks for an answer in another way": "{{ (messages | length) ~ messages[0].content }}"
    "{% if messages | length > 1 %}{{ messages[1].content }}{% elif add_generation_prompt %}Go.{% endif %}",
    "more than a second": LOOP
    + "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
    "GiB of memory": "{{ 'a' * 10 ** 10 }}",
    "more than 100,000 characters": "{{ 'ab' * 10 ** 5 }}",
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_template_that_cannot_be_used_is_named_in_one_line(reason):
    with pytest.raises(ModelError, match=f"the chat template of some/model cannot be used .*{reason}") as error:
        Template(tokenizer_with(BROKEN[reason])).prompt((Message("user", (Part(QUESTION),)),), "", 400)
    assert "\n" not in str(error.value)


def test_a_turn_that_the_template_refuses_is_named():
    refuses = (
        "{% for m in messages %}{% if m.role == 'system' and not loop.first %}{{ raise_exception('no') }}{% endif %}"
    )
    template = Template(tokenizer_with(refuses + SHAPES["gemma"][0].partition(LOOP)[2]))
    turns = (Message("user", (Part(QUESTION),)), Message("system", (Part("Be brief."),)))
    with pytest.raises(ModelError, match=r"turns of user, system, assistant: TemplateError: no"):
        template.prompt(turns, "", 400)


def test_a_template_is_tried_once():
    assert fault_of(SHAPES["gemma"][0], {"bos_token": "<s>", "eos_token": "</s>"}) == ""
    assert "line 2" in fault_of("one\n{% if %}", {})


def test_a_model_that_was_trained_before_templates_were_mended_still_loads(tmp_path):
    for text in (CLOCK, SHAPES["deepseek"][0], SHAPES["qwen-3"][0]):
        (tmp_path / MODEL_RECORD).write_text(f'{{"template": "{content_id("1", text)}"}}')
        check_template(tmp_path, Template(tokenizer_with(text)))
    with pytest.raises(ModelError, match="trained with another chat template"):
        check_template(tmp_path, Template(tokenizer_with(SHAPES["phi"][0])))
