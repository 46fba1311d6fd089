"""Names as they may be shown: a file name can hold control sequences, markup or letters that run backwards."""

from __future__ import annotations


def safe(text: str) -> str:
    r"""The text with everything that is not printable escaped; the one door by which names reach an output.

    Examples
    --------
    >>> safe("model\x1b[31m.pt"), safe("evil\u202etp.exe")
    ('model\\x1b[31m.pt', 'evil\\u202etp.exe')
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode("ascii")
        for letter in text
    )
