"""Why something was dropped or rated low, in words: one table for the report and for what commands print.

A reason that is counted (`Dropped.reason`) and a sign that a rating saw are short names, which settings and files use.
A name that is missing here is shown as it is.
"""

from __future__ import annotations

UNREAD = {
    "damaged body": "packed in a way that cannot be unpacked",
    "damaged file": "damaged or cut off",
    "damaged record": "a damaged record of a web archive",
    "document too long": "longer than corpus.max_document_chars",
    "encrypted file": "locked, or in a format that is not read",
    "extra not installed": "what reads this kind of file is not installed",
    "nested too deep": "its elements are nested too deep",
    "not JSON": "a line that is not JSON",
    "not read": "packed in a way that is not read",
    "not text": "not a text",
    "pictures of text": "its pages are pictures of text",
    "takes too much memory": "takes too much memory to read",
    "took too long": "takes too long to read",
    "too many fields": "a row with too many fields",
}
"""Of documents that somebody may have counted on, and that could not be read."""

_DOCUMENTS = {
    "address for machines": "an address that is meant for machines",
    "adult address": "the address of a page for adults",
    "blocked address": "its address is on a block list",
    "empty document": "an empty document",
    "http status": "not a page: the server answered with an error or a redirect",
    "no text": "no text in it that could become a segment",
}
_SEGMENTS = {
    "advertises": "advertises or disclaims",
    "duplicate": "the same as one that stays",
    "exercises or objectives": "sets exercises, or says what will be learnt",
    "header all upper-case": "its header is all upper-case",
    "holds an evaluation prompt": "holds a prompt of an evaluation",
    "holds personal data": "holds personal data",
    "leans on its page": "refers to something else on its page",
    "lines break off": "its lines break off",
    "many capitals": "too many capitals",
    "many symbols": "too many symbols",
    "mostly bullet points": "mostly bullet points",
    "mostly code or symbols": "mostly code or symbols",
    "mostly links": "mostly links",
    "navigation header": "under a header that belongs to navigation",
    "near duplicate": "nearly the same as one that stays",
    "no header": "its header has no word in it",
    "not sampled": "not drawn into the sample",
    "opens in the middle": "opens in the middle of a thought",
    "readers' comments": "comments of readers",
    "recurring lines": "little is left without lines that recur on other pages",
    "repeats itself": "repeats itself",
    "says the same as another": "says in other words what another says that stays",
    "something is missing": "something is missing from it",
    "speaks to the rater": "states a score of its own, or gives orders to the rater",
    "starts inside a sentence": "starts inside a sentence",
    "stops short": "stops before its end",
    "too long": "longer than the settings allow",
    "too short": "shorter than the settings allow",
    "unfinished template": "a template that was not filled in",
    "unlike the seed": "not among those most like the seed's answers",
    "wrong language": "in another language, or not clearly in one",
}
_PAIRS = {
    "another instruction fits better": "another instruction fits its text better",
    "another script": "the instruction is in another script than the text",
    "copy of the response": "the instruction is copied from the text",
    "did not end": "the instruction did not end",
    "echo of the prompt": "the instruction repeats the prompt that asked for it",
    "empty": "the instruction is empty",
    "generation failed": "the model gave no answer",
    "has context": "needs a context that is not part of the pair",
    "left blank": "the instruction has places to fill in, or an address that the model cannot read",
    "no instruction": "has no instruction",
    "no response": "has no response",
    "no source": "the side that is read is empty",
    "no target": "the side that is learnt is empty",
    "not an instruction": "what was written is no instruction",
    "not approved": "not approved by the people who reviewed it",
    "repeats an example": "the instruction is one of the examples that its writer was shown",
    "other language": "in another language than seed.language",
    "refusal": "the model refused to write an instruction",
    "several requests": "several instructions were written, not one",
    "speaks of an unseen text": "the instruction speaks of a text that its reader does not see",
}
_SEED_ROWS = {
    "another split": "belongs to a split that is not for training",
    "has a picture or file": "holds a picture, a sound or a file",
    "has choices": "chooses among answers that stand in another column",
    "later turns": "turns behind the first exchange, or behind the last answer that is learnt",
    "not to be learnt": "marked as not to be learnt",
    "other answers": "other answers to the same question",
    "reasoning": "reasoning before an answer, which is left out",
    "rejected answer": "an answer that people rejected",
    "unknown role": "a turn of a speaker that is not known",
    "unreadable turns": "its conversation cannot be read",
    "uses tools": "calls tools, or answers what they gave",
}
_SELECTION = {
    "below the threshold": "scored below the cut",
    "enough of its document": "enough better ones of its document are kept",
    "enough of its group": "enough better ones of its group are kept",
    "rejected by people": "rejected by the people who looked at it",
    "near-identical instruction": "its instruction is nearly that of a better one",
    "not rated": "has no rating",
    "not rated: out of the cascade's reach": "not rated: a cheaper scorer had placed it too low",
    "unrated: missing": "has no rating",
    "unrated: truncated": "its rating was cut off before the score",
    "unrated: unparsed": "its rating states no score",
}
_SIGNS = {
    "answering": "instruction and answer do not belong together",
    "beginning": "the first third of the answer is unlike the rest",
    "closing": "the answer stops before its end",
    "ending": "the last third of the answer is unlike the rest",
    "evenness": "some sentences of the answer do not belong to the others",
    "grade": "the model gives it a low grade",
    "opening": "the answer begins in the middle or answers something else",
    "repetition": "the answer says the same words more than once",
    "starts": "the sentences of the answer do not follow from one another",
}
REASONS = UNREAD | _DOCUMENTS | _SEGMENTS | _PAIRS | _SEED_ROWS | _SELECTION | _SIGNS
"""The words for each name."""


def in_words(name: str) -> str:
    """The words for a reason or a sign."""
    return REASONS.get(name, name)
