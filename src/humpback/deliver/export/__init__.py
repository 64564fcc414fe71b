"""The curated set and the model in the formats of the ecosystem, with cards.

Takes iterators of records and plain facts, and writes one folder that is there as a whole or not at all. Data go out
as Parquet and JSONL that `datasets.load_dataset` and TRL read as they are; models in the Hugging Face layout. Knows
no path of a run but the folders it is given.
"""

from humpback.deliver.export.cards import CardFacts, data_card, model_card
from humpback.deliver.export.data import export_data
from humpback.deliver.export.layouts import LAYOUTS
from humpback.deliver.export.model import export_model

__all__ = ["LAYOUTS", "CardFacts", "data_card", "export_data", "export_model", "model_card"]
