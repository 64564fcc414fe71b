"""Every setting, declared once: its name, its default, its source and what it means.

The defaults are the paper's (Li et al. 2023) where it gives one. Settings are frozen; an unknown key is an error.
Imports no heavy library, so that `plan` answers at once.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator


class Settings(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/@]*:(?!\$\{\w+\}@)[^/@]+@")
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(gt=0)]


class ServerSettings(Settings):
    """The server that answers, where `model.engine` is 'openai': vLLM, llama.cpp, Ollama, a hosted one."""

    base_url: str = ""
    """Its address up to and with '/v1', such as http://localhost:8000/v1."""
    api_key_env: str = ""
    """Name of the environment variable that holds the key; empty sends none. The key itself is never written down."""
    concurrency: Positive = 32
    """Requests under way at a time."""
    requests_per_minute: Annotated[int, Field(ge=0)] = 0
    """No more requests than this in a minute, spread evenly, further tries included; 0 sets no limit."""
    timeout: Annotated[float, Field(gt=0)] = 300.0
    """Seconds that one try may take, to the last byte of the answer."""
    retries: Annotated[int, Field(ge=0)] = 6
    """Further tries after a timeout, a lost connection, a damaged answer or status 408, 409, 425, 429 or 5xx: after
    about half a second, then twice as long each time, or when the server says (Retry-After)."""
    logprobs: bool = True
    """Ask for the log-probabilities of what is written. Where the server refuses that, false; they are recorded as 0
    then, and `augment.per_segment` cannot tell which instruction is the likeliest."""
    prefill: Literal["auto", "continue", "trailing", "none"] = "auto"
    """How the server is made to go on with an answer that we begin. continue: a last message and vLLM's
    `continue_final_message`. trailing: a last message alone (llama.cpp, Ollama). none: the model writes the beginning
    itself. auto goes by what the server says it is."""
    price_read: Annotated[float, Field(ge=0)] = 0.0
    """Price of a million tokens read, in any currency: for the account at the end."""
    price_written: Annotated[float, Field(ge=0)] = 0.0
    """Price of a million tokens written."""
    extra_body: dict[str, JsonValue] = {}
    """Fields to add to each request or put in the place of ours; null leaves one out. Not for secrets: settings are
    kept with the results."""

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str) -> str:
        """Messages never show the address: a key may have been put into it."""
        if not url:
            return url
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("is no address: write it like http://localhost:8000/v1")
        if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
            raise ValueError("may hold no name, password or query: put the key into an environment variable and name "
                             "it in api_key_env")  # fmt: skip
        return url.rstrip("/")

    @field_validator("api_key_env")
    @classmethod
    def _name_only(cls, name: str) -> str:
        """A key that is put here by mistake must not be stored, nor shown."""
        if name and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
            raise ValueError("is not the name of an environment variable in capitals; the key itself does not go here")
        return name

    @field_validator("extra_body")
    @classmethod
    def _not_ours(cls, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if ours := sorted({"model", "messages", "n", "stream"} & set(body)):
            raise ValueError(f"cannot change {', '.join(ours)}")
        return body


class ModelSettings(Settings):
    """The base model and how it is run."""

    name: str = "package:gemma3-270m"
    """Hub id ('org/name'), folder, GGUF file, or 'package:NAME' for a model that an installed package carries. With
    engine 'openai' the name that the server knows it by."""
    revision: str = ""
    """Commit or tag of a hub model; empty takes the newest and records what it was."""
    engine: Literal["transformers", "openai", "fake"] = "transformers"
    """What answers requests. 'openai' is any server that speaks its protocol, for `instruct` and `rate`: a run trains,
    and needs the model here. 'fake' needs no model at all: for dry runs."""
    server: ServerSettings = ServerSettings()
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where the model runs; auto takes a GPU if there is one."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 on a GPU that has it, float32 elsewhere."""
    max_tokens: Positive = 1024
    """Longest sequence, prompt and answer together. A document that does not fit is cut; a target never is. A server
    has its own limit, which is the one that counts."""
    batch_tokens: Positive = 8192
    """Tokens, padding included, that one batch of reading or writing may hold: the bound on its memory."""
    trust_remote_code: bool = False
    """Whether code that a model folder brings may be run, and weights other than safetensors be read."""

    @model_validator(mode="after")
    def _served(self) -> ModelSettings:
        if self.engine == "openai" and not self.server.base_url:
            raise ValueError("engine 'openai' needs server.base_url, such as http://localhost:8000/v1")
        if self.engine == "openai" and self.name.startswith("package:"):
            raise ValueError("engine 'openai' needs in name what the server calls the model")
        return self


class ColumnSettings(Settings):
    """What the columns of the user's pairs are called; empty finds the usual names."""

    instruction: str = ""
    """The instruction; else 'instruction', 'prompt', 'question'."""
    input: str = ""
    """Text that belongs to the instruction and is put behind it; else 'input', 'context'."""
    response: str = ""
    """The response; else 'response', 'output', 'completion', 'answer'."""
    messages: str = ""
    """A conversation of which the first exchange is taken; else 'messages', 'conversations'."""


class SeedSettings(Settings):
    """The human-written pairs that everything starts from (paper, section 2.1)."""

    source: str = "package:demo"
    """JSONL or Parquet file (.gz and .zst too), data set folder, hub id, or 'package:demo' for the pairs shipped."""
    format: Literal["auto", "pairs", "messages", "sharegpt", "oasst"] = "auto"
    """Layout; auto looks at the columns. oasst: Open Assistant trees, first turn, best-ranked reply."""
    columns: ColumnSettings = ColumnSettings()
    language: str = "en"
    """Language of the Open Assistant rows to take; empty takes all."""
    limit: Annotated[int, Field(ge=0)] = 0
    """Take this many pairs, a seeded sample; 0 takes all. The paper has 3,200."""
    holdout_share: Share = 0.1
    """Part of the pairs that is never trained on and measures every model."""
    holdout_min: Annotated[int, Field(ge=1)] = 16
    """The held-out part is at least this many pairs."""
    without_context: bool = False
    """Leave out the pairs that have an input or context."""


FilterName = Literal[
    "no header",
    "navigation header",
    "header all upper-case",
    "too short",
    "too long",
    "mostly links",
    "mostly code or symbols",
    "wrong language",
    "many symbols",
    "many capitals",
    "lines break off",
    "mostly bullet points",
    "starts inside a sentence",
    "stops short",
    "opens in the middle",
    "leans on its page",
    "something is missing",
    "unfinished template",
    "speaks to the rater",
    "repeats itself",
    "holds personal data",
]
"""The filters of segments, by the reason that their objections are counted under."""


class SegmentSettings(Settings):
    """Which stretches of a document may become responses (paper, section 2.1 and appendix)."""

    min_chars: Positive = 600
    """Shortest segment, in characters."""
    max_chars: Positive = 3000
    """Longest segment, in characters."""
    max_repetition: Share = 0.7
    """Drop a segment of which two sentences share more than this part of their word n-grams (Jaccard similarity). The
    paper does not give it; at 0.3 lists of parameters and of steps, which are good answers, go too."""
    repetition_ngram: Positive = 3
    """The n of those n-grams. The paper does not give it."""
    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes to keep; empty keeps all."""
    min_language_probability: Share = 0.65
    """Drop a segment whose language is less sure than this, as in FineWeb (Penedo et al. 2024)."""
    max_links: Share = 0.5
    """Drop a segment of which more than this part is links."""
    min_prose: Share = 0.12
    """Drop a segment of which less than this part is letters of prose: the rest is code, figures and symbols."""
    max_symbols: Share = 0.1
    """Most hash signs and ellipses to a word, as in MassiveText (Rae et al. 2021)."""
    max_capitals: Share = 0.3
    """Drop a segment of which more than this part of the letters is capitals. In English prose 3 % are; of 4,800
    segments of documentation one in a thousand has more than 19 %."""
    max_ellipsis_lines: Share = 0.3
    """Drop a segment of which more than this part of the lines ends in an ellipsis, as in MassiveText."""
    max_bullet_lines: Share = 0.9
    """Drop a segment of which more than this part of the lines are bullet points, as in MassiveText. Here only short
    ones count, of 8 words at most, and no numbered steps: lists of ingredients or of reasons are good answers."""
    personal_data: Literal["mask", "drop", "keep"] = "mask"
    """mask: put words such as [email address] in the place of e-mail addresses, phone numbers, public IP addresses,
    bank accounts, payment cards and US social security numbers. drop: drop the segments that hold them."""
    skip: tuple[FilterName, ...] = ()
    """Filters not to apply, by the reason they are counted under, such as 'leans on its page'."""
    header_blocklist: tuple[str, ...] = (
        "advertisement",
        "forum",
        "quick link",
        "free newsletter",
        "newsletter",
        "related post",
        "related article",
        "related stories",
        "related content",
        "recommended reading",
        "suggested reading",
        "attribution",
        "resource",
        "you may also like",
        "more from",
        "most popular",
        "trending",
        "leave a reply",
        "comment",
        "share this",
        "sign up",
        "subscribe",
        "log in",
        "table of contents",
        "contents",
        "on this page",
        "site map",
        "privacy policy",
        "terms of service",
        "cookie",
        "navigation",
        "license",
        "licensing",
        "changelog",
        "change log",
        "release note",
        "release history",
        "what's changed",
        "new contributor",
        "contributing",
        "contributor",
        "contribute",
        "author",
        "maintainers",
        "credits",
        "acknowledgements",
        "acknowledgments",
        "sponsor",
        "backers",
        "donate",
        "donation",
        "citation",
        "citing",
        "contact",
        "code of conduct",
        "bug report",
        "see also",
        "further reading",
        "more information",
        "additional resource",
        "external link",
        "useful link",
        "link",
        "references",
    )
    """Drop a segment whose header is one of these phrases, small words aside: navigation, not an answer. Such a section
    is also left out of a larger one that holds it."""


class UrlSettings(Settings):
    """Which addresses are not read, where documents have one."""

    blocklists: tuple[str, ...] = ()
    """Files with one host, domain or start of an address on each line; '#' begins a comment. .gz and .zst too."""
    adult: bool = True
    """Drop documents whose address holds a word of the list of adult words that ships."""


class DeduplicateSettings(Settings):
    """Duplicates across the whole corpus: MinHash with locality-sensitive hashing (Broder 1997), out of core."""

    exact: bool = True
    """Drop all but the first of segments that are the same but for case and white space."""
    near: bool = True
    """Drop all but the first of segments that nearly are."""
    threshold: Share = 0.8
    """Jaccard similarity of the sets of word n-grams from which two segments are near-duplicates. It is estimated
    to .03: of planted pairs all from .85 on are found, of .8 to .85 96 %, of .7 to .8 24 %, below none."""
    ngram: Positive = 5
    """Words in one of those n-grams (shingles); case, punctuation and Markdown marks do not count."""
    bands: Positive = 16
    """Bands of the signature: two segments are compared where they agree in all rows of one."""
    rows: Positive = 6
    """Hashes in a band. With 16 bands of 6, 99.2 % of the pairs of similarity .8 meet, and 22 % of those of .5."""


class LineSettings(Settings):
    """Lines that recur across a site: its furniture, whatever the markup said."""

    max_documents: Annotated[int, Field(ge=0)] = 5
    """A line of prose in segments from more documents of one site than this is taken out of all; 0 takes none."""
    min_share: Share = 0.05
    """The line must also stand in at least this part of the site's documents: a site of thousands says many things
    often. Of 298 recipes of one site no step stands in more than 1.3 %."""
    min_chars: Positive = 25
    """Shorter lines may recur."""


class DecontaminateSettings(Settings):
    """Segments and seed pairs that hold evaluation prompts are dropped: what is measured must not be trained on."""

    against: tuple[str, ...] = ()
    """Files of prompts, or folders of them: JSONL, JSON, CSV, Parquet, or text with one on each line; .gz and .zst
    too. The prompts are found under the usual names ('prompt', 'instruction', 'question', 'turns', ...). Empty checks
    nothing."""
    ngram: Positive = 8
    """Words in one n-gram. A prompt of fewer words, down to 5, must stand in the text as a sentence of its own; one of
    fewer than 5 is not looked for."""
    min_overlap: Share = 0.5
    """Drop a text that holds at least this part of the n-grams of one prompt. Tulu 3 (Lambert et al. 2024) asks for
    half of a prompt and 8-grams too. N-grams that more than 10 prompts share do not count."""


class CorpusSettings(Settings):
    """The unlabelled corpus."""

    documents: tuple[str, ...] = ("installed:",)
    """Files, folders, globs, and URLs of them (https://, s3://, gs://, hf:// and what else fsspec knows; '${NAME}' in
    one is an environment variable): web archives (WARC, WET), HTML, Markdown, reStructuredText, text, EPUB, DOCX, PDF,
    JSONL, Parquet and Arrow; .gz, .zst, .bz2 and .xz too. 'hf:NAME' or 'hf:NAME:CONFIG/SPLIT' is a Hugging Face data
    set, on the hub or in a folder; 'installed:' the descriptions of the Python distributions installed here."""
    text_column: str = ""
    """Column with the text of a JSONL or Parquet file; empty finds 'text', 'content', 'html', 'markdown', 'body'."""
    title_column: str = ""
    """Column with the title; empty finds 'title'."""
    id_column: str = ""
    """Column with the name of the document; empty finds 'url', 'id', 'source'."""
    format: Literal["auto", "html", "markdown", "rst", "text"] = "auto"
    """How the text is to be read; auto goes by the file's ending, or for a table by the look of the text."""
    max_document_chars: Positive = 5_000_000
    """A longer document is dropped and counted."""
    max_document_seconds: Annotated[float, Field(gt=0)] = 30.0
    """A document that takes longer to parse and cut is dropped and counted."""
    part_mib: Positive = 64
    """Stored size of the parts that the documents are worked on in, each by one worker, in MiB."""
    memory_mib: Positive = 256
    """Memory that one worker may take to find duplicates and recurring lines, in MiB; more is done in passes."""
    limit: Annotated[int, Field(ge=0)] = 0
    """Keep this many segments, a seeded sample of all; 0 keeps all."""
    urls: UrlSettings = UrlSettings()
    segment: SegmentSettings = SegmentSettings()
    lines: LineSettings = LineSettings()
    deduplicate: DeduplicateSettings = DeduplicateSettings()

    @field_validator("documents")
    @classmethod
    def _no_secrets(cls, documents: tuple[str, ...]) -> tuple[str, ...]:
        """The settings are kept in the run folder and its cards; a password must not be."""
        if any(_PASSWORD.match(entry) for entry in documents):
            raise ValueError("a URL holds a password: set an environment variable and write ${NAME} in its place")
        return documents


class LoraSettings(Settings):
    """Low-rank adapters (Hu et al. 2021), where `method` is 'lora' or 'qlora'; merged into the weights at the end."""

    rank: Positive = 16
    """Rank of each adapter."""
    alpha: Positive = 32
    """Scale: the adapter counts alpha / rank times."""


class TrainSettings(Settings):
    """One training. Backward and forward differ only in their direction (paper, section 3.1)."""

    method: Literal["full", "lora", "qlora"] = "full"
    """Change all weights, or only low-rank adapters; qlora keeps the base in 4 bits meanwhile (Dettmers et al. 2023)
    and needs the package bitsandbytes. On a GPU; elsewhere it works, and is slow."""
    lora: LoraSettings = LoraSettings()
    freeze_embeddings: bool = False
    """Leave the embeddings, and a head tied to them, as they are: a third less work for a small model with a large
    vocabulary. Adapters leave them anyway."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    """First learning rate of AdamW. The paper's 1e-5 is for 7B and more; small models want more."""
    final_learning_rate: Annotated[float, Field(ge=0)] = 9e-6
    """The rate, not a factor, that the linear schedule ends at."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Steps in which the rate rises from 0. The paper reports none."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    """AdamW's weight decay."""
    dropout: Share = 0.1
    """Dropout of attention weights, where the architecture has it, and of adapters."""
    max_grad_norm: Annotated[float, Field(ge=0)] = 1.0
    """Gradients are clipped to this norm; 0 does not clip. Not in the paper."""
    steps: Literal["paper"] | Positive = "paper"
    """Optimiser steps; 'paper' reads them off the paper's table by the number of pairs."""
    epochs: Annotated[float, Field(gt=0)] | None = None
    """Passes over the pairs, in place of `steps`: M_t then sees each seed pair as often as M_0 does."""
    batch_size: Literal["paper"] | Positive = "paper"
    """Pairs in one optimiser step; 'paper' is 8 below 3,000 pairs and 32 from there on."""
    packing: bool = True
    """Put the pairs of a forward pass behind one another, without padding; no pair sees another. A model that cannot
    (it is tried at the start) is trained in padded batches. Changes no result but the draws of dropout."""
    pack_tokens: Positive = 2048
    """Tokens in one packed forward pass, which bound its memory; a longer pair has one to itself."""
    micro_batch_size: Positive = 4
    """Pairs in one padded forward pass, where they are not packed; the rest of the batch is accumulated."""
    gradient_checkpointing: bool | None = None
    """Compute activations twice instead of keeping them: less memory, a third more work. Not given: on a GPU, from a
    billion parameters on."""
    devices: Annotated[int, Field(ge=0)] = 1
    """Processes that train together, one on each GPU (or, without one, on the CPU); 0 takes every GPU. The same steps
    and the same examples in each, whatever their number."""
    shard: bool = False
    """Split weights, gradients and the optimiser's state over the devices (FSDP), for models too large for one."""
    checkpoint_steps: Positive = 50
    """A training that is killed goes on from the last multiple of this many steps."""
    keep_checkpoints: Positive = 1
    """Checkpoints kept on the disk; one more is there while the next is written."""
    early_stop_checks: Annotated[int, Field(ge=0)] = 0
    """End when the held-out loss has not fallen for this many checks, and keep the best weights; 0 never does. The
    paper does not."""
    early_stop_steps: Positive = 20
    """Steps between two such checks."""
    tracker: Literal["none", "tensorboard", "trackio", "wandb"] = "none"
    """Where curves are sent as well: TensorBoard's files (in the model's folder, under 'runs'), trackio, or Weights &
    Biases. Each is a package to install; nothing is sent unless this says so."""
    max_dropped_share: Share = 0.2
    """Fail where more than this part of the pairs cannot be trained on (no target, too long)."""

    @model_validator(mode="after")
    def _one_length(self) -> TrainSettings:
        if self.epochs is not None and self.steps != "paper":
            raise ValueError("give only one of steps and epochs")
        return self


class TagSettings(Settings):
    """The sentence that tells seed from augmented data, put behind each instruction (paper, section 2.2)."""

    enabled: bool = True
    """Whether prompts carry tags at all."""
    seed: str = "Answer in the style of an AI Assistant."
    """S_a, for seed pairs."""
    augmented: str = "Answer with knowledge from web search."
    """S_w, for augmented pairs. At inference both are given, S_a first."""


class AugmentSettings(Settings):
    """Self-augmentation: the backward model writes instructions (paper, section 2.2)."""

    title_path: bool = False
    """Show the backward model the titles above a segment too ('Guide > Install'). Off, as it is trained without."""
    per_segment: Positive = 1
    """Instructions written for each segment; the likeliest valid one is kept."""
    temperature: Annotated[float, Field(ge=0)] = 0.7
    """Sampling temperature."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Nucleus."""
    max_new_tokens: Positive = 96
    """Longest instruction, in tokens; one that does not end by then is dropped."""
    min_chars: Positive = 10
    """Shortest instruction."""
    max_chars: Positive = 800
    """Longest instruction."""
    max_overlap: Share = 0.6
    """Drop an instruction of which more than this part of the word 5-grams stands in its response: a copy."""


class SelectSettings(Settings):
    """What of the rated candidates is kept. Exactly one of the three. Default: a score of 4.5 and more, A_5."""

    threshold: float | None = None
    """Keep scores of at least this. The paper's A_5 is 4.5, its A_4 is 4."""
    top_share: Annotated[float, Field(gt=0, le=1)] | None = None
    """Keep this part of all candidates, the best first."""
    top_n: Positive | None = None
    """Keep this many candidates, the best first."""

    @model_validator(mode="after")
    def _one(self) -> SelectSettings:
        given = [name for name in ("threshold", "top_share", "top_n") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"give only one of threshold, top_share, top_n, not {' and '.join(given)}")
        return self


class CurateSettings(Settings):
    """Self-curation: M_{t-1} rates every candidate, the best are kept (paper, section 2.3)."""

    scorer: Literal["rating", "expected-rating"] = "rating"
    """rating: the model reasons and writes a score, as in the paper. expected-rating: the mean of the distribution
    over 1 to 5 read at the answer position; never unparsed, and the one to take for small models."""
    select: SelectSettings = SelectSettings()
    temperature: Annotated[float, Field(ge=0)] = 0.7
    """Sampling temperature of `rating`."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Nucleus of `rating`."""
    max_new_tokens: Positive = 256
    """Longest reply of `rating`; where it ends before the score, the rating is 'truncated'."""
    max_unrated_share: Share = 0.5
    """Fail where more than this part of the candidates gets no score."""


class EvaluateSettings(Settings):
    """The held-out measures."""

    heldout: bool = True
    """Loss of every model on the held-out seed pairs: base and M_t forwards, base and M_yx backwards."""


class RunSettings(Settings):
    """How the run is carried out."""

    seed: int = 0
    """Every random choice follows from this, the stage and the record."""
    iterations: Positive = 2
    """Rounds of self-curation: T in the paper."""
    shard_rows: Positive = 64
    """Documents, segments or candidates that are worked on and committed together: what a kill can cost."""
    executor: Literal["local", "ray"] = "local"
    """Where stages are carried out: on this machine, or on a Ray cluster."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Workers for the stages that need no model; 0 takes one for each core. No number of them changes a result."""


class Config(Settings):
    """One run, from documents, seed and base model to curated data set and model."""

    run: RunSettings = RunSettings()
    model: ModelSettings = ModelSettings()
    seed: SeedSettings = SeedSettings()
    corpus: CorpusSettings = CorpusSettings()
    decontaminate: DecontaminateSettings = DecontaminateSettings()
    tags: TagSettings = TagSettings()
    backward: TrainSettings = TrainSettings()
    """The training of M_yx."""
    forward: TrainSettings = TrainSettings()
    """The trainings of M_0, M_1, ..., M_T, each from the base model."""
    augment: AugmentSettings = AugmentSettings()
    curate: CurateSettings = CurateSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
