"""`posealign chat-scene`: make the files that Chat-Scene reads of each scan."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from posealign_chat_scene.checkpoints.export_job import add_export
from posealign_core.cli.jobs import JobsCommand, add_job, add_processes
from posealign_core.cli.scans import add_scan_arguments, chosen_scans, open_dataset
from posealign_core.errors import DataError, ExitCode, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posealign_chat_scene.extraction.objects import ObjectSource
    from posealign_chat_scene.extraction.parts import ExtractionReport, ScanWork
    from posealign_core.datasets.base import Dataset
    from posealign_core.host import PluginHost

__all__ = ["ChatSceneCommand", "command"]


class ChatSceneCommand(JobsCommand):
    """Five jobs, each resumable, in the order in which one needs them, and one for weights."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign chat-scene proposals MASK3D/train --names LABELS.tsv --out mask3d_inst_seg",
        "posealign chat-scene attributes --dataset scannet --root SCANNET --split train "
        "--masks mask3d_inst_seg --out annotations/scannet_mask3d_train_attributes.pt",
        "posealign chat-scene features-3d --dataset scannet --root SCANNET "
        "--masks mask3d_inst_seg --weights uni3d-g/model.pt "
        "--out annotations/scannet_mask3d_uni3d_feats.pt",
        "posealign chat-scene features-2d --dataset scannet --root SCANNET "
        "--masks mask3d_inst_seg --weights dinov2-large/model.safetensors --images scannet_2d "
        "--out annotations/scannet_mask3d_videofeats.pt",
        "posealign chat-scene missing annotations/scannet_mask3d_val_attributes.pt "
        "--tables annotations/scannet_mask3d_*feats.pt",
    )

    def add_jobs(self, jobs: Any) -> None:
        """Declare the jobs."""
        for add in (_proposals, _attributes, _features_3d, _features_2d, _missing, add_export):
            add(jobs)


