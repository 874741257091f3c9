"""Load tests of a model server: how slow its answers are at a rate, and how many it answers in a second.

`open_loop` sends on a timetable whatever comes back, so that a server that stalls is charged for every request that
would have come meanwhile. `rate` finds the greatest rate within a latency, `budget` says whether a report keeps a
budget: both pure.
"""
