"""Options common to several commands, and the types of their values."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from neural_phylogeny.cli.output import STDOUT
from neural_phylogeny.errors import shortened
from neural_phylogeny.reports.formats import FORMATS

F = TypeVar("F", bound=Callable[..., Any])

SUFFIXES: dict[str, tuple[str, ...]] = {name: form.suffixes for name, form in FORMATS.items()} | {
    "junit": (".xml",),
    "sarif": (".sarif",),
    "svg": (".svg",),
    "png": (".png",),
}
"""Suffixes of each format, which ``-o`` goes by when ``--format`` is not given; a name without a suffix gets text."""

FEW = 6
"""Up to this many formats are named in the line of the option itself."""

PRIORS = ("likely", "unknown", "unlikely")
"""The keys of ``trees.prior.PRIORS``, which is not imported for a help text."""

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


class Size(click.ParamType):  # type: ignore[type-arg]  # no subscript at run time before click 8.2
    """A number of bytes: ``512M`` and ``512MiB`` count in powers of 1024, ``512MB`` in powers of 1000."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,18}(?:\.\d{1,9})?)\s*([kmgt]?)(i?b)?", str(value).strip().lower())
        size = 0
        if found is not None:
            base = 1000 if found[2] and found[3] == "b" else 1024
            size = int(float(found[1]) * base ** _POWERS[found[2]])
        if not size:
            self.fail(f"{value!r} is not a size; write a number of bytes, 512M, 1GiB or 1.5GB", param, ctx)
        return size


class Proportion(click.ParamType):  # type: ignore[type-arg]
    """Proportion of the weights to read: ``1%``, ``0.01``, ``all``; None for ``auto``."""

    name = "proportion"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        text = str(value).strip().lower()
        if text in ("auto", "all"):
            return None if text == "auto" else 1.0
        found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,12})?|\.\d{1,12})\s*(%?)", text)
        proportion = float(found[1]) / (100.0 if found[2] else 1.0) if found is not None else 0.0
        if not 0.0 < proportion <= 1.0:
            self.fail(f"{value!r} is not a proportion of the weights; write 1%, 0.01, all or auto", param, ctx)
        return proportion


