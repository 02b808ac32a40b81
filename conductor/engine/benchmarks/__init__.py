"""
What `manage.py benchmark` measures of engine and sending: a module for each subject.

A subject's `measure` yields its figures, in an account flagged `is_benchmark` (`account`) on
ground that all share (`ground`). `hands` lets several sessions work at once, `running` lets the
cluster that runs work. Run as programs of their own: `clicks`, `door`, `sender`.
"""
