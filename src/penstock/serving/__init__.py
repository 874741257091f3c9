"""A model behind KServe's protocols, and a short load test of it.

Runs in the serving environment (KServe and TensorFlow, nothing of the runtime's libraries), as programs: other
parts of the house start `python -m penstock.serving.server` and `python -m penstock.serving.load_test`, they do not
import them. `requests` decides what a request means (NumPy alone), `predictor` knows TensorFlow, `kserve_model` and
`kserve_app` know KServe, `server` is the command line.
"""
