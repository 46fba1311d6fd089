"""Members of torch's enumerations as Python 3.11.0 to 3.11.3 pickled them: by ``getattr``, which attacks use too."""

from __future__ import annotations

from typing import Any

from neural_phylogeny.formats.pytorch.inert import Function, Inert
from neural_phylogeny.formats.pytorch.unpickler import InertUnpickler, refusal

NAMES = ("builtins.getattr", "__builtin__.getattr")
"""What these versions name, by the protocol."""

ENUMERATIONS = frozenset({"torch.distributed.checkpoint.metadata._MEM_FORMAT_ENCODING"})
"""Enumerations in the metadata of distributed checkpoints."""


class EnumerationUnpickler(InertUnpickler):
    """Reads ``getattr(enumeration, name)`` as an inert record, where the enumeration is one of ``ENUMERATIONS``.

    ``getattr`` of anything else, or as the argument of something, refuses the file as everywhere.
    """

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" in NAMES:
            return _Getattr(f"{module}.{name}", self._path)
        return super().find_class(module, name)

    def _plain_arguments(self, args: Any) -> tuple[Any, ...]:
        plain = super()._plain_arguments(args)
        for one in plain:
            if isinstance(one, _Getattr):
                raise refusal(one.name, self._path)
        return plain


class _Getattr(Function):
    """What may be done with ``getattr``."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(self._member)
        self.name, self._path = name, path

    def _member(self, *args: Any) -> Inert:
        enumeration, member = args if len(args) == 2 else (None, None)
        is_known = isinstance(enumeration, type) and getattr(enumeration, "qualified_name", "") in ENUMERATIONS
        if is_known and isinstance(member, str) and member.isidentifier() and member.isupper():
            return Inert(member)
        raise refusal(self.name, self._path)
