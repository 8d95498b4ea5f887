"""Every file set that the project can use: what, from where, under which licence, made how."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MANIFEST", "PUBLISHED_COUNTS", "FileSet"]

PUBLISHED_COUNTS = {
    ("scanrefer", "train"): 36_665,
    ("scanrefer", "val"): 9_508,
    ("scanrefer", "test"): 5_410,
    ("multi3drefer", "train"): 43_838,
    ("multi3drefer", "val"): 11_120,
    ("scanqa", "train"): 25_563,
    ("scanqa", "val"): 4_675,
    ("scanqa", "test_w_obj"): 4_976,
    ("scanqa", "test_wo_obj"): 6_179,
    ("sqa3d", "train"): 26_623,
    ("sqa3d", "val"): 3_261,
    ("sqa3d", "test"): 3_519,
    ("scan2cap", "val"): 2_068,
}
"""Queries of the published files, by benchmark and split (benchmarks spec, section 4)."""


@dataclass(frozen=True, kw_only=True)
class FileSet:
    """Files that belong together.

    Attributes:
        name: What they are.
        files: Where they lie, relative to the root of their tree.
        source: Who publishes them.
        licence: Under which terms, as far as their publishers say.
        command: What makes them, or how they are obtained.
    """

    name: str
    files: str
    source: str
    licence: str
    command: str


_SCANNET = "ScanNet terms of use (signed form)"
_UNSTATED = "not stated by the publisher"
_TREE = "hf download djiajunustc/3D-LLaVA-Data --repo-type dataset"
_CHAT_SCENE = "hf download ZzZZCHS/Chat-Scene --repo-type dataset"

MANIFEST: tuple[FileSet, ...] = (
    FileSet(
        name="ScanNet scans",
        files="scans/<scan>/<scan>{_vh_clean_2.ply,_vh_clean_2.0.010000.segs.json,"
        ".aggregation.json,.txt}, scannetv2_{train,val,test}.txt",
        source="github.com/ScanNet/ScanNet",
        licence=_SCANNET,
        command="the script that ScanNet sends after the form is signed",
    ),
    FileSet(
        name="ScanNet streams",
        files="scans/<scan>/<scan>.sens",
        source="github.com/ScanNet/ScanNet",
        licence=_SCANNET,
        command="the same script, with type .sens; needed for poses and images alone",
    ),
    FileSet(
        name="camera poses, packed",
        files="poses/packed/<scan>.npz",
        source="made here",
        licence=_SCANNET,
        command="posealign data extract-poses SCANNET --out POSES",
    ),
    FileSet(
        name="camera poses, text",
        files="poses/scans/<scan>/pose/<frame>.txt",
        source="the PoseAlign3D authors, or made here",
        licence=_SCANNET,
        command="posealign data extract-poses SCANNET --out POSES --form text",
    ),
    FileSet(
        name="camera poses, packed from text",
        files="poses/packed/<scan>.npz",
        source="made here",
        licence=_SCANNET,
        command="posealign data pack-poses POSES --scannet SCANNET",
    ),
    FileSet(
        name="visibility tables",
        files="data/view_instance_intersection/"
        "<scan>_view_instance_intersection_with_visibility.npz",
        source="the PoseAlign3D authors, or made here",
        licence=_UNSTATED,
        command="posealign recover",
    ),
    FileSet(
        name="3D-LLaVA scans",
        files="data/scannet/{train,val}/<scan>.pth, data/scannet/super_points/<scan>.bin, "
        "data/scannet/scannet_axis_align_matrix_trainval.pkl",
        source="Hugging Face djiajunustc/3D-LLaVA-Data",
        licence=_UNSTATED,
        command=_TREE,
    ),
    FileSet(
        name="3D-LLaVA training and evaluation records",
        files="data/train_info/*.json, data/eval_info/*/*",
        source="Hugging Face djiajunustc/3D-LLaVA-Data",
        licence=_UNSTATED,
        command=_TREE,
    ),
    FileSet(
        name="ScanQA object ids for 3D-LLaVA",
        files="data/complementary_info/matched_ScanQA_v1.0_{train,val}.json",
        source="the PoseAlign3D authors, or made here",
        licence="CC BY-NC-SA 3.0, as ScanQA",
        command="posealign data match-scanqa --annotations ANNOTATIONS --playground PLAYGROUND",
    ),
    FileSet(
        name="Chat-Scene attributes",
        files="annotations/scannet_{train,val}_attributes.pt, "
        "annotations/scannet_mask3d_{train,val}_attributes.pt",
        source="Hugging Face ZzZZCHS/Chat-Scene, or made here",
        licence=_UNSTATED,
        command=f"{_CHAT_SCENE}, or posealign chat-scene attributes",
    ),
    FileSet(
        name="Mask3D detections",
        files="mask3d_inst_seg/<scan>.pt",
        source="Hugging Face ZzZZCHS/Chat-Scene, or made here",
        licence=_UNSTATED,
        command=f"{_CHAT_SCENE}, or posealign chat-scene proposals",
    ),
    FileSet(
        name="Chat-Scene 3-D features",
        files="annotations/scannet_mask3d_uni3d_feats.pt",
        source="Hugging Face ZzZZCHS/Chat-Scene, or made here",
        licence=_UNSTATED,
        command=f"{_CHAT_SCENE}, or posealign chat-scene features-3d",
    ),
    FileSet(
        name="Chat-Scene 2-D features",
        files="annotations/scannet_mask3d_videofeats.pt",
        source="Hugging Face ZzZZCHS/Chat-Scene, or made here",
        licence=_UNSTATED,
        command=f"{_CHAT_SCENE}, or posealign chat-scene features-2d",
    ),
    FileSet(
        name="Chat-Scene 3-D features at equal angles",
        files="annotations/scannet_mask3d_uni3d_feats_yaw<K>.pt",
        source="made here",
        licence=_UNSTATED,
        command="posealign chat-scene features-3d --yaw-bins K",
    ),
    FileSet(
        name="Chat-Scene 3-D features seen from frames",
        files="uni3d_pose/<scan>/<frame>.pt",
        source="made here",
        licence=_UNSTATED,
        command="posealign chat-scene features-3d --frames FRAMES",
    ),
    FileSet(
        name="exported frames",
        files="scannet_2d/<scan>/{color,depth,pose}/<frame>",
        source="Hugging Face ZzZZCHS/processed_scannet",
        licence=_SCANNET,
        command="hf download ZzZZCHS/processed_scannet --repo-type dataset; .sens streams do, too",
    ),
    FileSet(
        name="encoders of Chat-Scene's features",
        files="uni3d-g/model.pt, dinov2-large/model.safetensors",
        source="Hugging Face BAAI/Uni3D and facebook/dinov2-large",
        licence="MIT (Uni3D) and Apache-2.0 (DINOv2)",
        command="hf download BAAI/Uni3D; hf download facebook/dinov2-large",
    ),
    FileSet(
        name="ScanRefer",
        files="ScanRefer_filtered_{train,val,test}.json",
        source="github.com/daveredrum/ScanRefer",
        licence="request form",
        command="the link that the ScanRefer authors send; Scan2Cap uses the same files",
    ),
    FileSet(
        name="ScanRefer cameras",
        files="annotated_cameras*",
        source="github.com/daveredrum/ScanRefer",
        licence="request form",
        command="the link in ScanRefer's README (unreachable for users in 2025)",
    ),
    FileSet(
        name="Multi3DRefer",
        files="multi3drefer_{train,val}.json",
        source="the Multi3DRefer authors",
        licence="MIT",
        command="the link on the data set's page",
    ),
    FileSet(
        name="Nr3D and Sr3D",
        files="nr3d.csv, sr3d.csv",
        source="referit3d.github.io",
        licence="not stated for the data (the code beside it: MIT)",
        command="the links on the project's page",
    ),
    FileSet(
        name="ScanQA",
        files="ScanQA_v1.0_{train,val,test_w_obj,test_wo_obj}.json",
        source="github.com/ATR-DBI/ScanQA",
        licence="CC BY-NC-SA 3.0",
        command="the link in ScanQA's README",
    ),
    FileSet(
        name="SQA3D",
        files="v1_balanced_questions_{train,val,test}_scannetv2.json, "
        "v1_balanced_sqa_annotations_{train,val,test}_scannetv2.json",
        source="github.com/SilongYong/SQA3D",
        licence="CC BY 4.0",
        command="the link in SQA3D's README",
    ),
    FileSet(
        name="SQA3D poses",
        files="query_poses_sqa3d_{train,val,test}.json, beside the SQA3D files",
        source="made here",
        licence="CC BY 4.0",
        command="posealign data place-situations SCANNET --annotations ANNOTATIONS",
    ),
    FileSet(
        name="rooms",
        files="a whole tree in these formats",
        source="made here",
        licence="Apache-2.0",
        command="posealign rooms make OUT",
    ),
)
"""All file sets, in the order in which one needs them."""
