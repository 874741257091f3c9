"""The questions that people ask of the lineage, in one place: what differs, where from, what depends on it.

Everything here works over the port and gives frozen records, for a table, a tree or JSON.
"""

from penstock.lineage.comparison import Aspect, Comparison, Row, compare
from penstock.lineage.tracing import Node, Step, Trace, trace

__all__ = ["Aspect", "Comparison", "Node", "Row", "Step", "Trace", "compare", "trace"]
