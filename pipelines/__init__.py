"""One folder a pipeline: wiring in `pipeline.py`, values in `pipeline.yaml`, `compiled.yaml` generated."""
