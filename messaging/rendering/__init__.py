"""
Fill messages in: MiniJinja, in a process of its own that may fail alone.

A marketer's template is a program. It gets dictionaries, strings and numbers only, a
ration of fuel, time and memory, and no database or network: it runs in a child
process (`messaging.rendering.child`) with an empty environment and a memory limit, since
one that doubles a string forty times would otherwise take the sender down with it.

* `language`: what a template may say (filters, limits, what is refused when it is saved)
* `child`: the process: requests and answers are lines of JSON, texts stand behind them
* `letters`: an email as a whole, where nothing is missing but what its templates make
* `renderer`: keeps a child, asks it, replaces it when it dies

What a template sees: `contact`, `fields` (`fields.Group.Field` or
`fields["Group.Field"]`), `list`, `event`, `now`; a message's also `order` and `coupon`, a
webhook's the `secrets` that it names. What is not there is empty; `names` finds it.
"""

from messaging.rendering.letters import Form, Stamp
from messaging.rendering.renderer import (
    TemplateFaultError,
    check,
    compile_mjml,
    render,
    render_whole,
)

__all__ = [
    "Form",
    "Stamp",
    "TemplateFaultError",
    "check",
    "compile_mjml",
    "render",
    "render_whole",
]
