"""Untrusted files: arrays come through, code does not."""

from __future__ import annotations

import codecs
import contextlib
import os
import pickle
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posealign_core.datasets.safe_load import load_array, load_arrays, load_pickle, load_torch
from posealign_core.errors import DataError, UnsafeFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class _Exploit:
    """Unpickling it runs a shell command, which leaves a file behind."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, (f"touch {self.witness}",)


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    return tmp_path / "the-code-ran"


def _tree() -> dict[str, Any]:
    return {
        "scene0000_00": np.arange(16.0).reshape(4, 4),
        "ids": np.array([1, -1], dtype=np.int64),
        "names": np.array(["chair", "table"]),
        "scalar": np.float32(0.5),
        "plain": [1, 2.5, "x", None, True, (3,), {4}, frozenset({5}), b"bytes"],
        "ordered": OrderedDict(a=1),
        "default": defaultdict(list, b=[2]),
        "objects": np.array([{"a": 1}, "b"], dtype=object),
    }


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_containers_come_through_every_protocol(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "plain.pkl"
    path.write_bytes(pickle.dumps(_tree(), protocol))
    loaded = load_pickle(path)
    np.testing.assert_equal(loaded, _tree())
    assert loaded["ids"].dtype == np.int64


@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_arrays_come_through_under_the_names_of_numpy_1_and_2(tmp_path: Path, core: bytes) -> None:
    here = np.zeros(0).__reduce__()[0].__module__.rsplit(".", 1)[0].encode()
    # Protocol 2 writes module names as plain lines, which can be exchanged.
    data = pickle.dumps({"a": np.eye(4), "s": np.int64(7)}, 2)
    assert here in data
    path = tmp_path / "old.pkl"
    path.write_bytes(data.replace(here, core))
    loaded = load_pickle(path)
    np.testing.assert_array_equal(loaded["a"], np.eye(4))
    assert loaded["s"] == 7


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_crafted_pickle_is_refused_and_does_not_run(
    tmp_path: Path, witness: Path, protocol: int
) -> None:
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps({"scene0000_00": _Exploit(witness)}, protocol))
    with pytest.raises(UnsafeFileError, match=r"evil\.pkl.*asks for posix\.system"):
        load_pickle(path)
    assert not witness.exists()
    pickle.loads(path.read_bytes())
    assert witness.exists(), "the exploit itself must be a working one"


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_crafted_torch_file_is_refused_and_does_not_run(
    tmp_path: Path, witness: Path, zipped: bool
) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"coord": _Exploit(witness)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnsafeFileError, match=r"evil\.pth.*asks for posix\.system"):
        load_torch(path)
    assert not witness.exists()


@pytest.mark.parametrize(
    "name", ["builtins.eval", "builtins.getattr", "numpy.load", "torch.load", "codecs.decode"]
)
def test_harmless_looking_globals_are_refused(tmp_path: Path, name: str) -> None:
    module, _, attribute = name.rpartition(".")
    path = tmp_path / "g.pkl"
    path.write_bytes(f"c{module}\n{attribute}\n.".encode())
    with pytest.raises(UnsafeFileError, match=name):
        load_pickle(path)


def test_the_codec_function_serves_latin1_only(tmp_path: Path) -> None:
    path = tmp_path / "codec.pkl"
    path.write_bytes(b"c_codecs\nencode\n(Vabc\nVrot13\ntR.")
    assert codecs.encode("abc", "rot13") == "nop"
    with pytest.raises(DataError, match="latin1"):
        load_pickle(path)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_torch_files_of_arrays_and_tensors_come_through(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "scan.pth"
    values = {
        "coord": np.arange(6, dtype=np.float32).reshape(2, 3),
        "locs": torch.arange(6.0),
        "scene_id": "scene0000_00",
        "names": np.array(["a", "b"]),
        "scalar": np.int64(3),
    }
    torch.save(values, path, _use_new_zipfile_serialization=zipped)
    loaded = load_torch(path)
    np.testing.assert_array_equal(loaded["coord"], values["coord"])
    assert torch.equal(loaded["locs"], values["locs"])
    assert (loaded["scene_id"], loaded["scalar"]) == ("scene0000_00", 3)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_never_raise_anything_but_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.bin"
    path.write_bytes(data)
    with contextlib.suppress(DataError):
        load_pickle(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("kind", ["pkl", "pth", "npz", "npy"])
def test_truncated_files_are_one_line_data_errors(tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / f"cut.{kind}"
    values = {"coord": np.arange(600.0).reshape(200, 3)}
    if kind == "pkl":
        path.write_bytes(pickle.dumps(values))
    elif kind == "pth":
        torch.save(values, path)
    elif kind == "npz":
        np.savez(path, **values)
    else:
        np.save(path, values["coord"])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    load = {"pkl": load_pickle, "pth": load_torch, "npz": load_arrays, "npy": load_array}[kind]
    with pytest.raises(DataError, match=rf"cut\.{kind}.*fetch or make it again") as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, UnsafeFileError)


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    np.save(tmp_path / "o.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "o.npz", a=objects, allow_pickle=True)
    with pytest.raises(UnsafeFileError, match="Python objects"):
        load_array(tmp_path / "o.npy")
    with pytest.raises(UnsafeFileError, match="Python objects"):
        load_arrays(tmp_path / "o.npz", ["a"])


def test_wanted_arrays_must_be_there(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", a=[1], b=[2])
    assert set(load_arrays(tmp_path / "t.npz")) == {"a", "b"}
    assert set(load_arrays(tmp_path / "t.npz", ["a"])) == {"a"}
    with pytest.raises(DataError, match=r"wanted the arrays 'c', found 'a', 'b'"):
        load_arrays(tmp_path / "t.npz", ["a", "c"])


def test_one_form_is_not_taken_for_the_other(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=[1])
    np.save(tmp_path / "a.npy", [1])
    with pytest.raises(DataError, match=r"wanted a single array"):
        load_array(tmp_path / "a.npz")
    with pytest.raises(DataError, match=r"wanted a \.npz archive"):
        load_arrays(tmp_path / "a.npy")


@pytest.mark.parametrize("load", [load_pickle, load_torch, load_array, load_arrays])
def test_a_missing_file_is_named(tmp_path: Path, load: Callable[[Path], Any]) -> None:
    with pytest.raises(DataError, match=r"nowhere\.bin: wanted a file, found none"):
        load(tmp_path / "nowhere.bin")
