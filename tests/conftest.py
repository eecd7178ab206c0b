"""What every test can ask for."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def single_thread() -> None:
    """Keep torch on one thread: the tensors of tests are small, and sums keep one order."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt`, also where the tests run in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data sets that the repository does not hold; a test that needs one is skipped without it."""
    given = os.environ.get("GEODRIFT_DATA")
    folder = Path(given) if given else CHECKOUT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder}; set GEODRIFT_DATA to the folder that holds them")
    return folder
