"""Rules between a model's scores and its answers, versioned with the bundle: clamp, suppress, override, fall back.

`document` is `rules.yaml`, read strictly; `conditions` its language (CEL, from Google's library: nothing is evaluated
by Python); `applying` what the rules make of scores; `examples` the examples in the file, which must come out as they
say before a bundle is made. Runs in the serving environment.
"""
