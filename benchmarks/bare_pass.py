"""A forward pass with nothing around it: what reading pairs for `expected-rating` cannot beat."""

from __future__ import annotations

from typing import Any

import torch
from speeds import Clock, Row

from humpback.engines.loaded_model import LoadedModel
from humpback.models.template import common_prefix
from humpback.prompts import EXPECTED_RATING_PREFIX, expected_rating_messages
from humpback.records import Pair


class BarePass:
    """Over the tokens that only one prompt has, in the engine's own batches."""

    def __init__(self, loaded: LoadedModel, pairs: list[Pair]) -> None:
        prompts = [
            loaded.template.prompt(
                expected_rating_messages(pair.instruction, pair.response), EXPECTED_RATING_PREFIX, loaded.max_tokens
            )
            for pair in pairs
        ]
        prompts.sort(key=len)
        self.shared = len(common_prefix(prompts))
        own = [ids[self.shared :] for ids in prompts]
        self.rows, self.tokens = len(own), sum(map(len, own))
        self.looks = sum(len(ids) ** 2 / 2 for ids in own)
        """Pairs of tokens that meet in attention."""
        self._batches = []
        for batch in loaded.batches(own, [len(ids) for ids in prompts], [1] * len(prompts)):
            width = max(map(len, batch))
            rows = [[*ids, *[loaded.template.pad_id] * (width - len(ids))] for ids in batch]
            self._batches.append(torch.tensor(rows, device=loaded.device))

    def run(self, network: Any) -> Row:
        """The pass by one network."""
        clock = self.clocked(network)
        return clock.rates(pairs=self.rows, tokens=self.tokens)

    @torch.inference_mode()
    def clocked(self, network: Any) -> Clock:
        """What it takes."""
        clock = Clock()
        with clock.running():
            for ids in self._batches:
                network(ids, use_cache=False, logits_to_keep=1)
        return clock
