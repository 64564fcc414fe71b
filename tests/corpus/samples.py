"""Sentences to build documents from: real English, each different from the others."""

from __future__ import annotations

from humpback.records import Document, DocumentFormat, content_id

BREAD = (
    "Knead the dough for ten minutes, until it is smooth and springs back when you press it with a finger.",
    "Cover the bowl with a damp cloth and leave it in a warm place while the yeast does its work.",
    "After about an hour the dough should have doubled, and a deep dent made with a thumb should stay.",
    "Shape it on a floured board, fold the edges under and let it rest once more before it goes into the oven.",
    "Bake it on a hot stone, with a tray of water below, so that the crust stays soft long enough to open.",
    "The loaf is done when it sounds hollow underneath; let it cool on a rack for at least half an hour.",
    "A slow rise in the refrigerator gives more flavour, because the enzymes have time to work on the starch.",
    "Weigh the flour instead of measuring it in cups, since a cup may hold a third more when it is packed.",
)
TIDES = (
    "The moon pulls the near side of the ocean a little harder than the centre of the earth, which raises a bulge.",
    "A second bulge lies on the far side, where the pull is weaker than average and the water is left behind.",
    "As the planet turns beneath these bulges, most coasts see two high and two low waters in a day.",
    "When sun and moon stand in line their effects add up, and the difference between high and low is greatest.",
    "In a narrow bay the incoming water piles up, so the range can reach more than fifteen metres.",
    "Tables for harbours are computed from decades of measurements rather than from theory alone.",
)

BREAD_TEXT = "\n\n".join([" ".join(BREAD[:4]), " ".join(BREAD[4:])])
TIDES_TEXT = "\n\n".join([" ".join(TIDES[:3]), " ".join(TIDES[3:])])


def document(text: str, form: DocumentFormat = "markdown", title: str = "", source: str = "notes.md") -> Document:
    return Document(content_id(source, text), source, form, title, text)


def distinct(count: int, topic: str = "harbour") -> str:
    """As many English sentences, no two alike, about 100 characters each."""
    places = ("north", "south", "east", "west", "upper", "lower", "old", "new")
    return " ".join(
        f"In the {places[number % 8]} {topic} number {number} keepers count lamp {number * 7} and note "
        f"{number + 3} ships before dawn breaks."
        for number in range(count)
    )
