"""The arguments by which several verbs say which scans they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from posealign_core.datasets.base import Dataset
    from posealign_core.host import PluginHost

__all__ = ["add_dataset_arguments", "add_scan_arguments", "chosen_scans", "open_dataset"]


def add_dataset_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--dataset` and `--root`."""
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        default="generic",
        help="how the scans are stored; 'posealign list datasets' names them (default: generic)",
    )
    parser.add_argument("--root", metavar="DIR", type=Path, required=True, help="their folder")


def add_scan_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the above, `--scenes` and `--split`."""
    add_dataset_arguments(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--scenes", metavar="ID", nargs="+", help="these scans (default: all)")
    which.add_argument("--split", metavar="NAME", help="the scans of a split: train, val or test")


def open_dataset(args: argparse.Namespace, host: PluginHost) -> Dataset:
    """The data set that the arguments name.

    Raises:
        UnknownComponentError: No reader has that name.
    """
    from posealign_core.registry import resolve

    dataset: Dataset = resolve(host.datasets[args.dataset])(args.root)
    return dataset


def chosen_scans(args: argparse.Namespace, dataset: Dataset) -> list[str]:
    """The scans that the arguments name.

    Raises:
        DataError: There are none.
    """
    from posealign_core.errors import DataError

    scene_ids: list[str] = args.scenes or dataset.scene_ids(args.split)
    if not scene_ids:
        raise DataError(f"found no scans in {str(args.root)!r}; check --dataset and --root")
    return scene_ids
