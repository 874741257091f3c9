"""KFP's control flow, for a `pipeline.py` that needs more than gates.

Loops, branches, and what collects their results are KFP's own: nothing is wrapped, everything it documents holds.
"""

from kfp.dsl import Collected, Elif, Else, ExitHandler, If, OneOf, ParallelFor

__all__ = ["Collected", "Elif", "Else", "ExitHandler", "If", "OneOf", "ParallelFor"]