def reading_options(command: F) -> F:
    """Options of every command that reads weights."""
    chance = click.FloatRange(0, 1, min_open=True, max_open=True)
    options = (
        click.option(
            "--alpha",
            type=chance,
            default=1e-3,
            show_default=True,
            help="Family-wise false-positive rate: probability that any unrelated pair is reported as related.",
        ),
        click.option(
            "--parents-present",
            "prior",
            type=click.Choice(PRIORS),
            default="unknown",
            show_default=True,
            help="Whether the parents of the models are among them, as far as you know: the odds of no parent here are "
            "a third, once, or three times those of complete families.",
        ),
        click.option("--threads", type=click.IntRange(1), help="Workers; all cores by default."),
        click.option(
            "--memory",
            type=Size(),
            metavar="SIZE",
            default="1GiB",
            show_default=True,
            help="Limit of buffers and statistics, such as 512M; the interpreter and libraries come on top.",
        ),
        click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all random draws."),
        click.option(
            "--sample",
            type=Proportion(),
            metavar="PROPORTION",
            default="auto",
            show_default=True,
            help="Weights to read, such as 1%, or all; auto reads all of models of up to 16.8 million values, and "
            "about that many values of larger ones.",
        ),
        component_option,
        formats_option,
        limit_option,
        download_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


every_option = click.option(
    "--all", "every", is_flag=True, help="List every tensor, not the hundred that say most; text only."
)


def filter_options(command: F) -> F:
    """Options that choose among the models that were found."""
    pattern = "shell pattern on names and paths; may be repeated."
    command = click.option("--exclude", multiple=True, metavar="PATTERN", help=f"Leave out models: {pattern}")(command)
    return click.option("--include", multiple=True, metavar="PATTERN", help=f"Keep only models: {pattern}")(command)


def drawing_options(command: F) -> F:
    """Options of the commands that draw a tree: what of it is shown."""
    options = (
        evidence_option,
        click.option(
            "--depth", type=click.IntRange(0), metavar="N", help="Draw N generations below the roots; text only."
        ),
        click.option(
            "--family",
            metavar="FAMILY",
            help="Draw one family: its number, or the name of one of its models; text only.",
        ),
        click.option(
            "--explain", metavar="MODEL", help="Instead of the tree, explain the place of this model; text or JSON."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def output_options(*formats: str) -> Callable[[F], F]:
    """``--format`` with its choices, and ``-o``; the command receives ``form`` and ``output``."""

    def choose(ctx: click.Context, _: click.Parameter, output: str | None) -> str | None:
        if output is not None and output != STDOUT:
            check_folder(output)
        if ctx.params.get("form") is None:
            ctx.params["form"] = _format_by_suffix(output, formats)
        return output

    is_long = len(formats) > FEW
    suffixes = "the suffixes are listed below" if is_long else f"suffixes: {_suffixes(formats)}"

    def decorate(command: F) -> F:
        command = click.option(
            "-o",
            "--output",
            metavar="FILE",
            callback=choose,
            help=f"Write to this file instead of stdout, whole or not at all; {suffixes}.",
        )(command)
        return click.option(
            "--format",
            "form",
            type=click.Choice(formats),
            metavar="FORMAT" if is_long else None,
            is_eager=True,
            help="Output format; by default the one of the suffix of -o, else text.",
        )(command)

    return decorate


def _format_by_suffix(output: str | None, formats: Sequence[str]) -> str:
    """The format of an output file, by the longest suffix; an unknown one is wrong usage, never text in disguise."""
    suffix = Path(output or "").suffix
    if output is None or output == STDOUT or not suffix:
        return "text"
    known = {end: form for form in formats for end in SUFFIXES.get(form, ())}
    fitting = [end for end in known if output.lower().endswith(end)]
    if not fitting:
        choice = f"use {_suffixes(formats)}, or --format {'|'.join(formats)}"
        choice = choice if len(formats) <= FEW else "`--help` lists the formats"
        raise click.BadParameter(f"{output}: no format has the suffix {suffix}; {choice}")
    return known[max(fitting, key=len)]


def _suffixes(formats: Sequence[str]) -> str:
    *first, last = (suffix for form in formats for suffix in SUFFIXES.get(form, ()))
    return f"{', '.join(first)} or {last}" if first else last


def formats_help() -> str:
    """The formats of a result, what each holds and what is lost, for the end of a help text."""
    rows = []
    for form in FORMATS.values():
        holds = textwrap.wrap(form.holds, 66, initial_indent="      ", subsequent_indent="      ")
        rows.append("\n".join([f"  {form.name}  {' '.join(form.suffixes)}", *holds]))
    return "\b\nFormats:\n" + "\n".join(rows)


def check_folder(output: str) -> None:
    """Refuse an output that cannot be written before anything is read. Raises click.BadParameter."""
    target = Path(output)
    try:
        if target.is_dir():
            raise click.BadParameter(f"{output} is a folder")
        if not target.parent.is_dir():
            raise click.BadParameter(f"there is no folder {shortened(str(target.parent))}")
        target.lstat()
        if not os.access(target if target.exists() and not target.is_file() else target.parent, os.W_OK):
            raise click.BadParameter(f"{output} cannot be written")
    except FileNotFoundError:
        if not os.access(target.parent, os.W_OK):
            raise click.BadParameter(f"{output} cannot be written") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise click.BadParameter(f"{shortened(output)} cannot be written: {reason}") from error


def checked_output(_: click.Context, __: click.Parameter, output: str | None) -> str | None:
    """The callback of an option that names a file to write. Raises click.BadParameter before anything is read."""
    if output is not None:
        check_folder(output)
    return output


def _set_limits(ctx: click.Context, _: click.Parameter, given: tuple[str, ...]) -> None:
    """Raise the limits for the rest of the command. Raises click.BadParameter for what is not NAME=VALUE."""
    from neural_phylogeny.formats.limits import raised

    values: dict[str, int] = {}
    for text in given:
        name, equals, number = text.partition("=")
        digits = number.replace("_", "").replace(",", "")
        if not equals or not digits.isdecimal() or len(digits) > 19:
            raise click.BadParameter(f"{shortened(text)!r} is not NAME=VALUE, such as header=100000000")
        values[name] = int(digits)
    if values:
        ctx.with_resource(raised(values))


def _switch_off(ctx: click.Context, _: click.Parameter, given: str | None) -> None:
    """Leave only the readers that were named for the rest of the command."""
    from neural_phylogeny.formats import only

    if given:
        ctx.with_resource(only(name.strip() for name in given.split(",")))


formats_option = click.option(
    "--formats",
    metavar="NAME,...",
    callback=_switch_off,
    expose_value=False,
    help="Use only these readers, such as safetensors,gguf; files of other formats are left out.",
)


def _allow_download(ctx: click.Context, _: click.Parameter, given: bool) -> None:
    """Let files be downloaded whole for the rest of the command."""
    from neural_phylogeny.formats.limits import raised

    if given:
        ctx.with_resource(raised({"download": 1 << 60}))


download_option = click.option(
    "--allow-download",
    is_flag=True,
    callback=_allow_download,
    expose_value=False,
    help="Download files that lie elsewhere and cannot be read in parts: Keras, ONNX and zip archives.",
)

limit_option = click.option(
    "--limit",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_set_limits,
    expose_value=False,
    help="Raise a limit on what one file may cost, as the message that refuses it says; may be repeated.",
)

LOWEST = 0.9
"""At lower levels strangers of one initialisation seed were called derived, see docs/tables/derived.md."""

at_least_option = click.option(
    "--at-least",
    type=click.FloatRange(LOWEST, 1, max_open=True),
    default=0.95,
    show_default=True,
    help="Least probability of a descent that counts, and of what excludes one.",
)


def claim_options(among: str) -> Callable[[F], F]:
    """Options of the commands that check claims of descent; ``among`` is the help text of the option of that name."""

    def decorate(command: F) -> F:
        command = at_least_option(output_options("text", "json", "junit", "sarif")(command))
        return click.option("--among", multiple=True, metavar="PATH", help=among)(command)

    return decorate


component_option = click.option(
    "--component", metavar="NAME", help="Which state dict to take from files that hold several; `inspect` lists them."
)
method_option = click.option(
    "--method", default="auto", show_default=True, metavar="M", help="One of those that `nphylo methods` lists."
)
evidence_option = click.option("--evidence", is_flag=True, help="List the evidence under each edge.")
seeds_option = click.option(
    "--seeds",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Look for the draw of the initialisation in every family, under all seeds below N beside the usual ones "
    "(0.1 s each); by default under the usual ones, where a parent is not sure.",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress bar and no messages on stderr.")
