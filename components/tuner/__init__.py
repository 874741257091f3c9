"""Search for the parameters of a training that do best on held-out training rows."""
