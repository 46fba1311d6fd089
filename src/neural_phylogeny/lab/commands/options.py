"""Options that several commands of the laboratory have."""

from __future__ import annotations

from pathlib import Path

import click

folder = click.Path(file_okay=False, path_type=Path)
existing_folder = click.Path(exists=True, file_okay=False, path_type=Path)
existing_file = click.Path(exists=True, dir_okay=False, path_type=Path)

data_sets_option = click.option(
    "--data",
    type=folder,
    envvar="NPHYLO_DATA",
    show_envvar=True,
    help="Folder of data sets, NAME.npz; the digits of scikit-learn stand in without it.",
)

device_option = click.option(
    "--device", default="cpu", show_default=True, help="Where networks are trained: cpu, cuda."
)

DIGITS = "no data folder (--data or NPHYLO_DATA): variants of scikit-learn's digits stand in for the data sets"
"""The message where no data folder is given."""
