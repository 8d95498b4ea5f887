"""Answers the toy's questions in as many processes as there are: `torchrun shared_predict.py DIR`.

The learning toy's folder is the second argument.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, sys.argv[2])

from learning_toy import ToyBackbone, ToyConfig, ToyEncoder, toy_pipeline, toy_queries

from posealign_core.backbone import GenerationOptions
from posealign_core.evaluation import Evaluator


def main(folder: Path) -> None:
    """Write `folder/answers.jsonl`, and what this process saw of it."""
    queries = toy_queries(annotated=False)
    outcome = Evaluator(batch_size=4).predict(
        ToyBackbone(ToyConfig()),
        ToyEncoder(ToyConfig()),
        toy_pipeline(folder, queries),
        queries,
        GenerationOptions(max_new_tokens=2),
        folder / "answers.jsonl",
    )
    sys.stdout.write(f"{outcome.n_predictions} {outcome.n_new}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
