"""One folder a component: spec (interface), logic (decisions), main (input and output).

A project's own `components/` stands beside the installed one: both are this package.
"""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
