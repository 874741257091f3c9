"""Names that every part downstream can carry, made from whatever the data call their columns.

File formats, TensorFlow signatures, slices and shells each forbid something else in a name. Behind the reading of a
table all columns are called by lower-case identifiers; what the data call them is kept beside.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Sequence

_LONGEST = 60
"""[characters]"""
_SPELT = str.maketrans(
    {"%": " percent ", "#": " number ", "ß": "ss", "æ": "ae", "Æ": "ae", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l"}
)
_MADE = ("_missing", "_sin", "_cos", "_trend")
"""What features add to the name of their column."""


def safe_name(name: str) -> str:
    """Write a name as a lower-case identifier; empty where no letter and no digit of it can be kept.

    TensorFlow's signatures take no word that Python keeps to itself (`class`, `from`) and no `self`: such a name
    gets an underscore.

    Example:
        >>> safe_name("Total Charges ($)"), safe_name("customerID"), safe_name("2nd Größe"), safe_name("年齢")
        ('total_charges', 'customer_id', 'c_2nd_grosse', '')
        >>> safe_name("Class"), safe_name("self")
        ('class_', 'self_')
    """
    text = unicodedata.normalize("NFKD", name.translate(_SPELT)).encode("ascii", "ignore").decode()
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    text = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:_LONGEST].strip("_")
    taken = keyword.iskeyword(text) or text == "self"
    return f"c_{text}" if text[:1].isdigit() else f"{text}_" if taken else text


def safe_names(originals: Sequence[str]) -> dict[str, str]:
    """Give every column a safe name of its own.

    A name that is safe already stays. Names that would be equal are numbered in their order; one without a letter is
    called by its place. A name that a feature of another column would take (`age_missing` beside `age`) is numbered.

    Args:
        originals: The columns' names, all different, in order.

    Returns:
        Safe name: original, in the same order.

    Example:
        >>> safe_names(["Age", "age", "A.G.E.", "?"])
        {'age_2': 'Age', 'age': 'age', 'a_g_e': 'A.G.E.', 'column_4': '?'}
    """
    wanted = [safe_name(name) or f"column_{place}" for place, name in enumerate(originals, 1)]
    all_wanted = set(wanted)
    taken = {w for w, name in zip(wanted, originals, strict=True) if w == name and not _made_of(w, all_wanted)}
    names: dict[str, str] = {}
    for want, original in zip(wanted, originals, strict=True):
        if want == original and want in taken:
            name = want
        else:
            name = want if not _made_of(want, all_wanted) else f"{want}_2"
            number = 2
            while name in taken:
                name, number = f"{want}_{number}", number + 1
        taken.add(name)
        names[name] = original
    return names


def _made_of(name: str, names: set[str]) -> bool:
    """Whether a feature made from another of the columns would have this name."""
    return any(name.endswith(end) and name.removesuffix(end) in names for end in _MADE)
