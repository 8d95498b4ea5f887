"""Registers the good toy and every broken one; each differs from the good one in what is named."""

from __future__ import annotations

from posealign_core.hookspecs import hookimpl
from posealign_core.specs import BackboneSpec, BackboneTags, Requirement
from posealign_core.vocabulary import AlignMode, TaskKind

TAGS = {
    "modes": frozenset(AlignMode),
    "kinds": frozenset(TaskKind),
    "consumes": frozenset({"points", "objects"}),
    "produces": frozenset({"text", "boxes", "objects"}),
    "packs_questions": True,
}
ENCODERS = {
    "toy-reads-global-generator": "ReadsGlobalGenerator",
    "toy-marks-sample": "MarksSample",
    "toy-needs-colors": "NeedsColors",
    "toy-holds-weights": "HoldsWeights",
    "toy-region-in-world": "RegionInWorld",
    "toy-realigns": "Realigns",
    "toy-always-embeds": "AlwaysEmbeds",
    "toy-silent-about-pose": "SilentAboutPose",
    "toy-turns-against-policy": "TurnsAgainstPolicy",
    "toy-embeds-old-pose": "EmbedsOldPose",
    "toy-states-old-pose": "StatesOldPose",
    "toy-ignores-situation": "IgnoresSituation",
    "toy-leaks-target": "LeaksTarget",
    "toy-blind-to-points": "BlindToPoints",
    "toy-answers-first-question": "AnswersFirstQuestion",
}
MODELS = {
    "toy-thaws": "Thaws",
    "toy-drifts": "Drifts",
    "toy-noisy-loss": "NoisyLoss",
    "toy-not-finite": "NotFinite",
    "toy-constant-loss": "ConstantLoss",
    "toy-ignores-embedding": "IgnoresEmbedding",
    "toy-drops-last": "DropsLast",
    "toy-answers-rows": "AnswersRows",
    "toy-rolls-dice": "RollsDice",
    "toy-counts-batch": "CountsBatch",
    "toy-boxes-elsewhere": "BoxesElsewhere",
    "toy-hides-state": "HidesState",
    "toy-takes-anything": "TakesAnything",
}
SPECS = {
    "toy": {},
    "toy-without-summary": {"summary": ""},
    "toy-melting-config": {"config": "toy_faults:MeltingConfig"},
    "toy-misspelt-preset": {"presets": "toy_broken_presets"},
    "toy-no-install-hint": {"requires": (Requirement(module="json", install=""),)},
    "toy-turned": {},
    **{name: {"encoder": f"toy_faults:{found}"} for name, found in ENCODERS.items()},
    **{name: {"model": f"toy_faults:{found}"} for name, found in MODELS.items()},
}


def spec(name, **changes):
    parts = {
        "summary": "a toy",
        "encoder": "toy_backbone:ToyEncoder",
        "model": "toy_backbone:ToyBackbone",
        "config": "toy_backbone:ToyConfig",
        "presets": "toy_presets",
        "tags": BackboneTags(**TAGS),
    }
    return BackboneSpec(name=name, **{**parts, **changes})


@hookimpl
def posealign_register_backbones(register):
    for name, changes in SPECS.items():
        register(spec(name, **changes))


@hookimpl
def posealign_transform(backbone, sample, pose):
    """The ego frame of `toy-turned` looks backwards; everybody else's is the core's."""
    if backbone != "toy-turned":
        return None
    from toy_faults import look_backwards

    return look_backwards(sample, pose)
