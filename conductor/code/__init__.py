"""
Scripts of code steps: JavaScript without clock, chance, files or network.

* `sandbox`: the interpreter, in WebAssembly, with its fuel and memory counted exactly
* `child`: the process that it runs in, beside the worker, with limits of its own
* `runner`: what asks it
"""

from conductor.code.runner import Ran, check, run

__all__ = ["Ran", "check", "run"]
