"""Many prompts through a server by another tool, each as it comes; run by an interpreter that has the tool.

    python benchmarks/peers/served.py (data-designer | curator) URL COUNT AT_ONCE

Started by benchmarks/serving_load.py with --peers. AT_ONCE is the number of requests at a time that the tool is told; 0
leaves its own. The last line of output is the number of answers that it gave back.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

PROMPT = "The harbour lies behind a long wall of grey stone, and ships wait there for the tide. " * 12


def data_designer(url: str, count: int, at_once: int, folder: Path) -> int:
    import pandas as pd
    from data_designer import config
    from data_designer.interface import DataDesigner

    parameters = config.ChatCompletionInferenceParams(
        temperature=0.7, top_p=0.9, max_tokens=96, **({"max_parallel_requests": at_once} if at_once else {})
    )
    model = config.ModelConfig(
        alias="m", model="m", provider="simulated", inference_parameters=parameters, skip_health_check=True
    )
    provider = config.ModelProvider(name="simulated", endpoint=url, api_key="none")
    builder = config.DataDesignerConfigBuilder(model_configs=[model])
    seeds = pd.DataFrame({"number": range(count)})
    builder.with_seed_dataset(config.DataFrameSeedSource(df=seeds))
    builder.add_column(config.LLMTextColumnConfig(name="answer", model_alias="m", prompt="{{ number }} " + PROMPT))
    designer = DataDesigner(artifact_path=folder, model_providers=[provider])
    return len(designer.create(builder, num_records=count).load_dataset())


def curator(url: str, count: int, at_once: int, folder: Path) -> int:
    os.environ |= {"CURATOR_DISABLE_RICH_DISPLAY": "1", "TELEMETRY_ENABLED": "0", "OPENAI_API_KEY": "none"}
    from bespokelabs import curator as bespoke

    told = {"max_concurrent_requests": at_once} if at_once else {}
    limits = {"max_requests_per_minute": 10**6, "max_tokens_per_minute": 10**9}  # its own would be a made-up provider's
    model = bespoke.LLM(
        model_name="openai/m", backend="litellm", backend_params={"base_url": url, "api_key": "none", **limits, **told},
        generation_params={"temperature": 0.7, "top_p": 0.9, "max_tokens": 96},
    )  # fmt: skip
    answers = model([f"{number} {PROMPT}" for number in range(count)], working_dir=str(folder))
    return len(answers.dataset)


def main() -> None:
    tool, url, count, at_once = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    ask = {"data-designer": data_designer, "curator": curator}[tool]
    with tempfile.TemporaryDirectory() as folder:
        print(ask(url, count, at_once, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
