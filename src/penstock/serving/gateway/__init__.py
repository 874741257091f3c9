"""A small reverse proxy in front of model servers: it keeps the weights of a release on one machine.

`routing` decides (pure); `http_server` and `upstream` speak HTTP; `forwarding` leads one request to an answer, whatever
dies meanwhile; `exchange` says what an exchange means to the prediction log, and `recorder` writes that; `admin` lets
the supervisor set the route. Runs in the serving environment: `python -m penstock.serving.gateway`.
"""
