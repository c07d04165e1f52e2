"""The wheel as `pip install` leaves it: built from the working tree and unpacked, without anything that it needs."""

from __future__ import annotations

import tempfile
import zipfile
from typing import TYPE_CHECKING

from hatchling.builders.wheel import WheelBuilder

from tests.support.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def unpack_wheel(site_packages: Path) -> None:
    """Build the wheel, and unpack it into a folder."""
    with tempfile.TemporaryDirectory() as built:
        for wheel in WheelBuilder(str(ROOT)).build(directory=built, versions=["standard"]):
            zipfile.ZipFile(wheel).extractall(site_packages)
