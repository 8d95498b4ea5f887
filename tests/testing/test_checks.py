"""Every check finds the fault that it is there for, and nothing else finds it by accident."""

from __future__ import annotations

import pytest

from posealign_core.host import build_host
from posealign_core.testing import backbone_checks, check_backbone

# Which checks fail for each broken toy. A fault that shows in several places has several.
FAULTS = {
    "toy-without-summary": {"check_spec_is_complete"},
    "toy-heavy": {"check_plugin_import_is_light"},
    "toy-melting-config": {"check_factories_resolve"},
    "toy-once": {"check_registers_twice"},
    "toy-misspelt-preset": {"check_presets_validate"},
    "toy-no-install-hint": {"check_missing_dependency_message"},
    "toy-blind-to-points": {"check_consumes_what_it_claims"},
    "toy-reads-global-generator": {"check_encode_is_deterministic"},
    "toy-marks-sample": {"check_encode_leaves_sample_unchanged"},
    "toy-needs-colors": {"check_encode_survives_small_scenes"},
    "toy-holds-weights": {"check_encoder_pickles"},
    "toy-region-in-world": {"check_world_gauge_invariance"},
    "toy-realigns": {"check_world_gauge_invariance", "check_policy_is_respected"},
    "toy-always-embeds": {"check_no_mode_ignores_pose"},
    "toy-silent-about-pose": {
        "check_pose_reaches_input",
        "check_prompt_shares_frame",
        "check_answers_follow_the_pose",
    },
    "toy-turned": {"check_ego_axes"},
    "toy-turns-against-policy": {"check_policy_is_respected", "check_answers_follow_the_pose"},
    "toy-embeds-old-pose": {"check_embed_shares_frame"},
    "toy-states-old-pose": {"check_prompt_shares_frame"},
    "toy-ignores-situation": {"check_question_reaches_input"},
    "toy-leaks-target": {"check_answer_stays_out_of_input"},
    "toy-thaws": {"check_step_is_finite"},
    "toy-not-finite": {
        "check_step_is_finite",
        "check_step_is_reproducible",
        "check_overfits_one_batch",
        "check_packed_questions_all_count",
        "check_save_load_round_trip",
    },
    "toy-drifts": {"check_only_declared_parameters_train"},
    "toy-noisy-loss": {"check_step_is_reproducible"},
    "toy-constant-loss": {"check_overfits_one_batch"},
    "toy-answers-first-question": {"check_packed_questions_all_count"},
    "toy-ignores-embedding": {"check_answers_follow_the_pose"},
    "toy-drops-last": {
        "check_one_answer_per_query",
        "check_answers_are_well_formed",
        "check_batch_invariance",
    },
    "toy-answers-rows": {"check_answers_are_well_formed"},
    "toy-rolls-dice": {"check_greedy_is_deterministic"},
    "toy-counts-batch": {"check_batch_invariance"},
    "toy-boxes-elsewhere": {"check_boxes_return_to_world"},
    "toy-hides-state": {"check_save_load_round_trip"},
    "toy-takes-anything": {"check_load_reports_mismatch"},
}


def test_good_toy_passes_every_check(toy_spec):
    results = check_backbone(toy_spec("toy"), on_fail="collect")
    found = {r.check: r.reason for r in results if r.status != "passed"}
    assert found == {"check_missing_dependency_message": "requires no package beyond the core's"}


@pytest.mark.parametrize("name", FAULTS)
def test_broken_toy_fails_exactly(toy_spec, name):
    results = check_backbone(toy_spec(name), on_fail="collect")
    failed = {r.check: r.reason for r in results if r.status == "failed"}
    assert failed.keys() == FAULTS[name], failed


def test_every_check_has_a_fault_that_it_finds():
    found_by_some_toy = set().union(*FAULTS.values())
    assert {check.name for check in backbone_checks()} == found_by_some_toy


def test_every_registered_toy_is_tested():
    names = {spec.name for spec in build_host().backbones if spec.name.startswith("toy-")}
    assert names | {"toy-once"} == FAULTS.keys()  # which only the process's first host knows
