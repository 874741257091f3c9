"""Small tables whose every suspect is known."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from penstock.profiling.looking import Wishes, look
from penstock.profiling.profile import Profile


def customers(rows: int = 2000, seed: int = 0) -> dict[str, np.ndarray]:
    """Honest columns, and a label that hangs on two of them with much noise."""
    rng = np.random.default_rng(seed)
    tenure = rng.integers(0, 72, rows)
    charge = rng.gamma(4.0, 20.0, rows).round(2)
    churned = (rng.random(rows) < 1 / (1 + np.exp(0.08 * (tenure - 20)))).astype(np.int64)
    return {
        "tenure": tenure,
        "charge": charge,
        "plan": rng.choice(["basic", "plus", "pro"], rows, p=[0.5, 0.3, 0.2]),
        "city": rng.choice([f"city {i}" for i in range(12)], rows),
        "height": rng.normal(170, 10, rows).round(1),
        "churned": churned,
    }


def seen(columns: dict[str, object], label: str = "churned", **wishes: object) -> Profile:
    """The profile of a table given as arrays."""
    return look(pa.table(columns), {}, Wishes(label, **wishes))  # type: ignore[arg-type]


def kinds(profile: Profile) -> dict[str, list[tuple[str, ...]]]:
    """The columns of every finding, by kind."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for finding in profile.findings:
        found.setdefault(finding.kind, []).append(finding.columns)
    return found
