"""Whose frame of a traceback it is: the application's, or that of a library. Decided by folders."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Mapping
from pathlib import Path, PurePath

_INSTALLED = {"site-packages", "dist-packages"}


def library_folders(paths: Mapping[str, str]) -> tuple[str, ...]:
    """Folders of this package and of Python's own library, whose ``sysconfig`` paths are given."""
    here = Path(__file__).parent
    named = [str(here), str(here.resolve()), paths["stdlib"], paths["platstdlib"]]
    return tuple(f"{folder}{os.sep}" for folder in dict.fromkeys(named))


LIBRARIES = library_folders(sysconfig.get_paths())


def is_application(filename: str, libraries: tuple[str, ...] = LIBRARIES) -> bool:
    """Whether code of this file is the application's.

    It is not if it has no file (``<frozen ...>``), is installed (``site-packages``, or Debian's
    ``dist-packages``), or lies in one of the folders ``libraries``.
    """
    installed = not _INSTALLED.isdisjoint(PurePath(filename).parts)
    return not (filename.startswith(("<", *libraries)) or installed)
