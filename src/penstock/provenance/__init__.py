"""What an execution is: its code, its environment, its inputs, and the one key over all of them.

Whoever starts work - the runner on a laptop, the entry of a container on a cluster - works out the same key for the
same work, so that what one of them has finished need not be done again by another.
"""