def _proposals(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        from posealign_chat_scene.extraction.detector_output import convert_detections, scans_of

        scene_ids = scans_of(args.predictions)
        if not scene_ids:
            raise DataError(f"{args.predictions}: wanted <scan>.txt for each scan, found none")
        outcomes = convert_detections(
            args.predictions, args.names, args.out, scene_ids, jobs=args.jobs
        )
        counts = [outcome.result for outcome in outcomes if outcome.result is not None]
        print(f"{args.out}: {len(counts)} scans, {sum(counts)} proposals")
        return _exit_code({outcome.scene_id: outcome.error for outcome in outcomes})

    summary = "take Mask3D's own output into one file per scan"
    parser = add_job(jobs, "proposals", summary, work)
    parser.add_argument("predictions", type=Path, help="folder of one split, with <scan>.txt")
    parser.add_argument(
        "--names", type=Path, required=True, help="scannetv2-labels.combined.tsv of ScanNet"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write <scan>.pt to")
    add_processes(parser)


def _attributes(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        from posealign_chat_scene.extraction.attributes import make_attributes

        dataset = open_dataset(args, host)
        scene_ids = chosen_scans(args, dataset)
        outcomes = make_attributes(_source(args, dataset), scene_ids, args.out, jobs=args.jobs)
        entries = [outcome.result for outcome in outcomes if outcome.result is not None]
        n_objects = sum(len(entry["objects"]) for entry in entries)
        n_boxes = sum(len(entry["locs"]) for entry in entries)
        n_empty = sum(int((entry["locs"] == 0).all(dim=1).sum()) for entry in entries)
        print(
            f"{args.out}: {len(entries)} scans, {n_objects} objects, {n_objects - n_boxes} of them "
            f"beyond the limit and without a box, {n_empty} without points"
        )
        return _exit_code({outcome.scene_id: outcome.error for outcome in outcomes})

    parser = add_job(jobs, "attributes", "write the names and boxes of all objects", work)
    _add_objects(parser)
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    add_processes(parser)


def _features_3d(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        from posealign_chat_scene.extraction.cloud_batches import Precision
        from posealign_chat_scene.extraction.features_3d import CloudEncoder, plain_work, yaw_work
        from posealign_chat_scene.extraction.uni3d_weights import load_uni3d, random_uni3d

        dataset = open_dataset(args, host)
        source = _source(args, dataset)
        model = load_uni3d(args.weights) if args.weights else random_uni3d(args.tiny)
        encoder = CloudEncoder(
            model=model.to(_device(args)),
            batch_size=args.batch_size,
            precision=Precision(args.precision),
        )
        if args.frames:
            return _features_of_frames(args, source, encoder)
        work: ScanWork[Any] = (
            yaw_work(source, encoder, args.yaw_bins)
            if args.yaw_bins
            else plain_work(source, encoder)
        )
        return _extract(args, dataset, work, {"yaw_bins": args.yaw_bins})

    parser = add_job(jobs, "features-3d", "encode the points of each object with Uni3D", work)
    _add_objects(parser)
    _add_encoder(parser, "uni3d-g/model.pt of BAAI/Uni3D", batch_size=32)
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--yaw-bins",
        type=_positive,
        metavar="K",
        help="each object turned by K equal angles, float16",
    )
    form.add_argument(
        "--frames",
        type=Path,
        metavar="JSON",
        help='features in the exact ego frame of these cameras: {"<scan>": ["<frame>", ...]}; '
        "--out is a folder then",
    )
    parser.add_argument(
        "--ego-frame",
        choices=["camera", "level"],
        default="camera",
        help="with --frames: the camera's own axes, or its heading alone (default: camera)",
    )


def _features_of_frames(args: argparse.Namespace, source: ObjectSource, encoder: Any) -> int:
    """Write one table per scan and frame."""
    from posealign_chat_scene.extraction.features_3d import write_frames
    from posealign_chat_scene.extraction.parts import claim
    from posealign_chat_scene.extraction.tables import SETTINGS
    from posealign_core.datasets.files import read_json
    from posealign_core.datasets.jobs import run_on_scans
    from posealign_core.vocabulary import EgoFrame

    wanted = read_json(args.frames)
    if not isinstance(wanted, dict) or not all(isinstance(f, list) for f in wanted.values()):
        raise DataError(f'{args.frames}: wanted {{"<scan>": ["<frame>", ...]}}, found another form')
    claim(args.out / SETTINGS, {**_settings(args), "ego_frame": args.ego_frame})

    def frames(scene_id: str) -> int:
        names = [str(name) for name in wanted[scene_id]]
        return write_frames(
            source, encoder, scene_id, names, out=args.out, ego_frame=EgoFrame(args.ego_frame)
        )

    outcomes = run_on_scans(frames, sorted(wanted), jobs=1, title="3-D features of frames")
    n_made = sum(outcome.result or 0 for outcome in outcomes)
    print(f"{args.out}: {n_made} frames made, {sum(map(len, wanted.values()))} asked for")
    return _exit_code({outcome.scene_id: outcome.error for outcome in outcomes})


def _features_2d(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        from posealign_chat_scene.extraction.cloud_batches import Precision
        from posealign_chat_scene.extraction.dinov2_weights import load_dinov2, random_dinov2
        from posealign_chat_scene.extraction.features_2d import ImageEncoder, view_work
        from posealign_chat_scene.extraction.frames import CameraChoice, frame_source
        from posealign_chat_scene.extraction.patches import ImageFit

        dataset = open_dataset(args, host)
        model = load_dinov2(args.weights) if args.weights else random_dinov2(args.tiny)
        encoder = ImageEncoder(
            model=model.to(_device(args)),
            fit=ImageFit(args.fit),
            batch_size=args.batch_size,
            precision=Precision(args.precision),
        )
        frames = frame_source(dataset, CameraChoice(args.camera), args.images, args.every)
        work = view_work(_source(args, dataset), frames, encoder)
        every = None if args.images else args.every
        return _extract(
            args, dataset, work, {"fit": args.fit, "camera": args.camera, "every": every}
        )

    summary = "encode each object in all frames that show it with DINOv2"
    parser = add_job(jobs, "features-2d", summary, work)
    _add_objects(parser)
    _add_encoder(parser, "weights of facebook/dinov2-large", batch_size=64)
    parser.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="exported frames, <scan>/{color,depth}/<frame>.png (default: the .sens streams)",
    )
    parser.add_argument(
        "--every",
        type=_positive,
        default=20,
        help="of a stream, one frame in so many (default: 20)",
    )
    parser.add_argument(
        "--camera",
        choices=["scan", "constant", "released"],
        default="scan",
        help="intrinsics: each scan's own, one for all, or the released ones of half the size",
    )
    parser.add_argument(
        "--fit",
        choices=["full_frame", "released"],
        default="full_frame",
        help="stretch the frame, or crop it as released, which shifts all patches",
    )


def _missing(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        from posealign_chat_scene.extraction.tables import (
            FeatureTable,
            count_missing,
            listed_objects,
        )

        objects = listed_objects(args.attributes)
        for path in args.tables:
            missing = count_missing(FeatureTable.read(path), objects)
            print(f"{path}: {missing} lack a feature")
            for scene_id, ids in missing.by_scene.items():
                if args.list:
                    print(f"  {scene_id}: {', '.join(map(str, ids))}")
        return int(ExitCode.OK)

    summary = "count the objects that lack a feature, in files from anywhere"
    parser = add_job(jobs, "missing", summary, work)
    parser.add_argument("attributes", type=Path, help="attribute file")
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="feature tables")
    parser.add_argument("--list", action="store_true", help="name the objects")


def _add_objects(parser: argparse.ArgumentParser) -> None:
    """Declare the scans, and where their objects come from."""
    add_scan_arguments(parser)
    parser.add_argument(
        "--masks",
        type=Path,
        metavar="DIR",
        help="detected objects, <scan>.pt as in mask3d_inst_seg (default: the annotated objects)",
    )


def _add_encoder(parser: argparse.ArgumentParser, weights: str, *, batch_size: int) -> None:
    """Declare the encoder, how it is run, and the table."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--weights", type=Path, metavar="FILE", help=weights)
    which.add_argument(
        "--tiny", type=int, metavar="SEED", help="a small encoder with random but fixed weights"
    )
    parser.add_argument("--out", type=Path, required=True, help="table to write")
    parser.add_argument(
        "--device", choices=["cpu", "cuda"], help="(default: cuda where there is a GPU)"
    )
    parser.add_argument(
        "--batch-size",
        type=_positive,
        default=batch_size,
        help=f"encoded at a time (default: {batch_size})",
    )
    parser.add_argument(
        "--precision",
        choices=["float32", "tf32", "bfloat16"],
        default="float32",
        help="of matrix products; float32 as published (default)",
    )
    parser.add_argument(
        "--workers", type=_positive, default=4, help="threads that read scans ahead (default: 4)"
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"wanted 1 or more, found {number}")
    return number


def _device(args: argparse.Namespace) -> str:
    """The device asked for, or the best there is.

    Raises:
        MissingDependencyError: CUDA is asked for, and torch finds no GPU.
    """
    import torch

    if args.device == "cuda" and not torch.cuda.is_available():
        raise MissingDependencyError("--device cuda: torch finds no GPU; use --device cpu")
    return args.device or ("cuda" if torch.cuda.is_available() else "cpu")


def _source(args: argparse.Namespace, dataset: Dataset) -> ObjectSource:
    from posealign_chat_scene.extraction.objects import Annotated, Detected

    return Detected(dataset, args.masks) if args.masks else Annotated(dataset)


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    """What every table's content follows from."""
    from posealign_core.runs.folder import file_digest

    return {
        "objects": "annotated" if args.masks is None else str(args.masks),
        "weights": f"tiny {args.tiny}" if args.weights is None else file_digest(args.weights),
        "precision": args.precision,
    }


def _extract(
    args: argparse.Namespace, dataset: Dataset, work: ScanWork[Any], settings: Mapping[str, Any]
) -> int:
    """Make a table, say what came of it, and return an exit code."""
    from posealign_chat_scene.extraction.parts import extract_table

    report = extract_table(
        work,
        chosen_scans(args, dataset),
        args.out,
        settings={**_settings(args), **settings},
        workers=args.workers,
        title=args.out.name,
    )
    _print(args.out, report)
    return _exit_code(report.errors)


def _print(out: Path, report: ExtractionReport) -> None:
    there = " (was there already)" if report.kept else ""
    print(f"{out}: {report.n_features} objects of {report.n_scans} scans{there}")
    for reason, count in sorted(report.skipped.items()):
        print(f"  {count} without a feature: {reason}")
    for name, count in sorted(report.counts.items()):
        print(f"  {count} {name}")


def _exit_code(errors: Mapping[str, str]) -> int:
    """Print what failed; failed scans are tried again by the next call."""
    failed = {scene_id: error for scene_id, error in errors.items() if error}
    for scene_id, error in failed.items():
        print(f"{scene_id}: {error}", file=sys.stderr)
    if failed:
        print(f"{len(failed)} scans failed; mend them or leave them out", file=sys.stderr)
    return int(ExitCode.DATA if failed else ExitCode.OK)


command = ChatSceneCommand
