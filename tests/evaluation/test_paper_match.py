from __future__ import annotations

import pytest

from posealign_core.evaluation.paper_match import Setting, band_of, paper_figure
from posealign_core.evaluation.result import BenchmarkResult
from posealign_core.vocabulary import AlignMode

T, E, P = (AlignMode.TRANSFORM,), (AlignMode.EMBED,), (AlignMode.PROMPT,)
SIZES = {"scanrefer": 9_508, "scanqa": 4_675, "sqa3d": 3_519}


def whole(benchmark: str, n: int | None = None) -> BenchmarkResult:
    size = SIZES[benchmark] if n is None else n
    return BenchmarkResult(
        benchmark=benchmark,
        split="test" if benchmark == "sqa3d" else "val",
        keys=tuple(map(str, range(size))),
        scene_ids=("s",) * size,
        scores={},
        subsets={},
        n_predicted=size,
    )


@pytest.mark.parametrize(
    ("setting", "benchmark", "metric", "value", "row"),
    [
        (Setting(backbone="3d_llava"), "scanrefer", "mask_iou", 42.6, "3D-LLaVA"),
        (Setting(backbone="3d_llava"), "sqa3d", "em", 54.9, "baseline"),
        (
            Setting(backbone="3d_llava", modes=T, selector="clip", ratio=0.3),
            "scanqa",
            "cider",
            99.8,
            "3D-LLaVA + T",
        ),
        (
            Setting(backbone="3d_llava", modes=T, selector="clip", ratio=0.0),
            "sqa3d",
            "em",
            55.1,
            "0.0",
        ),
        (
            Setting(backbone="3d_llava", modes=T, selector="top"),
            "scanrefer",
            "mask_iou",
            68.5,
            "T, Top",
        ),
        (
            Setting(backbone="3d_llava", modes=P, selector="top"),
            "scanqa",
            "judge",
            44.9,
            "P, Top",
        ),
        (
            Setting(backbone="chat_scene", modes=E, selector="clip", ratio=0.1),
            "scanqa",
            "cider",
            86.7,
            "0.1",
        ),
        (Setting(backbone="ll3da_sonata"), "scanqa", "bleu_4", 12.6, "LL3DA-S"),
    ],
)
def test_figures_are_those_of_the_tables(
    setting: Setting, benchmark: str, metric: str, value: float, row: str
) -> None:
    found = paper_figure(setting, whole(benchmark), metric)
    assert found is not None
    assert (found.value, found.row) == (value, row)


@pytest.mark.parametrize(
    ("setting", "n"),
    [
        (Setting(backbone="3d_llava"), 100),  # made-up rooms, or a part
        (Setting(backbone="template"), None),
        (Setting(backbone="3d_llava", modes=(*T, *E), selector="top"), None),
        (Setting(backbone="3d_llava", modes=T, selector="top", plain=False), None),
        (Setting(backbone="3d_llava", modes=T, selector="annotated"), None),
    ],
)
def test_what_the_paper_did_not_run_has_no_figure(setting: Setting, n: int | None) -> None:
    assert paper_figure(setting, whole("scanrefer", n), "mask_iou") is None
    assert band_of(setting, whole("scanrefer", n), "mask_iou") is None


def test_bands_belong_to_their_settings() -> None:
    masks = whole("scanrefer")
    clip = Setting(backbone="3d_llava", modes=T, selector="clip", ratio=0.3)
    band = band_of(clip, masks, "mask_iou")
    assert band is not None
    assert (band.low, band.high) == (53.9, 56.9)
    other = Setting(backbone="3d_llava", modes=T, selector="clip", ratio=0.2)
    assert band_of(other, masks, "mask_iou") is None
    assert band_of(clip, masks, "acc@0.5") is None
    judge = band_of(clip, whole("scanqa"), "judge")
    assert judge is not None
    assert judge.of_difference
