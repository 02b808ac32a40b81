"""
What step types are made of, and what the engine gives them; see conductor.steps.

Steps import these names from `conductor.steps`: a package of its own, since no step type
may know another.
"""
