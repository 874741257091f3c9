"""Whatever a table holds, looking at it ends with a profile and values, or with one clear line."""

import contextlib
import datetime
import json

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.profiling.choices import plain
from penstock.profiling.choosing import choose
from penstock.profiling.looking import Wishes, look
from penstock.profiling.names import safe_names
from penstock.sdk import BadInput
from penstock.tables.source import Source

ROWS = 60
MOMENTS = st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2250, 1, 1))
KINDS = [
    (pa.string(), st.text(max_size=6) | st.sampled_from(["a", "b", "a b c d e f"])),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3)),
    (pa.float64(), st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.0])),
    (pa.bool_(), st.booleans()),
    (pa.date32(), MOMENTS.map(lambda moment: moment.date())),
    (pa.timestamp("us", tz="UTC"), MOMENTS),
]


@st.composite
def column(draw):
    """Some rows of one type, drawn from few values or from many, with or without gaps."""
    kind, values = draw(st.sampled_from(KINDS))
    pool = draw(st.lists(values, min_size=1, max_size=draw(st.sampled_from([1, 3, 60]))))
    pool += [None] * draw(st.sampled_from([0, 0, 1, 5]))
    order = draw(st.randoms(use_true_random=False))
    return pa.array([order.choice(pool) for _ in range(ROWS)], kind)


@settings(max_examples=120)
@given(st.lists(column(), min_size=2, max_size=7), st.lists(st.text(max_size=5), min_size=7, max_size=7, unique=True))
def test_any_table_gives_a_profile_and_values_or_one_clear_line(columns, originals):
    names = safe_names(originals[: len(columns)])
    table = pa.table(columns, names=list(names))
    wishes = Wishes(table.column_names[-1])
    with contextlib.suppress(BadInput):
        profile = look(table, names, wishes)
        assert look(table, names, wishes) == profile
        json.dumps(profile.model_dump(mode="json"), allow_nan=False)
        choices = choose(profile, Source(uri="table.csv").renamed({n: o for n, o in names.items() if n != o}), "fuzz")
        json.dumps(plain(choices.tasks), allow_nan=False)
        used = {name for name, use in choices.uses.items() if use.feature}
        assert used <= set(names)
        assert plain(choices.tasks["ingest"])["features"] == [name for name in names if name in used]
